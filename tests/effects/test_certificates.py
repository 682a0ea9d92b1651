"""Files that the real modules made, judged by the models; nothing secret is kept here, keys are made anew each time."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from aisafe.effects.api import Result
from tests.effects.scenes import predicted, regular, run
from tests.effects.test_same_as_module import really

CRYPTO = "community.crypto."


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A key, its public part, a request, a self-signed certificate, one by an own authority, an SSH key."""
    top = tmp_path_factory.mktemp("pki")
    key, csr = {"privatekey_path": f"{top}/k.pem"}, {"csr_path": f"{top}/r.csr"}
    for module, args in (
        ("openssl_privatekey", {"path": f"{top}/k.pem", "size": 2048}),
        ("openssl_privatekey", {"path": f"{top}/ec.pem", "type": "ECC", "curve": "secp256r1"}),
        ("openssl_publickey", {"path": f"{top}/k.pub", **key}),
        ("openssl_csr", {**key, "path": f"{top}/r.csr", "common_name": "x.example",
                         "subject_alt_name": "DNS:x.example,IP:10.0.0.1"}),
        ("x509_certificate", {"path": f"{top}/c.pem", **key, **csr, "provider": "selfsigned"}),
        ("openssl_privatekey", {"path": f"{top}/ca.key", "size": 2048}),
        ("openssl_csr", {"path": f"{top}/ca.csr", "privatekey_path": f"{top}/ca.key", "common_name": "CA"}),
        ("x509_certificate", {"path": f"{top}/ca.pem", "privatekey_path": f"{top}/ca.key", "csr_path": f"{top}/ca.csr",
                              "provider": "selfsigned"}),
        ("x509_certificate", {"path": f"{top}/own.pem", **csr, "provider": "ownca", "ownca_path": f"{top}/ca.pem",
                              "ownca_privatekey_path": f"{top}/ca.key"}),
        ("openssh_keypair", {"path": f"{top}/id", "type": "ed25519", "comment": "me"}),
    ):  # fmt: skip
        answer = really(f"{CRYPTO}{module}", args)
        assert not answer.get("failed"), answer
    return top


def judged(top: Path, module: str, args: dict[str, Any]) -> Result:
    files = {
        f"/srv/{file.name}": regular(f"/srv/{file.name}", file.read_bytes(), mode=file.stat().st_mode & 0o777)
        for file in top.iterdir()
    }
    return run(predicted(files), f"{CRYPTO}{module}", args)


KEY = {"privatekey_path": "/srv/k.pem"}
CSR = {"path": "/srv/r.csr", **KEY, "common_name": "x.example", "subject_alt_name": ["IP:10.0.0.1", "DNS:x.example"]}
CERTIFICATE = {"path": "/srv/c.pem", **KEY, "csr_path": "/srv/r.csr", "provider": "selfsigned"}
OWN = {"path": "/srv/own.pem", "csr_path": "/srv/r.csr", "provider": "ownca", "ownca_path": "/srv/ca.pem"}


@pytest.mark.parametrize(
    ("module", "args"),
    [
        ("openssl_privatekey", {"path": "/srv/k.pem", "size": 2048}),
        ("openssl_privatekey", {"path": "/srv/ec.pem", "type": "ECC", "curve": "secp256r1"}),
        ("openssl_publickey", {"path": "/srv/k.pub", **KEY}),
        ("openssl_csr", CSR),
        ("x509_certificate", CERTIFICATE),
        ("x509_certificate", OWN),
        ("openssh_keypair", {"path": "/srv/id", "type": "ed25519"}),
        ("openssl_dhparam", {"path": "/srv/none.pem", "state": "absent"}),
        ("x509_certificate_info", {"path": "/srv/c.pem"}),
    ],
)
def test_what_is_as_asked_stays(made: Path, module: str, args: dict[str, Any]) -> None:
    result = judged(made, module, args)
    assert (result.effects, result.changed) == ((), False)


@pytest.mark.parametrize(
    ("module", "args", "changed"),
    [
        ("openssl_privatekey", {"path": "/srv/k.pem"}, True),
        ("openssl_privatekey", {"path": "/srv/k.pem", "size": 2048, "force": True}, True),
        ("openssl_privatekey", {"path": "/srv/ec.pem", "type": "ECC", "curve": "secp384r1"}, True),
        ("openssl_privatekey", {"path": "/srv/c.pem"}, True),
        ("openssl_publickey", {"path": "/srv/k.pub", "privatekey_path": "/srv/ca.key"}, True),
        ("openssl_csr", {**CSR, "common_name": "y.example"}, True),
        ("openssl_csr", {**CSR, "privatekey_path": "/srv/ca.key"}, True),
        ("openssl_csr", {**CSR, "key_usage": ["digitalSignature"]}, None),
        ("x509_certificate", {**CERTIFICATE, "privatekey_path": "/srv/ca.key"}, None),
        ("x509_certificate", {**CERTIFICATE, "force": True}, True),
        ("x509_certificate", {**OWN, "ownca_path": "/srv/c.pem"}, None),
        ("openssh_keypair", {"path": "/srv/id", "type": "rsa"}, None),
        ("openssl_privatekey", {"path": "/srv/new.pem"}, True),
    ],
)
def test_what_is_not_as_asked(made: Path, module: str, args: dict[str, Any], changed: bool | None) -> None:
    result = judged(made, module, args)
    assert result.changed is changed
    assert result.effects
    assert not any("PRIVATE" in repr(one) for one in result.effects)


def test_a_new_key_has_a_mode_of_its_own() -> None:
    host = predicted()
    run(host, f"{CRYPTO}openssl_privatekey", {"path": "/srv/k.pem"})
    assert host.file("/srv/k.pem").mode == 0o600
    run(host, f"{CRYPTO}openssh_keypair", {"path": "/srv/id"})
    assert (host.file("/srv/id").mode, host.file("/srv/id.pub").exists) == (0o600, True)


def test_the_authority_is_asked_when_the_certificate_is_about_to_end(made: Path) -> None:
    args = {"dest": "/srv/c.pem", "account_key_src": "/srv/k.pem", "csr": "/srv/r.csr"}
    assert judged(made, "acme_certificate", {**args, "remaining_days": 30}).changed is False
    result = judged(made, "acme_certificate", {**args, "remaining_days": 90000})
    assert [one.reversible for one in result.effects] == [False, True]
