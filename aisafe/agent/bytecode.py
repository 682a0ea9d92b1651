"""An archive of Python once more with its bytecode, so that a start need not compile it (0.1 s and more)."""

from __future__ import annotations

import importlib.util
import marshal
import os
import struct
import sys
import zipfile

UNCHECKED = 1
"""Flag of a .pyc that holds a hash and is never compared with its source (PEP 552)."""


def compiled(path: str) -> str:
    """The path of the archive with bytecode for this interpreter, made beside ``path`` when it is not there yet.

    Its sources stay in it, so that another interpreter runs it as well. Raises OSError when it cannot be written.
    """
    target = "%s.%s.pyz" % (os.path.splitext(path)[0], sys.implementation.cache_tag)
    if os.path.exists(target):
        return target
    scratch = "%s.%d" % (target, os.getpid())
    try:
        with zipfile.ZipFile(path) as plain, zipfile.ZipFile(scratch, "w") as fast:
            for name in plain.namelist():
                text = plain.read(name)
                if name.endswith(".py"):
                    code = marshal.dumps(compile(text, "%s/%s" % (target, name), "exec", dont_inherit=True))
                    head = importlib.util.MAGIC_NUMBER + struct.pack("<I", UNCHECKED) + importlib.util.source_hash(text)
                    fast.writestr(name + "c", head + code)
                fast.writestr(name, text)
        os.chmod(scratch, 0o644)
        os.rename(scratch, target)
    except OSError:
        if os.path.exists(scratch):
            os.unlink(scratch)
        raise
    return target
