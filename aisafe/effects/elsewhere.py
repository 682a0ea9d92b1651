"""Modules whose work is not of the host's own files: databases, clusters, clouds, devices, mail and messages.

They are understood, but a restore of the host brings nothing of theirs back. What is there already is not known, except
that some modules always act. Sources: the collections' own module documentation (docs.ansible.com/ansible/latest/collections).
"""

from __future__ import annotations

import posixpath
import re

from aisafe.effects.api import Call, Result, family
from aisafe.effects.arguments import Arguments
from aisafe.effects.attributes import remote_path, understood
from aisafe.effects.fetching import plain_url
from aisafe.effects.predicted import HIDDEN, PredictedHost
from aisafe.effects.predicted import changed as changed_by
from aisafe.model import Action, Effect, is_unknown

_LOOKS = r"(?!.*_(info|facts)$)"
_COLLECTIONS = (
    r"amazon\.aws|community\.aws|azure\.azcollection|google\.cloud|openstack\.cloud|community\.vmware|vmware\.\w+|"
    r"hetzner\.hcloud|community\.hrobot|community\.digitalocean|digitalocean\.cloud|vultr\.cloud|ngine_io\.\w+|"
    r"cloudscale_ch\.cloud|linode\.cloud|ovirt\.ovirt|netbox\.netbox|community\.zabbix|community\.grafana|"
    r"grafana\.grafana|community\.hashi_vault|community\.dns|community\.proxmox|kubernetes\.core|community\.kubernetes|community\.okd|"
    r"redhat\.openshift|kubevirt\.core|community\.postgresql|community\.mysql|community\.mongodb|community\.proxysql|"
    r"community\.rabbitmq|theforeman\.foreman|infoblox\.nios_modules|infinidat\.infinibox|awx\.awx|ansible\.controller|"
    r"splunk\.es|dellemc\.\w+|netapp\.\w+|netapp_eseries\.\w+|purestorage\.\w+|hitachivantara\.\w+|ibm\.\w+|cisco\.\w+|"
    r"arista\.eos|junipernetworks\.junos|f5networks\.\w+|fortinet\.\w+|check_point\.mgmt|community\.routeros|"
    r"community\.ciscosmb|vyos\.vyos|ansible\.netcommon|cyberark\.\w+|inspur\.\w+|kaytus\.\w+|ieisystem\.\w+|"
    r"telekom_mms\.icinga_director|lowlydba\.sqlserver|ravendb\.ravendb|wti\.remote|servicenow\.itsm|community\.sap_libs"
)
_GENERAL = (
    r"airbrake_\w+|alerta_\w+|ali_\w+|bearychat|bigpanda|bitbucket_\w+|campfire|catapult|circonus_\w+|cisco_webex|"
    r"cloudflare_dns|cobbler_\w+|consul\w*|datadog_\w+|dimensiondata_\w+|discord|dnsimple|dnsmadeeasy|ejabberd_user|"
    r"emc_\w+|etcd3|gandi_livedns|github_\w+|gitlab_\w+|grove|heroku_\w+|honeybadger_\w+|hpilo_\w+|hponcfg|hwc_\w+|"
    r"ibm_sa_\w+|icinga2_host|idrac_\w+|ilo_\w+|imc_rest|infinity|influxdb_\w+|ipa_(?!getkeytab)\w+|ipmi_\w+|ipwcli_dns|"
    r"irc|jabber|jenkins_(?!plugin)\w+|jira|keycloak_\w+|ldap_\w+|librato_\w+|linode\w*|logentries_msg|lxca_\w+|mail|"
    r"manageiq_\w+|matrix|mattermost|memset_\w+|mqtt|mssql_\w+|nagios|netcup_dns|newrelic_\w+|nexmo|nomad_\w+|nsupdate|"
    r"ocapi_\w+|oci_\w+|odbc|office_365_connector_card|omapi_host|one_\w+|oneandone_\w+|oneview_\w+|ovh_\w+|packet_\w+|"
    r"pagerduty\w*|pingdom|pritunl_\w+|proxmox\w*|pubnub_\w+|pulp_repo|pushbullet|pushover|redfish_\w+|redis\w*|rhevm|"
    r"riak|rocketchat|rollbar_\w+|rundeck_\w+|say|scaleway_\w+|sendgrid|sensu_silence|serverless|sl_vm|slack|"
    r"spectrum_\w+|spotinst_\w+|ss_3par_\w+|stacki_host|statsd|statusio_\w+|taiga_\w+|telegram|terraform|twilio|typetalk|"
    r"udm_\w+|uptimerobot|utm_\w+|vertica_\w+|vexata_\w+|wakeonlan|wdc_\w+|xcc_\w+|xenserver_\w+|znode"
)
_ALWAYS = re.compile(
    r".*\.(mail|slack|telegram|mattermost|discord|matrix|irc|jabber|pushover|pushbullet|rocketchat|twilio|nexmo|sendgrid|"
    r"office_365_connector_card|cisco_webex|mqtt|wakeonlan|k8s_exec|k8s_drain|k8s_cp|rabbitmq_publish|mongodb_shell)"
)
_READS = re.compile(
    r".*\.(vault_(read|list|kv1_get|kv2_get|login|\w+_(read|list|get_credentials))|postgresql_ping|helm_template|k8s_log|"
    r"mongodb_(status|schema)|nameserver_\w+|wait_for_txt|\w+_ping|netconf_get|restconf_get|ldap_search|cli_command_get)"
)
_IDENTITY = ("name", "kind", "db", "database", "login_db", "role", "user", "username", "namespace", "release_name", "vmid",
             "pod", "host_name", "queue", "vhost", "zone", "record", "key", "to", "channel", "room", "path", "src")  # fmt: skip
_READING_SQL = re.compile(r"\s*(show|explain(?!\s+analy[sz]e)|select(?!.*\binto\b))\b[^;]*;?\s*", re.I | re.S)
_PURE = {
    "count",
    "version",
    "now",
    "max",
    "min",
    "coalesce",
    "current_database",
    "current_setting",
    "pg_is_in_recovery",
    "in",
}


@family(rf"{_LOOKS}(({_COLLECTIONS})\.\w+|community\.general\.({_GENERAL}))")
def elsewhere(call: Call, host: PredictedHost) -> Result:
    """Something on another system, or in a database: never undone by a restore of the host."""
    if _READS.fullmatch(call.module) or _only_queries(call):
        return Result(changed=False)
    return Result(
        effects=(act(call, why="" if _ALWAYS.fullmatch(call.module) else "what is there already"),), changed=None
    )


def act(call: Call, *, why: str, action: Action = "run") -> Effect:
    """One call to what a restore of the host does not reach; ``why`` it may change nothing."""
    return Effect(
        kind="command", action=action, name=_named(call), task=call.task, certainty="possible" if why else "certain",
        why=why, reversible=False, elsewhere=True, detail="outside of what a restore of the host brings back",
    )  # fmt: skip


def _named(call: Call) -> str:
    """The module and what the arguments say about which object: never a value that may be a secret."""
    if call.no_log:
        return HIDDEN
    given = [call.args.get(key) for key in _IDENTITY]
    if isinstance(definition := call.args.get("definition", call.args.get("resource_definition")), dict):
        given += [definition.get("kind"), (definition.get("metadata") or {}).get("name")]
    words = [
        str(value) for value in given if isinstance(value, str | int) and not isinstance(value, bool) and str(value)
    ]
    words = [plain_url(word) if "://" in word else word for word in dict.fromkeys(words)]
    state = call.args.get("state")
    said = [str(state)] if isinstance(state, str) and state != "present" else []
    return " ".join([call.module.rpartition(".")[2], *said, *words[:3]])


def _only_queries(call: Call) -> bool:
    """Statements that only read: SHOW, EXPLAIN, SELECT without INTO and with none but known functions."""
    if not call.module.endswith((".postgresql_query", ".mysql_query", ".mssql_script", ".vertica_query")):
        return False
    asked = call.args.get("query", call.args.get("script"))
    statements = asked if isinstance(asked, list) else [asked]
    return bool(statements) and all(
        isinstance(text, str)
        and _READING_SQL.fullmatch(text) is not None
        and {name.lower() for name in re.findall(r"(\w+)\s*\(", text)} <= _PURE
        for text in statements
    )


@understood("community.postgresql.postgresql_db", "community.mysql.mysql_db", kind="command")
def database(call: Call, host: PredictedHost, args: Arguments) -> Result:
    """A database; ``state: dump`` writes it to a file of the host and leaves it as it is."""
    if args.word("state", default="present") != "dump":
        return Result(effects=(act(call, why="what is there already"),), changed=None)
    path = remote_path(args.need("target"), call=call, host=host)
    effects = host.files.disturb(call, path, "what the database holds")
    return Result(effects=effects, changed=True)


@understood("community.rabbitmq.rabbitmq_plugin", kind="file")
def rabbitmq_plugin(call: Call, host: PredictedHost, args: Arguments) -> Result:
    """enabled_plugins(5) of RabbitMQ lists them: ``[rabbitmq_management].``"""
    prefix = args.text("prefix") or ""
    path = remote_path(f"{prefix}/etc/rabbitmq/enabled_plugins", call=call, host=host)
    found = host.file(path, follow=True)
    wanted = set(args.words("names", "name"))
    text = "[]." if found.exists is False else found.text
    if text is None:
        return Result(effects=host.files.disturb(call, path, "the plugins that are enabled"), changed=None)
    there = set(re.findall(r"\w+", text))
    keep = wanted if not args.flag("new_only", default=True) else there | wanted
    after = keep if args.word("state", default="enabled") == "enabled" else there - wanted
    if after == there:
        return Result(changed=False)
    effects = host.put(call, path, content=f"[{','.join(sorted(after))}].\n".encode(), detail="plugins may open ports")
    return Result(effects=effects, changed=changed_by(effects))


@understood("community.postgresql.postgresql_pg_hba", kind="file")
def postgresql_pg_hba(call: Call, host: PredictedHost, args: Arguments) -> Result:
    """Whether a rule is there already decides; the module writes the whole file anew in its own order."""
    path = remote_path(args.need("dest"), call=call, host=host)
    text = host.file(path, follow=True).text
    present = args.word("state", default="present") == "present"
    keys = ("contype", "databases", "users", "source", "method", "options")
    if text is not None and not args.given("rules", "netmask") and not any(is_unknown(args.raw(key)) for key in keys):
        words = [
            args.word("contype", default="host"),
            args.word("databases", default="all"),
            args.word("users", default="all"),
        ]
        words += [args.word("source", "address", default="samehost")] if words[0] != "local" else []
        lines = [line.partition("#")[0].split() for line in text.splitlines()]
        method = [args.word("method", default="md5")]
        if present and words + method + (args.word("options", default="").split()) in lines:
            return Result(changed=False)
        if not present and not any(line[: len(words)] == words for line in lines):
            return Result(changed=False)
    return Result(effects=host.files.disturb(call, path, "how the module orders the rules"), changed=None)


@understood(
    "kubernetes.core.helm_repository", "kubernetes.core.helm_plugin", "kubernetes.core.helm_registry_auth", kind="file"
)
def helm_settings(call: Call, host: PredictedHost, args: Arguments) -> Result:
    """helm's own settings in the home of the user it runs as (Helm documentation, "helm": HELM_CONFIG_HOME)."""
    known = {"helm_repository": ".config/helm/repositories.yaml", "helm_plugin": ".local/share/helm/plugins",
             "helm_registry_auth": ".config/helm/registry/config.json"}  # fmt: skip
    path = remote_path(f"~/{known[call.module.rpartition('.')[2]]}", call=call, host=host)
    name, url = args.text("name", "repo_name"), args.text("url", "repo_url")
    text = host.file(path, follow=True).text or ""
    present = args.word("state", default="present") == "present"
    listed = bool(name) and re.search(rf"^\s*(- )?name: {re.escape(name or '')}\s*$", text, re.M) is not None
    if present and listed and url and re.search(rf"^\s*(- )?url: {re.escape(url)}\s*$", text, re.M):
        return Result(changed=False)
    return Result(effects=host.files.disturb(call, path, "what helm has there"), changed=None)


@understood("kubernetes.core.helm_pull", kind="file")
def helm_pull(call: Call, host: PredictedHost, args: Arguments) -> Result:
    folder = remote_path(args.need("destination"), call=call, host=host)
    name = posixpath.basename(args.need("chart_ref"))
    return Result(effects=host.files.disturb(call, posixpath.join(folder, name), "the chart that comes"), changed=None)


@family(r"(?!local\.)\w+\.\w+\.\w+_(info|facts)")
def looks(call: Call, host: PredictedHost) -> Result:
    """By ansible's rules a module of this name changes nothing ("Developing modules": information and facts modules)."""
    facts = call.module.endswith("_facts")
    return Result(changed=False, untold=f"{call.module}, whose facts are not known" if facts else "")
