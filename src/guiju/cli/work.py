"""`guiju work`: the background process."""

from __future__ import annotations

import argparse
import json

from guiju.cli.django_setup import ready
from guiju.errors import Said


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """One option."""
    parser.add_argument(
        "--json", action="store_true", help=Said("print one line of JSON once it works", "开始工作后输出一行 JSON")
    )


def run(args: argparse.Namespace) -> int:
    """Work until told to stop. Exit codes: 0 stopped."""
    config = ready()
    from guiju.work import main

    if args.json:
        print(json.dumps({"node": config["node"], "home": str(config.home)}), flush=True)

    main.run()
    return 0
