"""Make the inner images of a test host from its own Debian binaries, as archives for `docker load`.

No registry can be reached from a test host. What is made here has the names, entry points, commands and exposed ports
of the images upstream; ids do not change from one run to the next, since nothing in them carries the time of day.
Format: https://github.com/moby/docker-image-spec/blob/main/v1.2.md
"""

from __future__ import annotations

import hashlib
import io
import json
import re
import subprocess
import sys
import tarfile
from collections.abc import Mapping
from pathlib import Path

CREATED = "2024-01-01T00:00:00Z"
EPOCH = 1704067200
BUSYBOX = Path("/bin/busybox")
PROMETHEUS_YML = """global:
  scrape_interval: 15s
scrape_configs:
  - job_name: prometheus
    static_configs:
      - targets: ["localhost:9090"]
"""
PASSWD = "root:x:0:0:root:/root:/bin/sh\nnobody:x:65534:65534:nobody:/nonexistent:/bin/false\n"
GROUP = "root:x:0:\nnobody:x:65534:\n"


class Layer:
    """One tar layer under construction."""

    def __init__(self) -> None:
        self.buffer = io.BytesIO()
        self.tar = tarfile.TarFile(fileobj=self.buffer, mode="w", format=tarfile.GNU_FORMAT)

    def directory(self, path: str, mode: int = 0o755, owner: int = 0) -> None:
        info = tarfile.TarInfo(path)
        info.type, info.mode, info.mtime, info.uid, info.gid = tarfile.DIRTYPE, mode, EPOCH, owner, owner
        self.tar.addfile(info)

    def file(self, path: str, data: bytes, mode: int = 0o644) -> None:
        info = tarfile.TarInfo(path)
        info.mode, info.mtime, info.size = mode, EPOCH, len(data)
        self.tar.addfile(info, io.BytesIO(data))

    def link(self, path: str, target: str) -> None:
        info = tarfile.TarInfo(path)
        info.type, info.mtime, info.linkname = tarfile.SYMTYPE, EPOCH, target
        self.tar.addfile(info)

    def base(self) -> None:
        """The skeleton of a busybox image: applet links, users, a writable /tmp."""
        for path in ("bin", "etc", "root", "var", "lib", "lib64", "usr", "usr/bin", "proc", "sys", "dev"):
            self.directory(path)
        self.directory("tmp", mode=0o1777)
        self.file("bin/busybox", BUSYBOX.read_bytes(), mode=0o755)
        applets = subprocess.run([BUSYBOX, "--list"], check=True, capture_output=True, text=True).stdout.split()
        for applet in sorted(set(applets) - {"busybox"}):
            self.link(f"bin/{applet}", "busybox")
        self.file("etc/passwd", PASSWD.encode())
        self.file("etc/group", GROUP.encode())

    def program(self, source: str, target: str) -> None:
        """A dynamically linked program of the host with the libraries it needs."""
        self.file(target, Path(source).read_bytes(), mode=0o755)
        listed = subprocess.run(["ldd", source], check=False, capture_output=True, text=True).stdout
        for library in sorted(set(re.findall(r"(/\S+) \(0x", listed))):
            self.file(library.lstrip("/"), Path(library).read_bytes(), mode=0o755)

    def bytes(self) -> bytes:
        self.tar.close()
        return self.buffer.getvalue()


def archive(directory: Path, tag: str, layer: bytes, config: Mapping[str, object]) -> None:
    """Write DIRECTORY/NAME.tar with one image of one layer."""
    digest = hashlib.sha256(layer).hexdigest()
    image = {
        "architecture": subprocess.run(
            ["dpkg", "--print-architecture"], check=True, capture_output=True, text=True
        ).stdout.strip(),
        "config": config,
        "created": CREATED,
        "history": [{"created": CREATED, "created_by": "made from Debian packages"}],
        "os": "linux",
        "rootfs": {"type": "layers", "diff_ids": [f"sha256:{digest}"]},
    }
    text = json.dumps(image, sort_keys=True).encode()
    name = hashlib.sha256(text).hexdigest()
    manifest = [{"Config": f"{name}.json", "RepoTags": [tag], "Layers": [f"{digest}/layer.tar"]}]
    outer = Layer()
    outer.file(f"{name}.json", text)
    outer.directory(digest)
    outer.file(f"{digest}/layer.tar", layer)
    outer.file("manifest.json", json.dumps(manifest).encode())
    (directory / (re.sub(r"[/:]", "_", tag) + ".tar")).write_bytes(outer.bytes())


def main() -> None:
    directory = Path(sys.argv[1])
    directory.mkdir(parents=True, exist_ok=True)
    path = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

    layer = Layer()
    layer.base()
    archive(directory, "busybox:1.36", layer.bytes(), {"Cmd": ["sh"], "Env": [path]})

    layer = Layer()
    layer.base()
    layer.program("/usr/bin/prometheus", "bin/prometheus")
    layer.directory("etc/prometheus")
    layer.file("etc/prometheus/prometheus.yml", PROMETHEUS_YML.encode())
    layer.directory("prometheus", owner=65534)
    config = {
        "User": "nobody",
        "ExposedPorts": {"9090/tcp": {}},
        "Env": [path],
        "Entrypoint": ["/bin/prometheus"],
        "Cmd": ["--config.file=/etc/prometheus/prometheus.yml", "--storage.tsdb.path=/prometheus"],
        "Volumes": {"/prometheus": {}},
        "WorkingDir": "/prometheus",
    }
    archive(directory, "prom/prometheus:v2.42.0", layer.bytes(), config)

    layer = Layer()
    layer.base()
    layer.program("/usr/bin/prometheus-node-exporter", "bin/node_exporter")
    config = {
        "User": "nobody",
        "ExposedPorts": {"9100/tcp": {}},
        "Env": [path],
        "Entrypoint": ["/bin/node_exporter"],
    }
    archive(directory, "prom/node-exporter:v1.5.0", layer.bytes(), config)


main()
