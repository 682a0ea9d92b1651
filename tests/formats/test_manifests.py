from __future__ import annotations

from typing import Any

import pytest

from aisafe.formats.manifests import BadManifest, objects, without_texts


def test_documents_and_lists_are_objects_one_by_one() -> None:
    text = "---\napiVersion: v1\nkind: List\nitems:\n- {apiVersion: v1, kind: Pod}\n---\n---\n{apiVersion: v1, kind: Service}\n"
    assert [item["kind"] for item in objects(text)] == ["Pod", "Service"]


def test_values_that_go_reads_otherwise() -> None:
    (item,) = objects("{apiVersion: v1, kind: X, a: 12:30, b: 2024-01-31, c: =, d: 0644, e: yes, f: 1.5}")
    assert [item[key] for key in "abcdef"] == ["12:30", "2024-01-31", "=", 0o644, True, 1.5]


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("a: {{ x }}", "not YAML at line 1"),
        ("[1, 2]", "without apiVersion and kind"),
        ("apiVersion: v1\nkind: [x]", "without apiVersion and kind"),
        ("x" * 2_000_000, "too large"),
        ("apiVersion: v1\nkind: X\n" + "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n" + "".join(
            f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]\n" for n in range(1, 9)), "too many parts"),
        ("&x\napiVersion: v1\nkind: X\nself: *x\n", "too many parts"),
    ],
)  # fmt: skip
def test_what_is_refused(text: str, says: str) -> None:
    with pytest.raises(BadManifest, match=says):
        objects(text)


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ({"kind": "Secret", "metadata": {"name": "a"}, "stringData": {"p": "hush", "pin": 1234, "name": "hush", "on": True}},
         {"kind": "Secret", "metadata": {"name": "a"}, "stringData": {"p": "***", "pin": 0, "name": "***", "on": False}}),
        ({"env": [{"name": "PASSWORD", "value": "hush"}], "args": ["--token=hush"], "replicas": 3},
         {"env": [{"name": "PASSWORD", "value": "***"}], "args": ["***"], "replicas": 3}),
    ],
)  # fmt: skip
def test_no_text_is_kept(given: dict[str, Any], kept: dict[str, Any]) -> None:
    assert without_texts(given) == kept
