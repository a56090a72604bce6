"""`guiju work`: the background process."""

from __future__ import annotations

import argparse

from guiju.cli.django_setup import ready


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """No options."""


def run(args: argparse.Namespace) -> int:
    """Work until told to stop. Exit codes: 0 stopped."""
    ready()
    from guiju.work import main

    main.run()
    return 0
