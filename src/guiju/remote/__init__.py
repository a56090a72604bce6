"""Detectors that are elsewhere: how each service is asked about a text, and what its answers mean. Pure.

adapter.py says what an adapter is; one file for each service. Who sends what they ask is the gateway.
"""

from __future__ import annotations

from functools import cache
from importlib import import_module

from guiju.remote.adapter import Adapter

ADAPTERS: dict[str, str] = {
    "openai_moderation": "guiju.remote.openai_moderation:ADAPTER",
    "qwen3guard": "guiju.remote.qwen3guard:ADAPTER",
    "llama_guard": "guiju.remote.llama_guard:ADAPTER",
    "aliyun": "guiju.remote.aliyun:ADAPTER",
    "tencent": "guiju.remote.tencent:ADAPTER",
    "baidu": "guiju.remote.baidu:ADAPTER",
    "volcengine": "guiju.remote.volcengine:ADAPTER",
    "yidun": "guiju.remote.yidun:ADAPTER",
    "webhook": "guiju.remote.webhook:ADAPTER",
}
"""Name -> where it is, in the order in which people are offered them."""


@cache
def adapter(name: str) -> Adapter:
    """The adapter of this name; loaded when first asked for.

    Raises:
        KeyError: none is called so.
    """
    module, _, attribute = ADAPTERS[name].partition(":")
    found: Adapter = getattr(import_module(module), attribute)
    return found
