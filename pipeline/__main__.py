"""``python -m pipeline``: the commands beside the workflow."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from pipeline.commands.explain import add_arguments as add_explain_arguments
from pipeline.commands.export_nwb import add_arguments as add_export_arguments
from pipeline.commands.power import add_arguments as add_power_arguments


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
    check = commands.add_parser("check", help="list every problem of an experiment, and its design")
    check.add_argument("config", type=Path, help="the experiment's config.yaml")
    check.add_argument("--json", action="store_true", help="print the problems as data")
    new = commands.add_parser("new", help="start an experiment: a commented config and tables")
    new.add_argument("folder", type=Path, metavar="DIR", help="where; nothing is overwritten")
    new.add_argument(
        "--from", dest="recordings", type=Path, metavar="FOLDER", help="propose its recordings"
    )
    new.add_argument("--no-events", action="store_true", help="do not count TTL pulses")
    sample = commands.add_parser("sample", help="make the sample recordings, if they are absent")
    sample.add_argument("--processes", type=int, default=2, help="worker processes")
    commands.add_parser("schemas", help="write workflow/schemas/ from the typed configuration")
    differ = commands.add_parser("diff", help="say what changed between two runs")
    differ.add_argument("a", type=Path, metavar="RESULTS_A", help="folder 'results' of one run")
    differ.add_argument("b", type=Path, metavar="RESULTS_B", help="folder 'results' of the other")
    differ.add_argument("--html", type=Path, metavar="FILE", help="write it as a page, too")
    differ.add_argument("--tsv", type=Path, metavar="FILE", help="write it as a table, too")
    differ.add_argument(
        "--tolerance", type=float, default=1e-6, help="relative difference that counts as none"
    )
    differ.add_argument("--all", action="store_true", help="print every line of every section")
    unblind = commands.add_parser("unblind", help="lock a blind run with a record, open its codes")
    unblind.add_argument("config", type=Path, help="the experiment's config.yaml")
    unblind.add_argument("--by", default="", metavar="NAME", help="who unblinds; asked if left out")
    unblind.add_argument("--reason", default="", help="why now")
    unblind.add_argument("--who", default="", help="who was blind until now, in words")
    unblind.add_argument("--directory", type=Path, help="where results/ lies; here by default")
    commands.add_parser("why", help="say why jobs would run: snakemake -n 2>&1 | ... why")
    export = commands.add_parser("export", help="write finished sessions as NWB files")
    add_export_arguments(export)
    explainer = commands.add_parser("explain", help="say where a number came from")
    add_explain_arguments(explainer)
    power = commands.add_parser("power", help="how many animals and units, for which answer")
    add_power_arguments(power)
    calibrate = commands.add_parser("calibrate", help="error rates in simulated cohorts")
    calibrate.add_argument("--out", type=Path, default=Path("calibration"), help="folder")
    calibrate.add_argument("--cohorts", type=int, default=2000, help="per design, N and truth")
    calibrate.add_argument("--design", action="append", default=[], help="only this one; repeat")
    calibrate.add_argument("--quick", action="store_true", help="100 cohorts of 6 animals")
    calibrate.add_argument("--processes", type=int, default=2, help="worker processes")
    chosen = parser.parse_args(arguments)
    if chosen.command == "check":
        from pipeline.commands.check import check as run_check

        return run_check(chosen.config, as_json=chosen.json)
    if chosen.command == "new":
        from pipeline.commands.new import new as run_new

        return run_new(chosen.folder, recordings=chosen.recordings, events=not chosen.no_events)
    if chosen.command == "sample":
        from pipeline.commands.sample import make_if_absent

        return make_if_absent(processes=chosen.processes)
    if chosen.command == "diff":
        from pipeline.commands.diff import diff

        return diff(
            chosen.a,
            chosen.b,
            html=chosen.html,
            tsv=chosen.tsv,
            tolerance=chosen.tolerance,
            everything=chosen.all,
        )
    if chosen.command == "unblind":
        from pipeline.commands.unblind import unblind as run_unblind

        return run_unblind(
            chosen.config,
            by=chosen.by,
            reason=chosen.reason,
            who=chosen.who,
            directory=chosen.directory,
        )
    if chosen.command == "why":
        from pipeline.commands.why import explained

        print(explained(sys.stdin.read()), end="")
        return 0
    if chosen.command == "export":
        from pipeline.commands.export_nwb import export as run_export

        return run_export(chosen)
    if chosen.command == "explain":
        from pipeline.commands.explain import explain as run_explain

        return run_explain(chosen)
    if chosen.command == "power":
        from pipeline.commands.power import power as run_power

        return run_power(chosen, sys.argv[1:] if arguments is None else arguments)
    if chosen.command == "calibrate":
        from pipeline.commands.calibrate import calibrate as run_calibrate

        return run_calibrate(
            out=chosen.out,
            n_cohorts=chosen.cohorts,
            designs=chosen.design,
            quick=chosen.quick,
            processes=chosen.processes,
        )
    from pipeline.commands.schemas import write_schemas

    return write_schemas()


if __name__ == "__main__":
    sys.exit(main())
