"""One session as an NWB file, put together and written with the same bytes each time."""

from __future__ import annotations

import json
import uuid
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pandas as pd
from hdmf.common import DynamicTable
from pynwb import NWBHDF5IO, NWBFile
from pynwb.event import EventsTable, TimestampVectorData
from pynwb.file import Subject

from pipeline.commands import export_nwb_tables as tables
from pipeline.commands.export_nwb_facts import FACTS, Facts
from pipeline.commands.export_nwb_signals import add_electrodes, add_lfp, add_speed, add_units
from pipeline.commands.export_nwb_source import SessionResults
from pipeline.errors import InputError
from pipeline.experiment.model import Experiment, Session
from pipeline.files import replacing
from pipeline.ingest.scored import BOUT

#: what identifiers of the objects in a file are made from, with the file's own identifier
_NAMESPACE = uuid.UUID("6f6c1f3a-54a6-5d0c-9a0e-5e7f1f0a2c11")
#: section ``reporting`` of the config -> field of the file
_TOLD = {
    "surgery": "surgery",
    "substances": "pharmacology",
    "ethics": "protocol",
    "conduct": "data_collection",
}


def write_session(
    path: Path,
    source: SessionResults,
    experiment: Experiment,
    session: Session,
    facts: Facts,
    *,
    record: Mapping[str, Any],
    locations: Mapping[str, str],
) -> Path:
    """Write one session; the same results and facts give the same bytes.

    Parameters
    ----------
    path : Path
        The file; written under a temporary name, then renamed.
    source : SessionResults
        Finished.
    experiment : Experiment
        As :func:`pipeline.experiment.blinding.shown` gives it.
    session : Session
        Of it.
    facts : Facts
        Of the session.
    record : mapping
        cohort/run.json: code and libraries that the results were made by.
    locations : mapping of str to str
        Region -> name in the archive's atlas.

    Raises
    ------
    InputError
        If the epochs of the results count from doses that the tables do not have.
    """
    nwb = _described(source, experiment, session, facts, record)
    if source.has("lfp"):
        add_electrodes(nwb, source.lfp, session, locations)
        add_lfp(nwb, source.lfp, source.gaps_s)
    if source.has("units") and source.units.sizes["unit"]:
        add_units(nwb, source)
    _add_intervals(nwb, source, experiment, session)
    _add_doses(nwb, experiment, session)
    _name_objects(nwb)
    with replacing(path) as partial, NWBHDF5IO(str(partial), "w") as file:
        file.write(nwb)
    return path


def _described(
    source: SessionResults,
    experiment: Experiment,
    session: Session,
    facts: Facts,
    record: Mapping[str, Any],
) -> NWBFile:
    """Return a file with who, when, what and how, and no data yet."""
    blind = experiment.plan.blind
    # while blind, what the lab wrote of its animals is not shown: free text may name a drug
    reporting = {} if blind else experiment.config.reporting.model_dump(exclude_none=True)
    contexts = ", ".join(dict.fromkeys(one.context for one in session.contexts))
    said = {
        "session_description": f"Session {session.name} of {session.animal}"
        + (f"; contexts: {contexts}" if contexts else ""),
        "experiment_description": experiment.config.experiment.title,
        "session_id": session.name,
        "notes": _notes(session, reporting.get("statement", ""), blind=blind),
        "experimenter": list(facts.experimenter),
        "institution": facts.institution,
        "lab": facts.lab,
        "keywords": list(facts.keywords or tuple(dict.fromkeys(contexts.split(", ")))),
        "related_publications": list(facts.publications),
        "source_script": "python -m pipeline export nwb, from the results of the Snakemake "
        "workflow of set-and-setting; the hashes of its code stand under was_generated_by",
        "source_script_file_name": "pipeline/commands/export_nwb.py",
        **{field: reporting.get(name, "") for name, field in _TOLD.items()},
    }
    subject = {
        "subject_id": session.animal,
        "species": facts.species,
        "sex": facts.sex,
        "age": facts.age,
        "age__reference": "birth" if facts.age else "",
        "date_of_birth": facts.born,
        "weight": facts.weight,
        "strain": "" if blind else facts.strain,
        "genotype": "" if blind else facts.genotype,
        "description": ": ".join(
            filter(
                None,
                [f"{experiment.config.experiment.species} {session.animal}", reporting.get("age")],
            )
        ),
    }
    written = {key: value for key, value in said.items() if value}
    made_by = _made_by(record)
    shown_words = json.dumps([written, subject, made_by], default=str, sort_keys=True)
    doses = [table.to_csv(index=False) for table in tables.doses_of(experiment, session)]
    return NWBFile(
        identifier=source.digest(shown_words, *doses),
        session_start_time=facts.start,
        # the clock of the computer would give other bytes each time
        file_create_date=facts.start,
        was_generated_by=made_by,
        subject=Subject(**{key: value for key, value in subject.items() if value}),
        **written,
    )


def _notes(session: Session, statement: str, *, blind: bool) -> str:
    """Say what the sessions table has of a session and NWB has no field for."""
    known = {"stage": session.stage, "cohort": session.cohort, "cage": session.cage}
    own = {name: cell for name, cell in session.factors.items() if name not in FACTS}
    lines = [f"{name}: {cell}" for name, cell in {**known, **own}.items() if cell]
    if blind:
        lines.append("Blind: conditions are codes, drugs and doses are left out.")
    return "\n".join(filter(None, [statement, *lines]))


def _made_by(record: Mapping[str, Any]) -> list[list[str]]:
    """Return name and version of what made the results, as the run's record has them."""
    code = [[f"set-and-setting, {step}", value] for step, value in record["code"].items()]
    return [*code, *([name, value] for name, value in record["versions"].items())]


def _add_intervals(
    nwb: NWBFile, source: SessionResults, experiment: Experiment, session: Session
) -> None:
    """Add trials, epochs, contexts, bouts of movement, speed and scored behaviour."""
    if source.has("epochs"):
        epochs = source.epochs
        unknown = sorted(set(epochs["anchor"]) - {"", *experiment.anchors})
        if unknown:
            raise InputError(
                f"{session.name}: epochs.tsv counts from {', '.join(unknown)}, which the table of "
                "administrations does not have: it was changed since the run. Run snakemake again."
            )
        joined = tables.epochs_table(epochs, experiment.anchors)
        nwb.epochs = tables.intervals_table(
            "epochs",
            "Contexts cut to phases around the doses: the cells of the comparison",
            joined,
            tables.EPOCH_WORDS,
        )
    contexts = tables.intervals_table(
        "contexts",
        "Where the animal was, or what it did",
        tables.contexts_table(session, source.end_s()),
        tables.EPOCH_WORDS,
    )
    _add_table(nwb, contexts)
    if source.has("trials"):
        _add_trials(nwb, source, blind=experiment.plan.blind)
    if source.has("movement"):
        add_speed(_behaviour(nwb), source.movement)
        bouts = tables.intervals_table(
            "movement_bouts",
            "Rest, walk and run: the epochs of the split by movement lie inside these",
            tables.bouts_table(source, experiment.config.movement),
            {"movement": "rest, walk or run"},
        )
        _add_table(nwb, bouts)
    if source.has("scored"):
        _add_scored(nwb, source.scored)


def _add_table(nwb: NWBFile, table: Any) -> None:
    if table is not None:
        nwb.add_time_intervals(table)


def _add_trials(nwb: NWBFile, source: SessionResults, *, blind: bool) -> None:
    """Add the trials; a log without times is a plain table, for intervals need a start."""
    trials = tables.trials_table(source.trials, blind=blind)
    description = "Trials as the log has them; further columns of the scoring are not in here"
    if trials["start_time"].notna().all():
        nwb.trials = tables.intervals_table("trials", description, trials, tables.TRIAL_WORDS)
        return
    columns = tables.columns_of(
        trials.drop(columns=["start_time", "stop_time"]), tables.TRIAL_WORDS
    )
    _behaviour(nwb).add(
        DynamicTable(
            name="trials_without_times",
            description=f"{description}; not every trial has a time",
            columns=columns,
        )
    )


def _behaviour(nwb: NWBFile) -> Any:
    if "behavior" in nwb.processing:
        return nwb.processing["behavior"]
    return nwb.create_processing_module(name="behavior", description="Behaviour and movement")


def _add_scored(nwb: NWBFile, scored: pd.DataFrame) -> None:
    """Add what a person scored: bouts and the time watched as intervals, points as events."""
    words = {
        "behaviour": "as the scorer named it",
        "modifier": "as scored",
        "kind": "bout, or observed: time in which the behaviour was watched for",
    }
    table = scored.rename(columns={"start_s": "start_time", "stop_s": "stop_time"})
    _add_table(
        nwb,
        tables.intervals_table("scored_behaviour", "Behaviour that a person scored", table, words),
    )
    point = (table["kind"] == BOUT) & ~(table["stop_time"] > table["start_time"])
    if point.any():
        rows = table[point].sort_values("start_time", kind="stable")
        rows = rows.rename(columns={"start_time": "timestamp"})
        _add_events(nwb, "scored_events", "Scored behaviour without duration",
                    rows[["timestamp", "behaviour", "modifier"]], words)  # fmt: skip


def _add_events(
    nwb: NWBFile, name: str, description: str, table: pd.DataFrame, words: Mapping[str, str]
) -> None:
    """Add a table of events, in the order of its rows."""
    times = TimestampVectorData(
        name="timestamp",
        description="seconds on the session clock",
        data=table["timestamp"].to_numpy(dtype=float),
    )
    own = tables.columns_of(table.drop(columns="timestamp"), words)
    nwb.add_events_table(EventsTable(name=name, description=description, columns=[times, *own]))


def _add_doses(nwb: NWBFile, experiment: Experiment, session: Session) -> None:
    """Add the doses: those on the session's clock as events, others as a plain table."""
    timed, elsewhere = tables.doses_of(experiment, session)
    if len(timed):
        _add_events(
            nwb,
            "administrations",
            "Doses given in this session; while blind, their times only",
            timed,
            tables.DOSE_WORDS,
        )
    columns = tables.columns_of(elsewhere, tables.DOSE_WORDS) if len(elsewhere) else []
    if columns:
        module = nwb.create_processing_module(
            name="misc", description="What has no time on the session clock"
        )
        module.add(
            DynamicTable(
                name="administrations_elsewhere",
                description="The animal's doses without a time on this session's clock",
                columns=columns,
            )
        )


def _name_objects(nwb: NWBFile) -> None:
    """Give every object the identifier that follows from the file's content and its place.

    The library draws them at random when objects are made, and has no other way to set them.
    """
    for one in nwb.all_children():
        place, parent = one.name, one.parent
        while parent is not None:
            place, parent = f"{parent.name}/{place}", parent.parent
        own = uuid.uuid5(_NAMESPACE, f"{nwb.identifier}/{place}")
        one._AbstractContainer__object_id = str(own)
