"""Secrets that stand as plain text, in a playbook's YAML or in a service's own files: their names, never their values."""

from __future__ import annotations

import re
from collections.abc import Iterator

import yaml

from aisafe.frozen import frozen

LARGEST = 1 << 20
"""Characters of a file that is looked at."""
_NAMES = re.compile(
    r"(?:^|_)(?:password|passwd|passphrase|secret|secret_key|access_key|token|api_?key|private_key(?:_content)?|credentials?)$",
    re.IGNORECASE,
)
_NO_SECRET = frozenset("update_password ask_pass ask_password generate_password force_password use_token".split())
_SWITCHES = frozenset(
    "true false yes no on off none null omit always on_create present absent required optional".split()
)
_PLACEHOLDER = re.compile(
    r"^(?:change.?(?:me|it|this).*|todo.*|xxx+|\.\.\.|<.*>|your[-_ ].*|example|placeholder|dummy|secret|password|admin|test)$",
    re.IGNORECASE,
)
_ELSEWHERE = re.compile(r"^(?:/|~/|\./|[a-z]+://[^:@]*$|\$[0-9a-z]+\$|\$\{?[A-Z_]+\}?$)")
"""A path, an address without a password in it, a hash of crypt(5), a variable of the environment."""
_ASSIGNED = re.compile(
    r"""^\s*(?:export\s+|[-]\s+)?(?P<quote>["']?)(?P<name>[A-Za-z][\w.-]{0,79})(?P=quote)\s*(?::=?|=>?)\s*
        (?P<value>"[^"\n]*"|'[^'\n]*'|⟦[^⟧\n]*⟧|[^\s#;,"']+)\s*[,;]?\s*(?:[#;].*)?$""",
    re.MULTILINE | re.VERBOSE,
)
"""``NAME=value`` (env, INI, properties, shell), ``name: value`` (YAML), ``"name": "value"`` (JSON), one on a line."""
_ADDRESS = re.compile(r"\b[a-z][a-z0-9+.-]*://[^\s/:@'\"]*:(?P<value>[^\s/@'\"]+)@")
_KEY = re.compile(r"^-----BEGIN (?!ENCRYPTED)(?:[A-Z0-9]+ )?PRIVATE KEY-----\s*$", re.MULTILINE)
_CODE = re.compile(r"^[^\"'⟦].*[()\[\]]|^[A-Za-z_]\w*(?:\.[A-Za-z_]\w*)+$")
"""An expression of a program, which brings its value from elsewhere."""
_ACCOUNTS = frozenset(("passwd", "passwd_compat"))
"""Databases of nsswitch.conf(5), whose values are where they lie."""


@frozen
class PlainSecret:
    """``line`` from 1. ``placeholder``: the value is one of those that stand in for a real one (``changeme``)."""

    line: int
    name: str
    placeholder: bool = False


def plain_secrets(text: str) -> tuple[PlainSecret, ...]:
    """Of one YAML file, in the order of its lines; nothing for a file that is encrypted or cannot be parsed."""
    if (
        text.startswith("$ANSIBLE_VAULT")
        or len(text) > LARGEST
        or not re.search(r"(?i)pass|secret|token|key|credential", text)
    ):
        return ()
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    try:
        documents = list(yaml.compose_all(text, Loader=loader))
        found = {secret for document in documents for secret in _of(document, set())}
    except (yaml.YAMLError, RecursionError):
        return ()
    return tuple(sorted(found, key=lambda secret: (secret.line, secret.name)))


def _of(node: yaml.Node | None, seen: set[int]) -> Iterator[PlainSecret]:
    if node is None or id(node) in seen:
        return
    seen.add(id(node))
    if isinstance(node, yaml.SequenceNode):
        for item in node.value:
            yield from _of(item, seen)
    elif isinstance(node, yaml.MappingNode):
        for key, value in node.value:
            if isinstance(value, yaml.ScalarNode):
                if _is_secret(str(key.value), value):
                    yield PlainSecret(line=value.start_mark.line + 1, name=str(key.value),
                                      placeholder=bool(_PLACEHOLDER.match(value.value.strip())))  # fmt: skip
            else:
                yield from _of(value, seen)


def _is_secret(name: str, value: yaml.ScalarNode) -> bool:
    plain = value.tag in ("tag:yaml.org,2002:str", "tag:yaml.org,2002:int")
    return plain and _named_and_given(name, value.value.strip())


def _named_and_given(name: str, text: str) -> bool:
    return (
        bool(_NAMES.search(name))
        and name.lower() not in _NO_SECRET
        and len(text) > 2
        and "{{" not in text
        and "{%" not in text
        and text.lower() not in _SWITCHES
        and not _ELSEWHERE.match(text)
    )


def secrets_held(text: str) -> tuple[str, ...]:
    """What a file of whatever kind holds for whoever reads it: names of settings whose value is a secret, ``a private key``,
    ``the password in an address``. What only stands in for a secret (``changeme``, ``${DB_PASSWORD}``) does not count."""
    if len(text) > LARGEST:
        return ()
    found = ["a private key"] if _KEY.search(text) else []
    for match in _ASSIGNED.finditer(text):
        name, value = match["name"], match["value"]
        last = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name).replace("-", "_").rpartition(".")[2]
        if last.lower() in _ACCOUNTS or _CODE.search(value):
            continue
        value = value.strip("\"'").strip()
        if not value.startswith(("$", "%", "<")) and not _PLACEHOLDER.match(value) and _named_and_given(last, value):
            found.append(name)
    for match in _ADDRESS.finditer(text):
        if not match["value"].startswith(("$", "%", "<", "{")) and not _PLACEHOLDER.match(match["value"]):
            found.append("the password in an address")
    return tuple(dict.fromkeys(found))
