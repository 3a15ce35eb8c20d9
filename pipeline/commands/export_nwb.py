"""``python -m pipeline export nwb CONFIG``: finished sessions as NWB files, for an archive."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from pipeline.errors import InputError

if TYPE_CHECKING:
    from pipeline.experiment.model import Experiment, Session


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the command's arguments to its parser."""
    parser.add_argument("format", choices=["nwb"], help="the only one")
    parser.add_argument("config", type=Path, help="the experiment's config.yaml")
    parser.add_argument("--session", action="append", default=[], help="only this one; repeat")
    parser.add_argument(
        "--results", type=Path, default=Path("results"), help="folder of the run's results"
    )
    parser.add_argument("--out", type=Path, default=Path("nwb"), help="folder of the NWB files")
    parser.add_argument(
        "--set",
        action="append",
        default=[],
        metavar="NAME=VALUE",
        help="a fact of all sessions that neither sessions table nor config has: timezone, age, "
        "institution, ... (docs/python/nwb.md lists them)",
    )
    parser.add_argument(
        "--location",
        action="append",
        default=[],
        metavar="REGION=NAME",
        help="what the archive's atlas calls a region; repeat",
    )


def export(chosen: argparse.Namespace) -> int:
    """Run the command.

    Parameters
    ----------
    chosen : Namespace
        With the arguments of :func:`add_arguments`.

    Returns
    -------
    int
        Exit status: 0 if every session that was asked for was written.
    """
    from pipeline.commands.export_nwb_facts import parse_facts

    try:
        written = export_nwb(
            chosen.config,
            sessions=chosen.session,
            results=chosen.results,
            out=chosen.out,
            facts=parse_facts(chosen.set),
            locations=_pairs(chosen.location),
            say=print,
        )
    except InputError as error:
        print(error)
        return 1
    print(f"{len(written)} file(s) in {chosen.out}")
    return 0


def export_nwb(
    config: str | Path,
    *,
    sessions: Sequence[str] = (),
    results: str | Path = "results",
    out: str | Path = "nwb",
    facts: Mapping[str, str] | None = None,
    locations: Mapping[str, str] | None = None,
    say: Callable[[str], object] | None = None,
) -> list[Path]:
    """Write one NWB file per finished session.

    What stands where in a file: docs/python/nwb.md. The same results give the same bytes. While the
    run is blind, conditions are codes, and drugs, doses, routes and roles are left out.

    Parameters
    ----------
    config : path
        The experiment's config.yaml.
    sessions : sequence of str
        Names; all finished sessions that are not excluded by default.
    results : path
        Folder ``results`` of the run.
    out : path
        Folder of the files, ``<session>.nwb``; files of the same name are replaced.
    facts : mapping of str to str, optional
        Facts of all sessions that no table has; names in
        :data:`pipeline.commands.export_nwb_facts.FACTS`.
    locations : mapping of str to str, optional
        Region -> what the archive's atlas calls it (DANDI wants terms of the Allen atlas for mice).
    say : callable, optional
        Gets one line per session.

    Returns
    -------
    list of Path
        The files, in the order of the sessions table.

    Raises
    ------
    InputError
        All missing facts at once; sessions that are unknown, excluded or not finished, where they
        were asked for by name; no finished session; results of other tables.
    """
    from pipeline.commands.export_nwb_facts import facts_of
    from pipeline.commands.export_nwb_file import write_session
    from pipeline.commands.export_nwb_source import SessionResults, read_record
    from pipeline.experiment import load_experiment
    from pipeline.experiment.blinding import shown

    tell = say or _silent
    experiment = shown(load_experiment(config), make_key=False)
    results = Path(results)
    record = read_record(results)
    chosen = []
    for session in _asked(experiment, sessions):
        source = SessionResults(session.name, results)
        if why := source.trouble():
            if sessions:
                raise InputError(f"session {session.name}: {why}")
            tell(f"{session.name}: left out, {why}")
            continue
        chosen.append((session, source))
    if not chosen:
        raise InputError(f"{results}: found no finished session of {Path(config).name}")
    known = facts_of(experiment, [session for session, _ in chosen], facts or {})
    written = []
    for session, source in chosen:
        path = write_session(
            Path(out) / f"{session.name}.nwb",
            source,
            experiment,
            session,
            known[session.name],
            record=record,
            locations=locations or {},
        )
        tell(f"{session.name}: {path}, {path.stat().st_size / 1e6:.1f} MB")
        written.append(path)
    return written


def _silent(line: str) -> None:
    """Say nothing."""


def _asked(experiment: Experiment, names: Sequence[str]) -> list[Session]:
    """Return the sessions asked for, in the order of the table; those included by default."""
    from pipeline.experiment.strict import did_you_mean

    by_name = {session.name: session for session in experiment.sessions}
    for name in names:
        if name not in by_name:
            raise InputError(
                f"--session: found '{name}'; expected a session of the table"
                f"{did_you_mean(name, by_name)}"
            )
        if by_name[name].exclude:
            raise InputError(f"--session {name}: excluded by the table: {by_name[name].exclude}")
    return [session for session in experiment.included if not names or session.name in names]


def _pairs(settings: Sequence[str]) -> dict[str, str]:
    """Read ``REGION=NAME`` settings."""
    pairs = {}
    for setting in settings:
        region, equals, name = setting.partition("=")
        if not (region and equals and name):
            raise InputError(
                f"--location: found '{setting}'; expected REGION=NAME, such as mPFC=PL"
            )
        pairs[region] = name
    return pairs
