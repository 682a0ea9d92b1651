from __future__ import annotations

from typing import Any

import pytest

from aisafe.effects.api import model_of
from tests.effects.scenes import predicted, run


@pytest.mark.parametrize(
    ("module", "args", "name", "certainty"),
    [
        ("community.postgresql.postgresql_query", {"login_db": "app", "query": "drop table x"}, "postgresql_query app",
         "possible"),
        ("community.mysql.mysql_db", {"name": "app", "state": "absent"}, "mysql_db absent app", "possible"),
        ("community.mongodb.mongodb_user", {"database": "a", "name": "b", "password": "hush"}, "mongodb_user b a", "possible"),
        ("kubernetes.core.k8s", {"definition": {"kind": "Service", "metadata": {"name": "web"}}}, "k8s Service web", "possible"),
        ("kubernetes.core.helm", {"name": "db", "chart_ref": "x", "release_namespace": "n"}, "helm db", "possible"),
        ("kubernetes.core.k8s_exec", {"namespace": "n", "pod": "p", "command": "reboot"}, "k8s_exec n p", "certain"),
        ("amazon.aws.ec2_instance", {"name": "web", "state": "absent"}, "ec2_instance absent web", "possible"),
        ("community.general.slack", {"token": "hush", "channel": "#ops", "msg": "x"}, "slack #ops", "certain"),
        ("community.general.keycloak_client", {"auth_password": "hush"}, "keycloak_client", "possible"),
        ("community.grafana.grafana_dashboard", {"url": "http://u:hush@g/x?key=hush"}, "grafana_dashboard", "possible"),
        ("community.proxmox.proxmox_kvm", {"vmid": 7, "state": "started"}, "proxmox_kvm started 7", "possible"),
    ],
)  # fmt: skip
def test_calls_to_other_systems_are_named_and_not_undone(
    module: str, args: dict[str, Any], name: str, certainty: str
) -> None:
    host = predicted()
    result = run(host, module, args)
    [effect] = result.effects
    assert (effect.kind, effect.name, effect.certainty) == ("command", name, certainty)
    assert (effect.reversible, effect.elsewhere, result.opaque) == (False, True, "")
    assert result.changed is None
    assert host.unforeseen == ""  # nothing on this host follows from it
    assert "hush" not in repr(result)


def test_no_log_hides_what_is_named() -> None:
    [effect] = run(predicted(), "community.mysql.mysql_user", {"name": "hush"}, no_log=True).effects
    assert "hush" not in repr(effect)


@pytest.mark.parametrize(
    ("module", "args"),
    [
        ("kubernetes.core.k8s_info", {"kind": "Pod"}),
        ("community.postgresql.postgresql_query", {"query": "SELECT count(*) FROM x;"}),
        ("community.mysql.mysql_query", {"query": ["SHOW TABLES", "select 1"]}),
        ("community.hashi_vault.vault_kv2_get", {"path": "x"}),
        ("community.general.redis_info", {}),
        ("some.where.thing_info", {}),
    ],
)
def test_what_only_looks(module: str, args: dict[str, Any]) -> None:
    result = run(predicted(), module, args)
    assert (result.effects, result.changed, result.opaque) == ((), False, "")


@pytest.mark.parametrize(
    "query", ["SELECT 1; DROP TABLE x", "select * into y from x", "select wipe()", "explain analyze delete from x"]
)
def test_statements_that_may_change_something(query: str) -> None:
    assert run(predicted(), "community.postgresql.postgresql_query", {"query": query}).changed is None


def test_facts_of_others_are_not_known_and_not_absent() -> None:
    assert "cloud_init" in run(predicted(), "community.general.cloud_init_data_facts", {}).untold


def test_a_module_beside_the_playbook_is_never_taken_for_one_of_a_collection() -> None:
    assert model_of("local.library.thing_info") is None
    assert model_of("local.library.slack") is None


def test_a_module_without_a_model_may_set_facts() -> None:
    result = run(predicted(), "some.where.thing", {})
    assert "some.where.thing" in result.opaque
    assert "some.where.thing" in result.untold


def test_database_dump_is_a_file() -> None:
    result = run(predicted(), "community.mysql.mysql_db", {"name": "app", "state": "dump", "target": "/srv/app.sql"})
    assert [(one.kind, one.name) for one in result.effects] == [("file", "/srv/app.sql")]


def test_rabbitmq_plugins_are_a_file_of_the_host() -> None:
    host = predicted({"/etc/rabbitmq/enabled_plugins": b"[rabbitmq_management].\n"})
    assert run(host, "community.rabbitmq.rabbitmq_plugin", {"names": "rabbitmq_management"}).changed is False
    assert run(host, "community.rabbitmq.rabbitmq_plugin", {"names": "rabbitmq_shovel"}).changed is True
    assert host.file("/etc/rabbitmq/enabled_plugins").content == b"[rabbitmq_management,rabbitmq_shovel].\n"


def test_pg_hba() -> None:
    host = predicted({"/etc/pg_hba.conf": b"# x\nhost all app 10.0.0.0/8 md5\n"})
    args = {"dest": "/etc/pg_hba.conf", "contype": "host", "users": "app", "source": "10.0.0.0/8", "method": "md5"}
    assert run(host, "community.postgresql.postgresql_pg_hba", args).changed is False
    assert run(host, "community.postgresql.postgresql_pg_hba", {**args, "method": "trust"}).changed is None


def test_helm_repository_is_a_setting_of_the_user() -> None:
    path = "/root/.config/helm/repositories.yaml"
    host = predicted({path: b"repositories:\n- name: x\n  url: https://x.example\n"})
    args = {"name": "x", "repo_url": "https://x.example"}
    assert run(host, "kubernetes.core.helm_repository", args).changed is False
    [effect] = run(host, "kubernetes.core.helm_repository", {"name": "y", "repo_url": "https://y.example"}).effects
    assert (effect.name, effect.reversible) == (path, True)
