"""What a test host is made of: packages, files and settings. Pure but for reading this machine's apt configuration."""

from __future__ import annotations

import hashlib
import io
import re
import subprocess
import tarfile
from pathlib import Path

from . import state

SUITE = "bookworm"
DEFAULT_SOURCES = f"""\
deb http://deb.debian.org/debian {SUITE} main
deb http://deb.debian.org/debian {SUITE}-updates main
deb http://deb.debian.org/debian-security {SUITE}-security main
"""
PACKAGES = (
    *("systemd", "systemd-sysv", "dbus", "openssh-server", "python3", "python3-requests", "python3-apt", "rsync"),
    *("iproute2", "procps", "sudo", "ca-certificates", "docker.io", "iptables", "nftables", "busybox-static"),
    *("nginx-light", "prometheus-node-exporter", "prometheus", "acl", "attr", "curl", "cron", "less"),
)
INNER_IMAGES = ("busybox:1.36", "prom/prometheus:v2.42.0", "prom/node-exporter:v1.5.0")
"""Images that the inner engine of every host has from the start."""

# Documentation and translations are half of the files and are never looked at; tests stay quicker without them.
DPKG_OPTIONS = (
    "path-exclude=/usr/share/man/*",
    "path-exclude=/usr/share/locale/*",
    "path-exclude=/usr/share/doc/*",
    "path-include=/usr/share/doc/*/copyright",
)
SSHD = """\
# Test hosts: many connections at once, keys for everyone, a password for one user.
HostKey /etc/ssh/ssh_host_ed25519_key
UseDNS no
MaxStartups 200
MaxSessions 200
PasswordAuthentication no
Match User askpass
    PasswordAuthentication yes
"""
APT = 'Acquire::Languages "none";\n'
SUDOERS = "deploy ALL=(ALL:ALL) NOPASSWD: ALL\naskpass ALL=(ALL:ALL) ALL\n"
FILES = Path(__file__).parent / "files"
EPOCH = 1704067200


def sources() -> str:
    """The lines of sources.list for the hosts: this machine's own Debian mirrors, else Debian's."""
    os_release = Path("/etc/os-release")
    text = os_release.read_text() if os_release.exists() else ""
    if not re.search(r"^ID=debian$", text, re.MULTILINE):
        return DEFAULT_SOURCES
    codename = re.search(r"^VERSION_CODENAME=(\w+)$", text, re.MULTILINE)
    own = codename.group(1) if codename else SUITE
    lines: list[str] = []
    etc = Path("/etc/apt")
    for path in sorted([etc / "sources.list", *etc.glob("sources.list.d/*.list")]):
        if path.exists():
            lines += _one_line(path.read_text(), own)
    for path in sorted(etc.glob("sources.list.d/*.sources")):
        lines += _deb822(path.read_text(), own)
    if not any(f" {SUITE} " in line for line in lines):
        return DEFAULT_SOURCES
    return "".join(f"{line}\n" for line in dict.fromkeys(lines))


def _entry(uri: str, suite: str, own: str) -> str | None:
    """One line for a suite of Debian itself; a Debian mirror carries all releases, so the release is exchanged."""
    wanted = {own: SUITE, f"{own}-updates": f"{SUITE}-updates", f"{own}-security": f"{SUITE}-security"}
    if suite not in wanted or not re.match(r"(http|https|ftp)://", uri):
        return None
    return f"deb {uri} {wanted[suite]} main"


def _one_line(text: str, own: str) -> list[str]:
    """Entries of a one-line-style file, sources.list(5)."""
    found = []
    for line in text.splitlines():
        match = re.match(r"deb\s+(?:\[[^]]*\]\s+)?(\S+)\s+(\S+)\s", line)
        if match:
            found.append(_entry(match.group(1), match.group(2), own))
    return [line for line in found if line]


def _deb822(text: str, own: str) -> list[str]:
    """Entries of a deb822-style file, sources.list(5)."""
    found = []
    for stanza in re.split(r"\n\s*\n", text):
        kept = "\n".join(line for line in stanza.splitlines() if not line.startswith("#"))
        fields = {
            key.lower(): " ".join(value.split())
            for key, value in re.findall(r"^([A-Za-z-]+):((?:.*)(?:\n[ \t].*)*)", kept, re.MULTILINE)
        }
        if fields.get("enabled", "yes") == "yes" and "deb" in fields.get("types", "").split():
            found += [
                _entry(uri, suite, own)
                for uri in fields.get("uris", "").split()
                for suite in fields.get("suites", "").split()
            ]
    return [line for line in found if line]


def apt_settings() -> str:
    """This machine's apt settings about how to reach its mirrors: proxies, certificates, date checks."""
    try:
        dump = subprocess.run(["apt-config", "dump"], capture_output=True, text=True, check=False).stdout
    except FileNotFoundError:
        return ""
    wanted = re.compile(r"Acquire::(https?|ftp|Retries|ForceIPv[46]|Check-Valid-Until|Check-Date)\b.*\"[^\"]+\";$")
    return "".join(f"{line}\n" for line in dump.splitlines() if wanted.match(line))


def overlay() -> bytes:
    """A tar of the files that are laid over the packages, the same bytes for the same content."""
    authorized = state.public_key(state.client_key()) + "\n"
    files: list[tuple[str, bytes, int]] = [
        ("etc/ssh/testbed_authorized_keys", authorized.encode(), 0o644),
        ("etc/ssh/ssh_host_ed25519_key", state.host_key().read_bytes(), 0o600),
        ("etc/ssh/ssh_host_ed25519_key.pub", (state.public_key(state.host_key()) + "\n").encode(), 0o644),
        ("etc/ssh/sshd_config.d/10-testbed.conf", SSHD.encode(), 0o644),
        ("etc/sudoers.d/10-testbed", SUDOERS.encode(), 0o440),
        ("etc/apt/sources.list", sources().encode(), 0o644),
        ("etc/apt/apt.conf.d/90testbed", (APT + apt_settings()).encode(), 0o644),
        ("usr/local/sbin/testbed-init", (FILES / "init.sh").read_bytes(), 0o755),
        ("usr/local/share/testbed/inner_images.py", (FILES / "inner_images.py").read_bytes(), 0o644),
        ("testbed-setup.sh", (FILES / "setup.sh").read_bytes(), 0o755),
    ]
    for certificate in sorted(Path("/usr/local/share/ca-certificates").glob("**/*.crt")):
        files.append((f"usr/local/share/ca-certificates/{certificate.name}", certificate.read_bytes(), 0o644))
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=tarfile.GNU_FORMAT) as tar:
        for name, data, mode in files:
            info = tarfile.TarInfo(name)
            info.mode, info.size, info.mtime = mode, len(data), EPOCH
            tar.addfile(info, io.BytesIO(data))
    return buffer.getvalue()


def bootstrap(*, overlay_tar: Path, settings: Path, rootfs: Path, mirrors: Path) -> list[str]:
    """The mmdebstrap command that makes the root file system (mmdebstrap(1), "HOOKS")."""
    command = [
        "mmdebstrap",
        "--variant=minbase",
        "--mode=root",
        f"--include={','.join(PACKAGES)}",
        *(f"--dpkgopt={option}" for option in DPKG_OPTIONS),
        "--skip=cleanup/apt/lists",
        f"--aptopt={settings}",
        f"--customize-hook=tar-in {overlay_tar} /",
        '--customize-hook=chroot "$1" sh /testbed-setup.sh',
    ]
    keyring = Path("/usr/share/keyrings/debian-archive-keyring.gpg")
    if keyring.exists():
        command.append(f"--keyring={keyring}")
    return [*command, SUITE, str(rootfs), str(mirrors)]


def within_image() -> str:
    """The shell script that makes the same inside a container of a plain Debian image, after the overlay is in it."""
    options = "".join(f"echo '{option}' >>/etc/dpkg/dpkg.cfg.d/90testbed; " for option in DPKG_OPTIONS)
    return (
        f"set -eu; export DEBIAN_FRONTEND=noninteractive; {options}"
        f"rm -f /etc/apt/sources.list.d/* /etc/apt/apt.conf.d/docker-*; apt-get update; "
        f"apt-get install -y --no-install-recommends -o Dpkg::Options::=--force-confold {' '.join(PACKAGES)}; "
        f"apt-get clean; sh /testbed-setup.sh"
    )


def preload() -> str:
    """The shell script that fills /var/lib/docker of the image."""
    return (FILES / "preload.sh").read_text()


def tag() -> str:
    """The image's name and tag: another recipe gives another tag."""
    here = Path("-")
    parts = [*bootstrap(overlay_tar=here, settings=here, rootfs=here, mirrors=here), within_image(), preload()]
    digest = hashlib.sha256(overlay())
    for part in (*parts, *INNER_IMAGES):
        digest.update(part.encode() + b"\0")
    return f"aisafe-testbed:{digest.hexdigest()[:12]}"
