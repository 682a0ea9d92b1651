"""Keys, certificates and requests in PEM (RFC 7468) and OpenSSH's own form, as far as it must be known whether one is as asked.

Reading is cryptography's; it is imported when the first one is met, since few runs meet any.
"""

from __future__ import annotations

import base64
import re
import struct
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from aisafe.frozen import frozen


@frozen
class Key:
    """``kind``: RSA, DSA, ECC, Ed25519, Ed448, X25519, X448 as ansible names them; ``size`` in bits; ``public``: its DER."""

    kind: str
    size: int
    curve: str
    public: bytes


@frozen
class Certificate:
    """``subject`` and ``issuer``: (OID, value) in order. ``extensions``: OID -> (critical, DER) but for key identifiers."""

    subject: tuple[tuple[str, str], ...]
    issuer: tuple[tuple[str, str], ...]
    extensions: Mapping[str, tuple[bool, bytes]]
    names: frozenset[str]
    public: bytes
    not_after: datetime | None = None


_IDENTIFIERS = ("2.5.29.14", "2.5.29.35")  # subject and authority key identifier


def private_key(content: bytes, passphrase: str | None = None) -> Key | None:
    """None for what is no private key, or cannot be opened with ``passphrase``."""
    from cryptography.hazmat.primitives import serialization  # noqa: PLC0415

    try:
        key = serialization.load_pem_private_key(content, passphrase.encode() if passphrase else None)
    except (ValueError, TypeError):
        return None
    return _key(key)


def _key(key: Any) -> Key:
    kind = type(key).__name__.removeprefix("_").removesuffix("PrivateKey")
    kind = {"EllipticCurve": "ECC", "EC": "ECC"}.get(kind, kind)
    curve = getattr(getattr(key, "curve", None), "name", "")
    return Key(kind=kind, size=getattr(key, "key_size", 0), curve=curve, public=_der(key.public_key()))


def _der(public: Any) -> bytes:
    from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat  # noqa: PLC0415

    return bytes(public.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo))


def public_text(content: bytes, passphrase: str | None, *, openssh: bool) -> bytes | None:
    """The public key of a private one as openssl_publickey writes it; None where that cannot be read."""
    from cryptography.hazmat.primitives import serialization  # noqa: PLC0415
    from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat  # noqa: PLC0415

    try:
        key = serialization.load_pem_private_key(content, passphrase.encode() if passphrase else None)
        if openssh:
            return key.public_key().public_bytes(Encoding.OpenSSH, PublicFormat.OpenSSH)
        return key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    except (ValueError, TypeError):
        return None


def certificate(content: bytes) -> Certificate | None:
    """The first certificate in ``content``."""
    from cryptography import x509  # noqa: PLC0415

    try:
        found = x509.load_pem_x509_certificate(content)
        return _certificate(found, issuer=found.issuer, not_after=found.not_valid_after_utc)
    except ValueError:
        return None


def request(content: bytes) -> Certificate | None:
    """A certificate signing request (PKCS #10, RFC 2986) whose own signature is right."""
    from cryptography import x509  # noqa: PLC0415

    try:
        found = x509.load_pem_x509_csr(content)
        return _certificate(found, issuer=None, not_after=None) if found.is_signature_valid else None
    except ValueError:
        return None


def _certificate(found: Any, *, issuer: Any, not_after: datetime | None) -> Certificate:
    from cryptography import x509  # noqa: PLC0415

    extensions = {item.oid.dotted_string: item for item in found.extensions}
    names: Sequence[Any] = ()
    if (alternative := extensions.get("2.5.29.17")) is not None:
        names = alternative.value
    kinds: dict[Any, str] = {
        x509.DNSName: "DNS",
        x509.IPAddress: "IP",
        x509.RFC822Name: "email",
        x509.UniformResourceIdentifier: "URI",
    }
    return Certificate(
        subject=_pairs(found.subject), issuer=_pairs(issuer) if issuer is not None else (),
        extensions={
            name: (item.critical, item.value.public_bytes()) for name, item in extensions.items() if name not in _IDENTIFIERS
        },
        names=frozenset(f"{kinds.get(type(name), type(name).__name__)}:{getattr(name, 'value', '')}" for name in names),
        public=_der(found.public_key()), not_after=not_after,
    )  # fmt: skip


def _pairs(name: Any) -> tuple[tuple[str, str], ...]:
    return tuple((item.oid.dotted_string, str(item.value)) for item in name)


def parameters_size(content: bytes) -> int | None:
    """Bits of Diffie-Hellman parameters (PKCS #3: a sequence that begins with the prime); None for what are none."""
    found = re.search(rb"-----BEGIN DH PARAMETERS-----\s+([A-Za-z0-9+/=\s]+)-----END DH PARAMETERS-----", content)
    try:
        sequence = _value(base64.b64decode(found[1]), 0x30) if found else None
        prime = _value(sequence, 0x02) if sequence else None
    except ValueError:
        return None
    return int.from_bytes(prime, "big").bit_length() if prime else None


def _value(der: bytes, tag: int) -> bytes | None:
    """The value of the first element, when it is of this tag (X.690, 8.1)."""
    if len(der) < 2 or der[0] != tag:
        return None
    length, at = der[1], 2
    if length & 0x80:
        at += length & 0x7F
        length = int.from_bytes(der[2:at], "big")
    return der[at : at + length]


def ssh_public_key(text: str) -> tuple[str, int, str] | None:
    """Type (rsa, dsa, ecdsa, ed25519), bits and comment of a line of sshd(8)'s public key form (RFC 4253, 6.6)."""
    words = text.split(maxsplit=2)
    if len(words) < 2:
        return None
    try:
        blob = base64.b64decode(words[1], validate=True)
        parts = list(_strings(blob))
    except (ValueError, struct.error):
        return None
    kind = {"ssh-rsa": "rsa", "ssh-dss": "dsa", "ssh-ed25519": "ed25519"}.get(
        words[0], "ecdsa" if "ecdsa" in words[0] else ""
    )
    if not kind or not parts or parts[0].decode("ascii", "replace") != words[0]:
        return None
    comment = words[2].strip() if len(words) > 2 else ""
    if kind in ("rsa", "dsa"):
        at = 2 if kind == "rsa" else 1  # after the exponent of RSA comes its modulus; DSA begins with its prime
        return (kind, int.from_bytes(parts[at], "big").bit_length(), comment) if len(parts) > at else None
    curve = words[0][-3:]
    return (kind, 256, comment) if kind == "ed25519" else (kind, int(curve), comment) if curve.isdigit() else None


def _strings(blob: bytes) -> Sequence[bytes]:
    found: list[bytes] = []
    at = 0
    while at < len(blob):
        (length,) = struct.unpack_from(">I", blob, at)
        found.append(blob[at + 4 : at + 4 + length])
        at += 4 + length
    return found
