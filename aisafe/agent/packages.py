"""Which packages are installed, and in which version."""

from __future__ import annotations

import os
import re
import shutil
import subprocess

from .failure import AgentFailure

DPKG = "/var/lib/dpkg/status"


def packages() -> dict[str, str]:
    """Name -> version; a package of a foreign architecture is ``name:arch``.

    Raises AgentFailure 'no-packages' when they cannot be read, or this host keeps them in a way that is not known.
    """
    try:
        if os.path.exists(DPKG):
            with open(DPKG, encoding="utf-8", errors="replace") as file:
                return parse_status(file.read())
        if shutil.which("rpm"):
            form = "%{NAME}\\t%|EPOCH?{%{EPOCH}:}:{}|%{VERSION}-%{RELEASE}\\n"
            output = subprocess.check_output(["rpm", "-qa", "--qf", form], stderr=subprocess.DEVNULL, timeout=60)
            return dict(line.split("\t", 1) for line in output.decode(errors="replace").splitlines() if "\t" in line)
    except (OSError, subprocess.SubprocessError) as error:
        raise AgentFailure("no-packages", "the installed packages cannot be read: %s" % error) from error
    raise AgentFailure("no-packages", "this host has neither dpkg nor rpm; its packages are not read")


def parse_status(text: str) -> dict[str, str]:
    """The installed packages of dpkg's status file (deb-control(5); dpkg-query(1), "Status")."""
    native = re.search(r"^Package: dpkg\n(?:.+\n)*?Architecture: (\S+)", text, re.MULTILINE)
    found = {}
    for stanza in text.split("\n\n"):
        fields = dict(re.findall(r"^(Package|Status|Architecture|Version): (.*)$", stanza, re.MULTILINE))
        if fields.get("Status", "").split()[-1:] not in (["installed"], ["triggers-pending"], ["triggers-awaited"]):
            continue
        foreign = native and fields.get("Architecture") not in ("all", native.group(1))
        name = fields.get("Package", "")
        found["%s:%s" % (name, fields["Architecture"]) if foreign else name] = fields.get("Version", "")
    return found
