"""Packs the compiled modules into the wheel where GUIJU_COMPILED=1 asks for it (`make wheel`); see scripts/compiled.py.

Without it the wheel is pure Python, and so is an editable installation.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface


class Compiled(BuildHookInterface):  # type: ignore[type-arg]
    """Adds what mypyc made, and says that the wheel is for this Python and platform."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        if os.environ.get("GUIJU_COMPILED") != "1" or version == "editable":
            return
        sys.path.insert(0, str(Path(self.root) / "scripts"))
        import compiled

        folder = compiled.build(Path(self.root) / "build" / "compiled")
        for path in folder.rglob("*.so"):
            build_data["force_include"][str(path)] = path.relative_to(folder).as_posix()
        build_data["pure_python"] = False
        build_data["infer_tag"] = True
