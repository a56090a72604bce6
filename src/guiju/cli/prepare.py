"""The process that `guiju up` starts and waits for: keys, tables, first data. Prints what came of it as JSON.

A process of its own, so that the supervisor never imports Django and stays small. What is done is
guiju.control.first_start.
"""

from __future__ import annotations

import sys

import msgspec

from guiju.cli.main import UNFIT
from guiju.cli.words import language
from guiju.config import load
from guiju.errors import GuijuError


def main() -> int:
    """Prepare; returns the exit code."""
    from guiju.control.first_start import prepare

    try:
        sys.stdout.buffer.write(msgspec.json.encode(prepare(load())))
    except GuijuError as problem:
        sys.stderr.write(f"{problem.sentence(language())}\n")
        return UNFIT
    return 0


if __name__ == "__main__":
    sys.exit(main())
