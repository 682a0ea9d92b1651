"""The OpenTelemetry Collector: receivers and extensions that listen, and its own metrics."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

from aisafe.formats.configfiles import Found, NotUnderstood, Reader, address, closed
from aisafe.formats.servers.trees import read_tree

HOST: Final = "localhost"
"""What a receiver without an endpoint binds since version 0.104 (its CHANGELOG, component.UseLocalHostAsDefaultHost)."""
PROTOCOLS: Final[Mapping[str, Mapping[str, int]]] = {
    "otlp": {"grpc": 4317, "http": 4318},
    "jaeger": {"grpc": 14250, "thrift_http": 14268, "thrift_compact": 6831, "thrift_binary": 6832},
}
"""Receivers that listen for the protocols that are named, each at an endpoint of its own (their README in the repositories
opentelemetry-collector and opentelemetry-collector-contrib)."""
ENDPOINTS: Final[Mapping[str, int]] = {
    "zipkin": 9411, "opencensus": 55678, "health_check": 13133, "pprof": 1777, "zpages": 55679, "prometheus": 0,
}  # fmt: skip
"""Receivers, exporters and extensions with one endpoint, and its port; 0: none unless it is given."""
SILENT: Final = frozenset(
    ("hostmetrics", "filelog", "journald", "kubeletstats", "docker_stats", "k8s_cluster", "k8s_events", "k8sobjects",
     "redis", "mysql", "postgresql", "nginx", "apache", "httpcheck", "kafka", "memory_limiter", "file_storage")
)  # fmt: skip
"""What listens nowhere."""
_METRICS: Final = "metrics"


def read(text: str, path: str, files: Reader) -> Found:
    """Only what a pipeline, or ``service.extensions``, names is started (Collector, Configuration: service).

    Raises NotUnderstood for a receiver or extension that is not known here, with what could be told.
    """
    del files
    tree = read_tree(text, "yaml", path)
    if not isinstance(tree, dict):
        raise NotUnderstood(f"{path} holds no configuration")
    service = _mapping(tree.get("service"))
    pipelines = [_mapping(pipeline) for pipeline in _mapping(service.get("pipelines")).values()]
    found: Found = [closed(role, f"not in {path}") for role in ("otlp_grpc", "otlp_http")]
    strange: list[str] = []
    for section in ("receivers", "exporters", "extensions"):
        used = service.get("extensions") or [] if section == "extensions" else [
            name for pipeline in pipelines for name in pipeline.get(section) or []
        ]  # fmt: skip
        for name in dict.fromkeys(map(str, used)):
            given = _mapping(_mapping(tree.get(section)).get(name))
            kind = name.partition("/")[0]
            if section == "exporters" and kind != "prometheus":
                continue  # it sends
            if kind not in PROTOCOLS and kind not in ENDPOINTS and kind not in SILENT:
                strange.append(name)
            for role, value in _endpoints(kind, name, given):
                found.append(address(role, value, f"{section}.{name} in {path}"))
    found += _metrics(_mapping(_mapping(service.get("telemetry")).get(_METRICS)), path, strange)
    if strange:
        raise NotUnderstood(f"where {strange[0]} listens is not known", found)
    return found


def _endpoints(kind: str, name: str, given: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    if kind in PROTOCOLS:
        for protocol, settings in _mapping(given.get("protocols")).items():
            port = PROTOCOLS[kind].get(protocol)
            own = _mapping(settings).get("endpoint") or (f"{HOST}:{port}" if port else "")
            udp = "_udp" if protocol in ("thrift_compact", "thrift_binary") else ""
            if own:
                yield f"{name}_{protocol}{udp}" if name != "otlp" else f"otlp_{protocol}", str(own)
    elif kind in ENDPOINTS:
        own = given.get("endpoint") or (f"{HOST}:{ENDPOINTS[kind]}" if ENDPOINTS[kind] else "")
        if own:
            yield name, str(own)


def _metrics(given: Mapping[str, Any], path: str, strange: list[str]) -> Found:
    """Its own metrics: ``level: none`` closes them, ``address`` moves them; readers (since 0.115) name places of their own."""
    if given.get("level") == "none":
        return [closed(_METRICS, f"service.telemetry.metrics.level in {path}")]
    if given.get("readers"):
        strange.append("service.telemetry.metrics.readers")
    if given.get("address"):
        return [address(_METRICS, str(given["address"]), f"service.telemetry.metrics.address in {path}")]
    return []


def _mapping(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}
