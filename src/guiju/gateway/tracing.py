"""Whether a worker sends traces and metrics to an OpenTelemetry collector, and where: settings, and the variables that
OpenTelemetry itself has for it. otlp.py sends them."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import TYPE_CHECKING

from guiju.config import Config
from guiju.errors import Said, SettingError

if TYPE_CHECKING:
    from guiju.gateway.otlp import Otlp

SIGNALS = ("traces", "metrics")
_ENDPOINT = "OTEL_EXPORTER_OTLP_ENDPOINT"


def endpoints(config: Config, environ: Mapping[str, str]) -> dict[str, str]:
    """Signal -> URL, or "" where the environment says it; none of them: off.

    https://opentelemetry.io/docs/specs/otel/protocol/exporter/: a general endpoint is a base, a signal's own is whole.
    """
    if environ.get("OTEL_SDK_DISABLED", "").lower() == "true":
        return {}
    base = str(config["telemetry.otlp_endpoint"]).rstrip("/")
    found = {}
    for signal in SIGNALS:
        if environ.get(f"OTEL_{signal.upper()}_EXPORTER") == "none":
            continue
        if base:
            found[signal] = f"{base}/v1/{signal}"
        elif environ.get(_ENDPOINT) or environ.get(f"OTEL_EXPORTER_OTLP_{signal.upper()}_ENDPOINT"):
            found[signal] = ""
    return found


def otlp_of(config: Config, worker: str) -> Otlp | None:
    """What sends them; None where nothing asks for it.

    Raises: SettingError: the extra isn't installed, or a protocol is asked for that isn't spoken.
    """
    wanted = endpoints(config, os.environ)
    if not wanted:
        return None
    protocol = os.environ.get("OTEL_EXPORTER_OTLP_PROTOCOL") or "http/protobuf"
    if protocol != "http/protobuf":
        raise SettingError(
            name="OTEL_EXPORTER_OTLP_PROTOCOL",
            problem=Said("'{protocol}' isn't spoken here", "不支持“{protocol}”", protocol=protocol),
            remedy=Said("Write http/protobuf (port 4318 of a collector)", "请填写 http/protobuf（收集器的 4318 端口）"),
        )
    try:
        from guiju.gateway.otlp import Otlp
    except ModuleNotFoundError as problem:
        raise SettingError(
            name="telemetry.otlp_endpoint" if config["telemetry.otlp_endpoint"] else _ENDPOINT,
            problem=Said("{package} isn't installed", "尚未安装 {package}", package=problem.name),
            remedy=Said(
                "Run: pip install 'guiju[otel]' (docs/how-to/watch-it.md)",
                "请运行：pip install 'guiju[otel]'（见 docs/how-to/watch-it.md）",
            ),
        ) from None
    ratio = None if os.environ.get("OTEL_TRACES_SAMPLER") else config["telemetry.sample_ratio"]
    return Otlp(worker, wanted, config["telemetry.otlp_headers"], ratio)
