"""community.crypto: keys, requests, certificates. What is made anew is random; what is there is left when it is as asked.

Source: the modules' documentation (``regenerate``, ``force``, ``remaining_days``).
"""

from __future__ import annotations

import posixpath
from collections.abc import Sequence
from datetime import timedelta
from ipaddress import ip_address

from aisafe.effects.api import Call, Result
from aisafe.effects.arguments import Arguments, BadArgument
from aisafe.effects.attributes import backup, remote_path, understood, write
from aisafe.effects.elsewhere import act
from aisafe.effects.files import need_parent
from aisafe.effects.predicted import PredictedHost
from aisafe.effects.predicted import changed as changed_by
from aisafe.formats import pem
from aisafe.model import Effect, Unknown

_KEY = "0600"
_SUBJECT = {"country_name": "2.5.4.6", "state_or_province_name": "2.5.4.8", "locality_name": "2.5.4.7",
            "organization_name": "2.5.4.10", "organizational_unit_name": "2.5.4.11", "common_name": "2.5.4.3",
            "email_address": "1.2.840.113549.1.9.1"}  # fmt: skip
_ALIASES = {"C": "country_name", "ST": "state_or_province_name", "L": "locality_name", "O": "organization_name",
            "OU": "organizational_unit_name", "CN": "common_name", "E": "email_address"}  # fmt: skip
_PLAIN = {"path", "privatekey_path", "privatekey_passphrase", "subject_alt_name", "state", "force", "mode", "owner", "group",
          "backup", "digest", "use_common_name_for_san", "return_content", "version", *_SUBJECT}  # fmt: skip


def _kept(call: Call, host: PredictedHost, args: Arguments, path: str) -> Result:
    """The content stays; mode and owner are set as asked."""
    effects = write(call, host, args, path, None)
    return Result(effects=effects, changed=changed_by(effects), values={"filename": path})


def _made(
    call: Call, host: PredictedHost, args: Arguments, path: str, content: bytes | Unknown, *, mode: str | None = None
) -> Result:
    need_parent(host, path, f"The directory {posixpath.dirname(path)} does not exist or the path is not a directory")
    there = host.file(path).exists
    effects: tuple[Effect, ...] = backup(call, path) if there and args.flag("backup") else ()
    wanted = args.raw("mode") if args.given("mode") else mode
    effects = (*write(call, host, args, path, content, mode=wanted), *effects)
    sure = there is False or isinstance(content, bytes)
    return Result(effects=effects, changed=True if there is False else changed_by(effects) if sure else None,
                  values={"filename": path})  # fmt: skip


def _renewed(
    call: Call, host: PredictedHost, args: Arguments, path: str, what: str, *, mode: str | None = None
) -> Result:
    """Certainly made anew: other bytes than those that are there."""
    made = _made(call, host, args, path, Unknown(what), mode=mode)
    effect = Effect(kind="file", action="change", name=path, task=call.task, detail=what, paths=(path,))
    return Result(
        effects=made.effects if host.file(path).kind == "absent" else (effect,), changed=True, values=made.values
    )


def _removed(call: Call, host: PredictedHost, path: str) -> Result:
    effects = host.remove(call, path)
    return Result(effects=effects, changed=changed_by(effects), values={"filename": path})


def _unsure(call: Call, host: PredictedHost, path: str, why: str) -> Result:
    return Result(effects=host.files.disturb(call, path, why), changed=None, values={"filename": path})


def _content(host: PredictedHost, path: str) -> bytes | None:
    found = host.file(path, follow=True)
    return found.content if isinstance(found.content, bytes) and found.certainty == "certain" else None


@understood("community.crypto.openssl_privatekey", kind="file")
def openssl_privatekey(call: Call, host: PredictedHost, args: Arguments) -> Result:
    path, regenerate = (
        remote_path(args.need("path"), call=call, host=host),
        args.word("regenerate", default="full_idempotence"),
    )
    if args.word("state", default="present") == "absent":
        return _removed(call, host, path)
    there = host.file(path, follow=True).exists
    if there is False:
        return _made(call, host, args, path, Unknown("a new private key"), mode=_KEY)
    if args.flag("force") or regenerate == "always":
        return _renewed(call, host, args, path, "a new private key", mode=_KEY)
    if regenerate == "never":
        return _kept(call, host, args, path)
    content = _content(host, path)
    if content is None:
        return _unsure(call, host, path, "which key is there")
    key, kind = pem.private_key(content, args.text("passphrase")), args.word("type", default="RSA")
    size = args.number("size") or 4096
    same = key is not None and key.kind == kind and (kind not in ("RSA", "DSA") or key.size == size)
    if same and key is not None and kind == "ECC":
        same = key.curve == args.need("curve")
    if same:
        return _kept(call, host, args, path)
    if regenerate in ("fail", "partial_idempotence") and (key is None or regenerate == "fail"):
        raise BadArgument("Key has wrong type and/or size, or cannot be read. Will not proceed.")
    return _renewed(call, host, args, path, "a new private key", mode=_KEY)


@understood("community.crypto.openssl_publickey", kind="file")
def openssl_publickey(call: Call, host: PredictedHost, args: Arguments) -> Result:
    path = remote_path(args.need("path"), call=call, host=host)
    if args.word("state", default="present") == "absent":
        return _removed(call, host, path)
    source = args.text("privatekey_path")
    private = args.text("privatekey_content")
    content = private.encode() if private is not None else None
    if source is not None:
        content = _content(host, remote_path(source, call=call, host=host))
    text = None
    if content is not None:
        openssh = args.word("format", default="PEM") == "OpenSSH"
        text = pem.public_text(content, args.text("privatekey_passphrase"), openssh=openssh)
    if text is None:
        text_or = Unknown("the public part of the private key")
        return _made(call, host, args, path, text_or)
    now = _content(host, path)
    if now is not None and now.strip() == text.strip() and not args.flag("force"):
        return _kept(call, host, args, path)
    return _made(call, host, args, path, text)


@understood("community.crypto.openssl_csr", kind="file")
def openssl_csr(call: Call, host: PredictedHost, args: Arguments) -> Result:
    """A request is left when its subject, names and key are those asked for; options beyond those are not compared."""
    path = remote_path(args.need("path"), call=call, host=host)
    if args.word("state", default="present") == "absent":
        return _removed(call, host, path)
    if host.file(path, follow=True).exists is False:
        return _made(call, host, args, path, Unknown("a new certificate signing request"))
    if args.flag("force"):
        return _renewed(call, host, args, path, "a new certificate signing request")
    content, key = _content(host, path), _key_of(call, host, args)
    found = pem.request(content) if content is not None else None
    if found is None or key is None or set(call.args) - _PLAIN - set(_ALIASES):
        return _unsure(call, host, path, "whether the request is as asked")
    wanted = {
        oid: args.text(name, *(short for short, long in _ALIASES.items() if long == name))
        for name, oid in _SUBJECT.items()
    }
    subject = {(oid, value) for oid, value in wanted.items() if value is not None}
    same = set(found.subject) == subject and found.names == _names(args) and found.public == key
    same = same and set(found.extensions) <= {"2.5.29.17"}
    return (
        _kept(call, host, args, path) if same else _renewed(call, host, args, path, "a new certificate signing request")
    )


def _names(args: Arguments) -> frozenset[str]:
    given = args.words("subject_alt_name", "subjectAltName")
    common = args.text("common_name", "CN")
    if not given and common and args.flag("use_common_name_for_san", default=True):
        given = (f"DNS:{common}",)
    return frozenset(_name(text) for text in given)


def _name(text: str) -> str:
    kind, _, value = text.partition(":")
    if kind == "IP":
        try:
            value = str(ip_address(value))
        except ValueError:
            return text
    return f"{kind}:{value}"


def _key_of(call: Call, host: PredictedHost, args: Arguments) -> bytes | None:
    """The public part of the private key that the task names; None where it is not known."""
    content: bytes | None = None
    if (text := args.text("privatekey_content")) is not None:
        content = text.encode()
    elif (path := args.text("privatekey_path")) is not None:
        content = _content(host, remote_path(path, call=call, host=host))
    key = pem.private_key(content, args.text("privatekey_passphrase")) if content is not None else None
    return None if key is None else key.public


@understood("community.crypto.x509_certificate", kind="file")
def x509_certificate(call: Call, host: PredictedHost, args: Arguments) -> Result:
    """A certificate is left when it fits its key and its request; the times in it are not compared (ignore_timestamps)."""
    path, provider = remote_path(args.need("path"), call=call, host=host), args.word("provider", default="selfsigned")
    if args.word("state", default="present") == "absent":
        return _removed(call, host, path)
    there = host.file(path, follow=True).exists
    outside: tuple[Effect, ...] = ()
    if provider in ("acme", "entrust"):
        outside = (act(call, why="" if there is False else "whether the certificate is still good"),)
    if there is False or args.flag("force"):
        made = _made if there is False else None
        result = made(call, host, args, path, Unknown("a new certificate")) if made else _renewed(
            call, host, args, path, "a new certificate")  # fmt: skip
        return Result(effects=(*outside, *result.effects), changed=True, values=result.values)
    if outside or not args.flag("ignore_timestamps", default=True) or not _fits(call, host, args, path, provider):
        result = _unsure(call, host, path, "whether the certificate is as asked")
        return Result(effects=(*outside, *result.effects), changed=None, values=result.values)
    return _kept(call, host, args, path)


def _fits(call: Call, host: PredictedHost, args: Arguments, path: str, provider: str) -> bool:
    content, key = _content(host, path), _key_of(call, host, args)
    found = pem.certificate(content) if content is not None else None
    if found is None or (key is None and provider == "selfsigned") or (key is not None and found.public != key):
        return False
    request = args.text("csr_path")
    if request is not None:
        text = _content(host, remote_path(request, call=call, host=host))
        asked = pem.request(text) if text is not None else None
        if asked is None or asked.public != found.public or asked.subject != found.subject:
            return False
        if any(found.extensions.get(oid) != value for oid, value in asked.extensions.items()):
            return False
    elif provider != "selfsigned" or args.given("csr_content"):
        return False
    if provider == "selfsigned":
        return found.issuer == found.subject
    authority = args.text("ownca_path")
    text = _content(host, remote_path(authority, call=call, host=host)) if authority else None
    ca = pem.certificate(text) if text is not None else None
    return provider == "ownca" and ca is not None and found.issuer == ca.subject


@understood("community.crypto.openssl_dhparam", kind="file")
def openssl_dhparam(call: Call, host: PredictedHost, args: Arguments) -> Result:
    path = remote_path(args.need("path"), call=call, host=host)
    if args.word("state", default="present") == "absent":
        return _removed(call, host, path)
    content = _content(host, path)
    if host.file(path, follow=True).exists is False:
        return _made(call, host, args, path, Unknown("new parameters"))
    if content is None:
        return _unsure(call, host, path, "which parameters are there")
    if not args.flag("force") and pem.parameters_size(content) == (args.number("size") or 4096):
        return _kept(call, host, args, path)
    return _renewed(call, host, args, path, "new parameters")


@understood("community.crypto.openssh_keypair", kind="file")
def openssh_keypair(call: Call, host: PredictedHost, args: Arguments) -> Result:
    """ssh-keygen(1): the key and PATH.pub."""
    path, kind = remote_path(args.need("path"), call=call, host=host), args.word("type", default="rsa")
    public = f"{path}.pub"
    if args.word("state", default="present") == "absent":
        effects = (*host.remove(call, path), *host.remove(call, public))
        return Result(effects=effects, changed=changed_by(effects))
    there, regenerate = host.file(path, follow=True).exists, args.word("regenerate", default="partial_idempotence")
    forced = args.flag("force") or regenerate == "always"
    found = pem.ssh_public_key(host.file(public, follow=True).text or "")
    size = args.number("size") or {"rsa": 4096, "dsa": 1024, "ecdsa": 256, "ed25519": 256}.get(kind, 0)
    comment = args.text("comment")
    if there and not forced:
        same = found is not None and found[:2] == (kind, size) and (comment is None or comment == found[2])
        if same or regenerate == "never":
            effects = write(call, host, args, path, None)
            return Result(effects=effects, changed=changed_by(effects), values={"filename": path})
        effects = (*host.files.disturb(call, path, "whether the key is as asked"),
                   *host.files.disturb(call, public, "whether the key is as asked"))  # fmt: skip
        return Result(effects=effects, changed=None)
    if there is None:
        return _unsure(call, host, path, "which key is there")
    if there:
        return _renewed(call, host, args, path, "a new key", mode=_KEY)
    effects = (*_made(call, host, args, path, Unknown("a new key"), mode=_KEY).effects,
               *_made(call, host, Arguments({}), public, Unknown("the public part of a new key")).effects)  # fmt: skip
    return Result(effects=effects, changed=True, values={"filename": path})


@understood("community.crypto.acme_certificate", "community.crypto.acme_certificate_order_finalize", kind="file")
def acme_certificate(call: Call, host: PredictedHost, args: Arguments) -> Result:
    """Asks the authority when the certificate ends within ``remaining_days``; the orders there are not undone."""
    keys = ("dest", "cert", "cert_dest", "fullchain_dest", "fullchain", "chain_dest", "chain")
    places = [remote_path(args.need(key), call=call, host=host) for key in keys if args.given(key)]
    content = _content(host, places[0]) if places else None
    found = pem.certificate(content) if content is not None else None
    left = args.number("remaining_days")
    enough = timedelta(days=(10 if left is None else left) + 1)
    good = found is not None and found.not_after is not None and found.not_after - host.state.taken_at > enough
    if good and not args.flag("force"):
        return Result(changed=False)
    why = "what the authority answers"
    effects: Sequence[Effect] = (
        act(call, why=""),
        *(one for place in places for one in host.files.disturb(call, place, why)),
    )
    return Result(effects=tuple(effects), changed=None)


@understood(
    "community.crypto.openssl_pkcs12", "community.crypto.openssh_cert", "community.crypto.x509_crl",
    "community.crypto.openssl_privatekey_convert", "community.crypto.x509_certificate_convert", "community.general.java_keystore",
    "community.sops.sops_encrypt", kind="file",
)  # fmt: skip
def container(call: Call, host: PredictedHost, args: Arguments) -> Result:
    """A file made of others: new when it is not there, else not compared."""
    path = remote_path(args.need("path", "dest", "dest_path"), call=call, host=host)
    if args.word("state", default="present") == "absent":
        return _removed(call, host, path)
    if host.file(path, follow=True).exists is False:
        return _made(
            call, host, args, path, Unknown("what it is made of"), mode="0400" if "pkcs12" in call.module else None
        )
    return _unsure(call, host, path, "whether it is as asked")


@understood("community.general.java_cert", kind="file")
def java_cert(call: Call, host: PredictedHost, args: Arguments) -> Result:
    path = remote_path(args.word("keystore_path", default="/etc/ssl/certs/java/cacerts"), call=call, host=host)
    return _unsure(call, host, path, "which certificates the keystore has")


@understood(
    "community.crypto.openssl_csr_pipe", "community.crypto.openssl_privatekey_pipe", "community.crypto.x509_certificate_pipe",
    "community.crypto.openssl_signature", "community.crypto.get_certificate", "community.crypto.certificate_complete_chain",
    "community.crypto.acme_challenge_cert_helper", "community.crypto.acme_certificate_order_info", kind="command",
)  # fmt: skip
def answers(call: Call, host: PredictedHost, args: Arguments) -> Result:
    """They answer the play and write nothing."""
    return Result(changed=None if call.module.endswith("_pipe") else False)


@understood(
    "community.crypto.acme_account", "community.crypto.acme_certificate_revoke", "community.crypto.acme_inspect",
    "community.crypto.acme_certificate_deactivate_authz", "community.crypto.acme_certificate_order_create",
    "community.crypto.acme_certificate_order_validate", "community.crypto.ecs_certificate", "community.crypto.ecs_domain",
    kind="command",
)  # fmt: skip
def authority(call: Call, host: PredictedHost, args: Arguments) -> Result:
    return Result(effects=(act(call, why="what the authority has already"),), changed=None)
