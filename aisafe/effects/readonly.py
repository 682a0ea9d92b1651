"""Programs, and ways to call them, that leave the host as it is; those whose answer the predicted host knows."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Sequence

from aisafe.effects.programs import Ran, Scene, program, split_options, texts
from aisafe.effects.shell import Word

ALWAYS = frozenset(
    [
        "arch",
        "awk",
        "b2sum",
        "basename",
        "blkid",
        "cal",
        "cat",
        "cksum",
        "cmp",
        "column",
        "comm",
        "cut",
        "df",
        "diff",
        "dig",
        "dirname",
        "dmidecode",
        "du",
        "egrep",
        "expr",
        "fgrep",
        "file",
        "findmnt",
        "fold",
        "free",
        "getconf",
        "getent",
        "getfacl",
        "getfattr",
        "grep",
        "groups",
        "head",
        "host",
        "id",
        "jq",
        "last",
        "lastlog",
        "locale",
        "ls",
        "lsattr",
        "lsb_release",
        "lsblk",
        "lscpu",
        "lsmod",
        "lsns",
        "lsof",
        "lspci",
        "lsusb",
        "md5sum",
        "mpstat",
        "namei",
        "netstat",
        "nl",
        "nproc",
        "nslookup",
        "numfmt",
        "od",
        "paste",
        "pgrep",
        "pidof",
        "ping",
        "ping6",
        "printenv",
        "printf",
        "ps",
        "pstree",
        "pwd",
        "readlink",
        "realpath",
        "resolvectl",
        "rev",
        "sar",
        "seq",
        "sha1sum",
        "sha224sum",
        "sha256sum",
        "sha384sum",
        "sha512sum",
        "sleep",
        "sort",
        "ss",
        "ssh-keyscan",
        "stat",
        "strings",
        "sum",
        "tac",
        "tail",
        "tr",
        "traceroute",
        "tracepath",
        "tty",
        "type",
        "uname",
        "uniq",
        "uptime",
        "users",
        "vmstat",
        "w",
        "wait",
        "wc",
        "whereis",
        "which",
        "who",
        "whoami",
        "xxd",
        "yes",
        "zcat",
        "zgrep",
        ":",
        "true",
        "false",
        "test",
        "[",
        "echo",
        "apt-cache",
        "apt-config",
        "dpkg-query",
        "rpmquery",
        "systemd-analyze",
        "systemd-detect-virt",
        "systemd-escape",
        "lshw",
        "ulimit",
        "umask",
        "set",
    ]
)
_COMPOSE = (
    r"((-f|-p|--file|--project-\S+|--profile|--env-file)[ =]\S+ |-\S+ )*(ps|config|logs|ls|images|version|top|port)\b"
)
_ENGINE = (
    r"(--log-level[ =]\S+ )?(ps|inspect|images|logs|version|info|port|top|stats|diff|history|search|events|wait|exists|"
    r"(container|image|network|volume|system|context|node|service|stack|buildx|plugin|pod|secret|config|manifest) "
    r"(ls|list|inspect|logs|df|info|history|ps|show|exists|search)|compose " + _COMPOSE + r")\b"
)
# program: a pattern on the words after it, joined by blanks; what matches only reads
WAYS: dict[str, str] = {
    "apache2": r"(-t|-S|-M|-v|-V)( |$)",
    "apache2ctl": r"(-t|-S|-M|-v|-V|configtest|status)\b",
    "apachectl": r"(-t|-S|-M|-v|-V|configtest|status)\b",
    "apt": r"(list|show|search|policy|depends|rdepends)\b",
    "apt-get": r"(-s|--simulate|--dry-run|indextargets)\b",
    "apt-mark": r"show\w*",
    "caddy": r"(validate|version|adapt|list-modules)\b",
    "chage": r"-l\b",
    "command": r"-[vV] ",
    "consul": r"(members|info|validate|version|catalog)\b",
    "crontab": r"(-u \S+ )?-l\b",
    "date": r"(?!.*(-s\b|--set))(?!\d).*",
    "df": r".*",
    "dmesg": r"(?!.*(-[cCDEn]\b|--clear|--read-clear|--console)).*",
    "dnf": r"(-q )?(list|info|search|repoquery|repolist|check-update|provides|history)\b",
    "docker": _ENGINE,
    "dpkg": r"(-[lLsSpVC]|--list|--status|--listfiles|--search|"
    r"--get-selections|--print-\S+|--compare-versions|--audit)\b",
    "etcdctl": r"(get|member list|endpoint|version|alarm list|snapshot status)\b",
    "env": r"$",
    "ethtool": r"(-[ikSgacTn] )?\w+$",
    "find": r"(?!.*(-exec|-execdir|-ok|-okdir|-delete|-fprint\S*|-fls)\b).*",
    "firewall-cmd": r"--(state|list-\S+|get-\S+|query-\S+|info-\S+|permanent --(list|query|get)\S*)",
    "git": r"(-C \S+ |--git-dir=\S+ )?"
    r"((status|log|rev-parse|describe|diff|show|ls-remote|ls-files|rev-list|cat-file)\b|version$|"
    r"branch( (-a|-r|-v+|-l|--list|--show-current|--contains)\b.*)?$|remote( -v| show.*| get-url.*)?$|"
    r"tag( (-l|--list)\b.*)?$|config (--get\S*|--list|-l)\b|symbolic-ref --short )",
    "gpg": r"(?=.*(--list-\S+|--show-keys|--version|--fingerprint|--with-colons)).*",
    "haproxy": r"(?=.*-c\b|-vv?$).*",
    "helm": r"(list|ls|get|status|history|version|template|show|search|lint)\b",
    "hostname": r"(-[fsdiIaAy]+)?$",
    "hostnamectl": r"(status|show)?$",
    "ifconfig": r"(-a|\w+)?$",
    "ip": r"(-\S+ )*(a|addr|address|l|link|r|route|n|neigh|rule|netns|maddr)( (s|sh|show|list|ls|get)\b.*)?$",
    "ip6tables": r"(?=.*(-[LSC]\b|--list|--check)).*",
    "iptables": r"(?=.*(-[LSC]\b|--list|--check)).*",
    "iptables-save": r"$",
    "journalctl": r"(?!.*--(vacuum|rotate|flush|sync|setup-keys|update-catalog)).*",
    "kubectl": r"(-n \S+ )?(get|describe|logs|version|top|explain|api-resources|cluster-info|"
    r"config (view|get-\S+|current-context)|"
    r"auth can-i|diff|rollout (status|history))\b",
    "loginctl": r"(list-\S+|show-\S+|\S+-status)?( .*)?$",
    "lvs": r".*",
    "vgs": r".*",
    "pvs": r".*",
    "mount": r"(-l)?$",
    "named-checkconf": r".*",
    "named-checkzone": r".*",
    "nft": r"(-\S+ )*list\b",
    "nginx": r"(-[tTqvV]+)( |$)(?!.*-s)",
    "nc": r"(?=.*-\w*z)",
    "ncat": r"(?=.*-\w*z)",
    "promtool": r"(check|test|query|debug)\b",
    "amtool": r"check-config\b",
    "node": r"(-v|--version)$",
    "npm": r"(ls|list|view|outdated|root|prefix|config get|-v)\b",
    "ntpq": r".*",
    "chronyc": r"(tracking|sources|sourcestats|activity|ntpdata|serverstats)\b",
    "httpd": r"(-t|-S|-M|-v|-V)( |$)",
    "otelcol": r"(-v|--version|validate|components)\b",
    "otelcol-contrib": r"(-v|--version|validate|components)\b",
    "openssl": r"(version|x509|verify|s_client|rsa|pkey|ciphers|list|dgst|crl|req -noout)\b(?!.*-out\b)",
    "podman": _ENGINE,
    "podman-compose": _COMPOSE,
    "docker-compose": _COMPOSE,
    "pip": r"(list|show|freeze|check|--version|-V)\b",
    "pip3": r"(list|show|freeze|check|--version|-V)\b",
    "pg_isready": r".*",
    "php-fpm": r"(-t|-v|-i|-m)\b",
    "postconf": r"(?!.*(-[eX#]|=)).*",
    "redis-cli": r"(-[hpna] \S+ |-\S+ )*(ping|PING|info|INFO|get|GET)\b",
    "rabbitmqctl": r"(status|list_\S+|cluster_status|ping|version)\b",
    "route": r"(-n)?$",
    "rpm": r"(-q\S*|--query|-V|--verify|--eval)\b",
    "sed": r"(?!.*(-\w*i|--in-place)|.*\bw /).*",
    "snap": r"(list|info|find|version)\b",
    "squid": r"-k (check|parse)$",
    "sshd": r"(-[tT])\b",
    "swapon": r"(-s|--show)",
    "sysctl": r"(?!.*(-w\b|--write|-p|--load|--system|=)).*",
    "timedatectl": r"(status|show|list-timezones)?( .*)?$",
    "ufw": r"status\b",
    "update-alternatives": r"--(display|list|query|get-selections)\b",
    "useradd": r"-D$",
    "vault": r"(status|version)\b",
    "visudo": r"-\w*c",
    "unbound-checkconf": r".*",
    "varnishd": r"-C\b",
    "virsh": r"(list|dominfo|domstate|net-list|pool-list)\b",
    "wg": r"show\b",
    "xargs": r"(-\S+ )*(echo|ls|cat|grep|stat)\b",
    "yq": r"(?!.*(-i\b|--inplace)).*",
    "yum": r"(-q )?(list|info|search|repolist|check-update|provides)\b",
    "zabbix_get": r".*",
    "zypper": r"(-\S+ )*(se|search|info|if|lr|repos|list-updates|lu)\b",
}
_HELP = {"--version", "-V", "--help", "version", "-version"}
_WRITING_AWK = re.compile(r"system\s*\(|>|\|")


def only_reads(name: str, words: Sequence[Word]) -> bool:
    """Whether the program leaves the host as it is when called so; words that the shell expands may hold an option."""
    given = texts(words)
    if len(given) == 1 and given[0] in _HELP:
        return True
    if name in ("awk", "gawk", "mawk"):
        return not any(_WRITING_AWK.search(text) or text in ("-i", "-f") for text in given)
    if name == "sort":
        return not any(text.startswith(("-o", "--output")) for text in given)
    if name in ALWAYS:
        return True
    pattern = WAYS.get(name)
    return pattern is not None and re.match(pattern, " ".join(given)) is not None


@program("true", ":")
def true(scene: Scene, words: Sequence[Word]) -> Ran:
    return Ran(ok=True, rc=0, stdout="")


@program("false")
def false(scene: Scene, words: Sequence[Word]) -> Ran:
    return Ran(ok=False, rc=1, stdout="")


@program("echo")
def echo(scene: Scene, words: Sequence[Word]) -> Ran:
    given = list(words)
    newline = "\n"
    while given and given[0].text in ("-n", "-e", "-E", "-ne", "-en"):
        flag = given.pop(0).text
        newline = "" if "n" in flag else newline
        if "e" in flag:
            return Ran(ok=True, rc=0)
    plain = all(word.literal and "\\" not in word.text for word in given)
    return Ran(ok=True, rc=0, stdout=" ".join(texts(given)) + newline if plain else None)


@program("printf")
def printf(scene: Scene, words: Sequence[Word]) -> Ran:
    """``printf 'text\\n'`` and ``printf '%s\\n' words`` only."""
    if not words or not all(word.literal for word in words):
        return Ran(ok=None)
    form, values = words[0].text.replace("\\n", "\n").replace("\\t", "\t"), texts(words[1:])
    if "\\" in form or form.count("%") != form.count("%s") or form.count("%s") not in (0, 1):
        return Ran(ok=True, rc=0)
    made = "".join(form.replace("%s", value) for value in values) if "%s" in form else form
    return Ran(ok=True, rc=0, stdout=made)


@program("cat")
def cat(scene: Scene, words: Sequence[Word]) -> Ran:
    options, operands = split_options(words)
    if options:
        return Ran()
    if not operands:
        return Ran(ok=True, rc=0, stdout=scene.stdin)
    parts: list[str] = []
    for path in scene.paths(operands):
        found = scene.host.file(path, follow=True)
        if found.exists is False:
            return Ran(ok=False, rc=1)
        if not isinstance(found.content, bytes) or found.certainty != "certain":
            return Ran()
        parts.append(found.content.decode("utf-8", "surrogateescape"))
    return Ran(ok=True, rc=0, stdout="".join(parts))


@program("test", "[")
def test(scene: Scene, words: Sequence[Word]) -> Ran:
    """One primary of test(1), with ``!`` before it; others are not known."""
    given = [word for word in words if word.text != "]"]
    negated = bool(given) and given[0].text == "!"
    given = given[1:] if negated else given
    answer = _primary(scene, given) if all(word.literal for word in given) else None
    if answer is None:
        return Ran(stdout="")
    answer = answer != negated
    return Ran(ok=answer, rc=0 if answer else 1, stdout="")


def _primary(scene: Scene, given: Sequence[Word]) -> bool | None:
    words = texts(given)
    if len(words) == 3 and words[1] in ("=", "==", "!="):
        return (words[0] == words[2]) == (words[1] != "!=")
    if len(words) != 2:
        return None
    operator, operand = words
    if operator in ("-z", "-n"):
        return (operand == "") == (operator == "-z")
    if operator not in ("-e", "-f", "-d", "-L", "-h", "-s", "-x", "-r", "-a"):
        return None
    found = scene.host.file(scene.path(operand), follow=operator not in ("-L", "-h"))
    if found.exists is None:
        return None
    if operator in ("-e", "-a", "-r"):
        return found.kind != "absent"
    if operator == "-s":
        return None if found.kind == "file" and found.size is None else bool(found.size)
    if operator == "-x":
        return (
            None
            if found.kind == "file" and found.mode is None
            else found.kind == "directory" or bool((found.mode or 0) & 0o111)
        )
    return found.kind == {"-f": "file", "-d": "directory", "-L": "link", "-h": "link"}[operator]


@program("ls", "stat")
def ls(scene: Scene, words: Sequence[Word]) -> Ran:
    """Whether every path is there decides on the exit code."""
    _, operands = split_options(words, valued="c format")
    there = [scene.host.file(path).exists for path in scene.paths(operands)] if operands else [None]
    if False in there:
        return Ran(ok=False, rc=2 if len(words) else 1)
    return Ran(ok=True) if all(there) else Ran()


@program("id", "getent")
def account(scene: Scene, words: Sequence[Word]) -> Ran:
    """Only a name that is certainly there is told: others may come from elsewhere than passwd(5)."""
    names = [text for text in texts(words) if not text.startswith("-")][-1:]
    return Ran(ok=True, rc=0) if names and names[0] in scene.host.users else Ran()


@program("which", "command")
def which(scene: Scene, words: Sequence[Word]) -> Ran:
    """A program of dpkg-like systems' usual directories (environ(7), PATH)."""
    names = [text for text in texts(words) if not text.startswith("-")]
    if len(names) != 1 or "/" in names[0]:
        return Ran()
    for folder in ("/usr/local/sbin", "/usr/local/bin", "/usr/sbin", "/usr/bin", "/sbin", "/bin"):
        if scene.host.file(posixpath.join(folder, names[0]), follow=True).exists:
            return Ran(ok=True, rc=0, stdout=f"{folder}/{names[0]}\n")
    return Ran()
