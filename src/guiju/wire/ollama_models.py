"""What Ollama's clients ask about models before they ask a model: /api/tags, /api/show, /api/version.

Pure. A gateway has no weights: what only they could tell (size, family, quantization, template) is empty.
"""

from __future__ import annotations

import hashlib

from guiju.wire.dialect import Json

VERSION = "0.12.0"
"""Of Ollama's API, as these doors speak it: clients compare it with the oldest that they know."""
_WHEN = "2026-01-01T00:00:00Z"
_DETAILS: Json = {
    "parent_model": "",
    "format": "",
    "family": "",
    "families": [],
    "parameter_size": "",
    "quantization_level": "",
}


def tags(names: list[str]) -> Json:
    """The list of models. A digest is the name's: clients cut it, and tell models apart by it."""
    return {
        "models": [
            {
                "name": name,
                "model": name,
                "modified_at": _WHEN,
                "size": 0,
                "digest": hashlib.sha256(name.encode()).hexdigest(),
                "details": _DETAILS,
            }
            for name in names
        ]
    }


def show(*, media: bool) -> Json:
    """A model. Its capabilities are what the door passes on: tools always, images where the app admits them. What the model
    makes of them is not known here."""
    return {
        "modelfile": "",
        "parameters": "",
        "template": "",
        "details": _DETAILS,
        "model_info": {},
        "capabilities": ["completion", "tools", *(["vision"] if media else [])],
        "modified_at": _WHEN,
    }
