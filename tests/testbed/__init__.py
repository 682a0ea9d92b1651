"""Real test hosts: Debian with systemd, sshd and a Docker engine of its own, in containers, reached over ssh.

Standard library only. See README.md here.
"""

from .engine import engine
from .errors import TestbedError
from .fleet import down, find, fresh, remove_owned, status, up
from .host import Host, inventory
from .image import build

__all__ = [
    "Host",
    "TestbedError",
    "build",
    "down",
    "engine",
    "find",
    "fresh",
    "inventory",
    "remove_owned",
    "status",
    "up",
]
