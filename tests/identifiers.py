"""Identifiers as upstreams make them, for tests: by the thousand, from a seed."""

from __future__ import annotations

import random
import string
from collections.abc import Iterator

_BASE62 = string.ascii_letters + string.digits
_HEX = "0123456789abcdef"
_MODELS = (
    "gpt-4o-2024-08-06", "gpt-4.1-mini-2025-04-14", "o3-mini-2025-01-31", "claude-sonnet-4-20250514",
    "claude-3-5-haiku-20241022", "deepseek-chat", "deepseek-reasoner", "qwen-max-2025-01-25", "qwen3-235b-a22b-instruct-2507",
    "Qwen/Qwen2.5-72B-Instruct-GPTQ-Int4", "meta-llama/Llama-3.3-70B-Instruct:free", "glm-4-plus", "moonshot-v1-128k",
    "doubao-1-5-pro-32k-250115", "ep-20250115123456-abcde", "hunyuan-turbos-20250416", "ernie-4.0-turbo-8k",
    "accounts/fireworks/models/deepseek-v3", "ft:gpt-4o-mini-2024-07-18:acme:support:9kLmNoPq",
    "SmolLM2-135M-Instruct-Q8_0.gguf",
    "mistral-large-2411", "gemini-2.5-flash-preview-04-17", "@cf/meta/llama-3.1-8b-instruct",
)  # fmt: skip


def identifiers(seed: int, count: int) -> Iterator[str]:
    """So many, of every kind in turn."""
    rng = random.Random(seed)

    def some(alphabet: str, size: int) -> str:
        return "".join(rng.choices(alphabet, k=size))

    def uuid() -> str:
        return "-".join((some(_HEX, 8), some(_HEX, 4), "4" + some(_HEX, 3), "a" + some(_HEX, 3), some(_HEX, 12)))

    kinds = (
        lambda: "chatcmpl-" + some(_BASE62, 29),
        lambda: "chatcmpl-" + some(_HEX, 32),
        lambda: "chatcmpl-" + uuid(),
        uuid,
        lambda: "call_" + some(_BASE62, 24),
        lambda: "call_00_" + some(_BASE62, 20),
        lambda: "chatcmpl-tool-" + some(_HEX, 32),
        lambda: f"toolu_01{some(_BASE62, 22)}",
        lambda: f"msg_01{some(_BASE62, 22)}",
        lambda: "gen-1718345013-" + some(_BASE62, 20),
        lambda: f"2024{some('01', 1)}{some('123456789', 1)}1{some('0123456789', 1)}{some(_HEX, 24)}",
        lambda: "02" + some("0123456789", 9) + some(_HEX, 40),
        lambda: some(_BASE62, 9),
        lambda: "fp_" + some(_HEX, 10),
        lambda: "fp_" + some(_HEX, 10) + "_prod0820_fp8_kvcache",
        lambda: rng.choice(_MODELS),
    )
    for number in range(count):
        yield kinds[number % len(kinds)]()
