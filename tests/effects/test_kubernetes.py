"""Which manifests a run gives to a cluster, and which it only writes."""

from __future__ import annotations

import json
from typing import Any

import pytest

from aisafe.effects.api import SourceFile
from aisafe.model import Coverage, Manifest, Unknown
from tests.effects.scenes import predicted, run

SERVICE = "apiVersion: v1\nkind: Service\nmetadata: {name: web}\nspec: {type: hush}\n"
FILES = {"/opt/a.yml": SERVICE.encode(), "/opt/b.yaml": SERVICE.replace("web", "two").encode(), "/opt/c.txt": b"x"}


def brief(manifest: Manifest) -> str:
    if manifest.unread:
        return f"{manifest.where}? {manifest.unread}"
    document = json.loads(manifest.document)
    flags = ("+" if manifest.given else "") + ("!" if manifest.strict else "")
    return f"{flags}{document['kind']} {document['metadata']['name']} {manifest.where}"


def told(module: str, args: dict[str, Any], **more: Any) -> list[str]:
    host = predicted(FILES, directories=("/opt",))
    run(host, module, args, **more)
    found = host.forecast(Coverage()).manifests
    assert "hush" not in repr(found)
    return [brief(item) for item in found]


DEFINITION = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "s"}, "stringData": {"a": "hush"}}


@pytest.mark.parametrize(
    ("module", "args", "found"),
    [
        ("kubernetes.core.k8s", {"definition": DEFINITION}, ["+Secret s definition"]),
        ("kubernetes.core.k8s", {"resource_definition": SERVICE + "---\n" + SERVICE.replace("web", "b")},
         ["+Service web definition", "+Service b definition"]),
        ("kubernetes.core.k8s", {"definition": [DEFINITION, SERVICE]}, ["+Secret s definition", "+Service web definition"]),
        ("kubernetes.core.k8s", {"definition": DEFINITION, "state": "absent"}, []),
        ("kubernetes.core.k8s", {"definition": {**DEFINITION, "data": Unknown("the output of x")}},
         ["definition? it depends on a part of it"]),
        ("kubernetes.core.k8s", {"src": "/opt/a.yml"}, ["+Service web /opt/a.yml"]),
        ("kubernetes.core.k8s", {"src": "/opt/none.yml"}, ["/opt/none.yml? it is not there"]),
        ("kubernetes.core.k8s", {"name": "x", "kind": "Namespace", "state": "present"}, []),
        ("command", {"_raw_params": "kubectl apply -f /opt/a.yml"}, ["+!Service web /opt/a.yml"]),
        ("command", {"_raw_params": "kubectl --context=x create --filename=/opt/a.yml,/opt/b.yaml --validate=false"},
         ["+Service web /opt/a.yml", "+Service two /opt/b.yaml"]),
        ("command", {"_raw_params": "kubectl replace -f /opt -n shop"},
         ["+!Service web /opt/a.yml", "+!Service two /opt/b.yaml"]),
        ("command", {"_raw_params": "kubectl apply -f -", "stdin": SERVICE}, ["+!Service web its standard input"]),
        ("command", {"_raw_params": "kubectl apply -f https://example.org/x.yml?token=hush"},
         ["https://example.org/x.yml? it comes from the network"]),
        ("command", {"_raw_params": "kubectl delete -f /opt/a.yml"}, []),
        ("copy", {"dest": "/opt/new.yml", "content": SERVICE}, ["Service web /opt/new.yml"]),
        ("copy", {"dest": "/opt/new.conf", "content": SERVICE}, []),
        ("copy", {"dest": "/opt/new.yml", "content": "kind: x\n"}, []),
        ("copy", {"dest": "/opt/new.yml", "content": Unknown("x", partial="apiVersion: v1\nkind: ⟦x⟧\n")},
         ["/opt/new.yml? it depends on x"]),
    ],
)  # fmt: skip
def test_where_manifests_come_from(module: str, args: dict[str, Any], found: list[str]) -> None:
    assert told(module, args) == found


def test_a_template_is_rendered_before() -> None:
    source = (SourceFile(name="x.yml.j2", content=SERVICE.encode()), SourceFile(name="y.yml.j2", content=Unknown("x")))
    found = told("kubernetes.core.k8s", {"template": ["x.yml.j2", "y.yml.j2"]}, source=source)
    assert found == ["+Service web x.yml.j2", "y.yml.j2? it depends on x"]


def test_no_log_keeps_the_object_out() -> None:
    assert told("kubernetes.core.k8s", {"definition": DEFINITION}, no_log=True) == ["definition? the task has no_log"]


def test_a_file_that_is_written_and_applied_counts_once() -> None:
    host = predicted(FILES, directories=("/opt",))
    run(host, "copy", {"dest": "/opt/a.yml", "content": SERVICE.replace("web", "new")})
    run(host, "command", {"_raw_params": "kubectl apply -f /opt/a.yml"})
    assert [brief(item) for item in host.forecast(Coverage()).manifests] == ["+!Service new /opt/a.yml"]


def test_kubectl_acts_elsewhere_and_shows_no_secret() -> None:
    host = predicted()
    command = "kubectl create secret generic x --from-literal=password=hush"
    (effect,) = run(host, "command", {"_raw_params": command}).effects
    assert (effect.name, effect.elsewhere, effect.reversible) == ("kubectl create", True, False)
    assert run(host, "command", {"_raw_params": "kubectl cp a:/x /etc/passwd"}).opaque
