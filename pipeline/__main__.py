"""``python -m pipeline``: the commands beside the workflow."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path


def main(arguments: list[str] | None = None) -> int:
    """Parse the command line and run one command.

    Parameters
    ----------
    arguments : list of str, optional
        Without the program's name; ``sys.argv`` by default.

    Returns
    -------
    int
        Exit status.
    """
    parser = argparse.ArgumentParser(prog="python -m pipeline", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    check = commands.add_parser("check", help="list every problem of an experiment, or its design")
    check.add_argument("config", type=Path, help="the experiment's config.yaml")
    sample = commands.add_parser("sample", help="make the sample recordings, if they are absent")
    sample.add_argument("--processes", type=int, default=2, help="worker processes")
    commands.add_parser("schemas", help="write workflow/schemas/ from the typed configuration")
    chosen = parser.parse_args(arguments)
    if chosen.command == "check":
        from pipeline.commands.check import check as run_check

        return run_check(chosen.config)
    if chosen.command == "sample":
        from pipeline.commands.sample import make_if_absent

        return make_if_absent(processes=chosen.processes)
    from pipeline.commands.schemas import write_schemas

    return write_schemas()


if __name__ == "__main__":
    sys.exit(main())
