"""The commands: one module each, listed in `main.COMMANDS`.

A command module offers two functions, and its docstring's first line says what it does:

    def add_arguments(parser: argparse.ArgumentParser) -> None: ...   # its options, or its own sub-commands
    def run(args: argparse.Namespace) -> int: ...                     # the exit code

It is imported only when it is called, so that `guiju --help` stays quick; nothing heavy at its top all the same, since
the reference page imports them all.
"""
