"""What is put on a host: the agent as one archive that Python runs (zipapp), the same bytes for the same content."""

from __future__ import annotations

import base64
import hashlib
import io
import zipfile
from dataclasses import field
from functools import cache
from pathlib import Path

from aisafe.frozen import frozen

AGENT = Path(__file__).parent.parent / "agent"
MAIN = b"import sys\n\nfrom agent.main import main\n\nsys.exit(main(sys.argv[1:]))\n"
EPOCH = (1980, 1, 1, 0, 0, 0)


@frozen
class Payload:
    """``version``: the first 12 hexadecimal digits of the sha256 of ``data``."""

    version: str
    data: bytes = field(repr=False)


@frozen
class FactsPayload:
    """A Python program that prints ansible's facts as JSON; ``version``: sha256 of ``data``, in hexadecimal."""

    version: str
    data: bytes = field(repr=False)

    @property
    def text(self) -> str:
        """The data in base64, for a JSON message."""
        return base64.b64encode(self.data).decode()


@cache
def agent() -> Payload:
    """The agent of this version of aisafe, with ``agent`` as its package and ``agent.main.main`` as its entry."""
    files = {f"agent/{path.name}": path.read_bytes() for path in AGENT.glob("*.py")}
    return pack({**files, "__main__.py": MAIN})


def pack(files: dict[str, bytes]) -> Payload:
    """An archive of these files, by name."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as archive:
        for name in sorted(files):
            info = zipfile.ZipInfo(name, EPOCH)
            info.external_attr = 0o644 << 16
            info.create_system = 3  # Unix, wherever it is built
            archive.writestr(info, files[name], zipfile.ZIP_DEFLATED)
    data = buffer.getvalue()
    return Payload(version=hashlib.sha256(data).hexdigest()[:12], data=data)
