"""Tables of an NWB file: trials, epochs, contexts, movement, scored behaviour, administrations.

A column that holds nothing in any row is left out. NWB's yes/no columns know no blanks: where some
are blank they are whole numbers, 1, 0, and -1 for not known.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from pipeline.experiment.behaviour_mapping import TIME_COLUMNS

if TYPE_CHECKING:
    from pynwb.epoch import TimeIntervals

    from pipeline.commands.export_nwb_source import SessionResults
    from pipeline.experiment.model import Anchor, Experiment, Session

#: how a column of yes and no with blanks is written
_NOT_KNOWN = -1
#: column of the trial table -> what it holds
TRIAL_WORDS = {
    "trial": "number of the trial in its log",
    "t_cue": "when the cue came on, seconds on the session clock",
    "t_init": "when the animal began the trial, seconds on the session clock",
    "t_choice": "when it chose, seconds on the session clock",
    "t_reward": "when it got the reward, seconds on the session clock",
    "latency_choice": "seconds from the cue to the choice, as logged, else t_choice - t_cue",
    "rule": "rule in force, as the log names it",
    "cue_side": "side of the cue",
    "choice_side": "side that was chosen, blank on an omission",
    "correct": "whether the choice followed the rule",
    "omission": "whether there was no choice",
    "rewarded": "whether a reward was given",
    "task": "task, as the log or the config names it",
    "source_file": "log that the trial was read from",
    "source_row": "row in that log",
}
#: columns of the trial table that are not shown while blind, as in trials.tsv.gz
BLIND_TRIALS = ("task", "source_file")
EDGE_WORDS = {
    "start_time": "begin, seconds on the session clock",
    "stop_time": "end, seconds on the session clock; NaN where it is not known",
}
EPOCH_WORDS = {
    "phase": "window in time from the dose",
    "context": "where the animal was, or what it did",
    "condition": "what was on board, as the config names it; while blind, a code",
    "dosing_context": "where the animal was when dosed",
    "interval": "number of the piece: several pieces of one phase and context are one cell",
    "anchor": "the dose that the phase counts from: animal and number",
    "step": "1 for the first dose of the session that phases count from, 2 for the second",
    "period": "which dosing of the animal this was",
    "days_since_previous": "days since the dosing before",
    "recorded_s": "seconds of the epoch in which was recorded",
    "clean_s": "seconds without artefacts",
    "kept_fraction": "clean_s over recorded_s",
    "amplitude_s": "seconds with artefacts of amplitude",
    "flat_s": "seconds in which the signal was flat",
    "saturated_s": "seconds in which it was saturated",
    "burst_s": "seconds with bursts like those of muscles",
    "n_bursts": "such bursts",
    "n_windows": "windows that the spectra of the epoch are of",
    "judgement": "enough, short, too little (left out of the comparison) or not recorded",
}
DOSE_WORDS = {
    "drug": "compound as the lab's table names it",
    "dose_mg_per_kg": "mg per kg of body weight",
    "route": "route",
    "role": "test (phases count from it), pretreatment or sham",
    "dosing_context": "where the animal was when dosed",
    "anchor": "name of the dose in the column anchor of epochs, blank for a pretreatment",
    "condition": "what was on board from this dose on; while blind, a code",
    "given": "local date and time, or date; blank where the table has neither",
    "session": "session in which it was given, blank for none",
}


def columns_of(table: pd.DataFrame, words: Mapping[str, str]) -> list[Any]:
    """Columns of a table in the form of NWB.

    Parameters
    ----------
    table : DataFrame
        Columns that hold nothing in any row are left out.
    words : mapping of str to str
        Column -> description; others are the lab's own.

    Returns
    -------
    list of hdmf.common.VectorData
    """
    from hdmf.common import VectorData

    columns = []
    for name in table.columns:
        values, remark = _values(table[name])
        if values is not None:
            said = words.get(str(name), "column of the lab's own table") + remark
            columns.append(VectorData(name=str(name), description=said, data=values))
    return columns


def _values(column: pd.Series) -> tuple[Any, str]:
    """Values as NWB can hold them, and what must be said of them; None where there are none."""
    blank = column.isna()
    if blank.all():
        return None, ""
    kind = column.dtype
    if pd.api.types.is_bool_dtype(kind):
        if not blank.any():
            return column.to_numpy(dtype=bool), ""
        numbers = column.astype("Int8").fillna(_NOT_KNOWN).to_numpy(dtype=np.int8)
        return numbers, f" (1 yes, 0 no, {_NOT_KNOWN} not known)"
    if pd.api.types.is_integer_dtype(kind) and not blank.any():
        return column.to_numpy(dtype=np.int64), ""
    if pd.api.types.is_numeric_dtype(kind):
        return column.to_numpy(dtype=np.float64, na_value=np.nan), ""
    text = ["" if missing else str(value) for value, missing in zip(column, blank, strict=True)]
    return (text, "") if any(text) else (None, "")


def intervals_table(
    name: str, description: str, table: pd.DataFrame, words: Mapping[str, str]
) -> TimeIntervals | None:
    """Table of intervals in order of their start; None without a row.

    Parameters
    ----------
    name, description : str
        Of the table.
    table : DataFrame
        With start_time and stop_time, seconds on the session clock; rows without length are left
        out, because NWB refuses them (a stop that is not known is NaN, and is kept).
    words : mapping of str to str
        Column -> description.
    """
    from hdmf.common import VectorData
    from pynwb.epoch import TimeIntervals

    kept = table[~(table["stop_time"] <= table["start_time"])]
    if kept.empty:
        return None
    kept = kept.sort_values("start_time", kind="stable")
    times = [
        VectorData(name=edge, description=said, data=kept[edge].to_numpy(dtype=float))
        for edge, said in EDGE_WORDS.items()
    ]
    own = columns_of(kept.drop(columns=list(EDGE_WORDS)), words)
    return TimeIntervals(name=name, description=description, columns=[*times, *own])


def trials_table(trials: pd.DataFrame, *, blind: bool) -> pd.DataFrame:
    """Trials with start_time and stop_time before their own columns.

    Parameters
    ----------
    trials : DataFrame
        trials.parquet.
    blind : bool
        Leaves out the columns that might name a drug.

    Returns
    -------
    DataFrame
        start_time is the earliest and stop_time the latest time that the log has of a trial (the
        choice may be known by its latency only). A trial of which nothing later is known lasts
        until the next begins; the last one's stop is then NaN.
    """
    if blind:
        trials = trials.drop(columns=[name for name in BLIND_TRIALS if name in trials])
    times = trials[list(TIME_COLUMNS)].to_numpy(dtype=float)
    chosen = trials["t_cue"].to_numpy(dtype=float) + trials["latency_choice"].to_numpy(dtype=float)
    every = np.column_stack([times, chosen])
    start = np.fmin.reduce(times, axis=1)
    stop = np.fmax.reduce(every, axis=1)
    following = np.append(start[1:], np.nan)
    following = np.where(following > start, following, np.nan)
    stop = np.where(stop > start, stop, following)
    return pd.concat(
        [pd.DataFrame({"start_time": start, "stop_time": stop}), trials.reset_index(drop=True)],
        axis=1,
    )


def epochs_table(epochs: pd.DataFrame, anchors: Mapping[str, Anchor]) -> pd.DataFrame:
    """Join to epochs.tsv what was on board, from the anchors (coded ones while blind)."""
    table = epochs.rename(columns={"start_s": "start_time", "stop_s": "stop_time"})
    own = [anchors.get(name) for name in epochs["anchor"]]
    table.insert(2, "condition", [anchor.condition if anchor else "" for anchor in own])
    places = [anchor.administration.dosing_context if anchor else "" for anchor in own]
    table.insert(3, "dosing_context", places)
    table["period"] = _numbers(anchor.period if anchor else None for anchor in own)
    days = (anchor.days_since_previous if anchor else None for anchor in own)
    table["days_since_previous"] = _numbers(days)
    return table


def _numbers(values: Iterable[float | None]) -> list[float]:
    return [np.nan if value is None else float(value) for value in values]


def contexts_table(session: Session, end_s: float) -> pd.DataFrame:
    """Contexts of a session; those that are open at an end get the session's."""
    rows = [
        {
            "start_time": 0.0 if one.start_s is None else one.start_s,
            "stop_time": end_s if one.stop_s is None else one.stop_s,
            "context": one.context,
        }
        for one in session.contexts
    ]
    return pd.DataFrame(rows, columns=["start_time", "stop_time", "context"])


def bouts_table(source: SessionResults, options: Any) -> pd.DataFrame:
    """Bouts of rest, walk and run, as the epochs were split by."""
    from pipeline.ingest import movement_strata

    strata = movement_strata(
        source.movement,
        rest_below_cm_s=options.rest_below_cm_s,
        run_above_cm_s=options.run_above_cm_s,
        smooth_s=options.smooth_speed_s,
        minimum_bout_s=options.minimum_bout_s,
    )
    rows = [
        {"start_time": start, "stop_time": stop, "movement": name}
        for name, intervals in strata.items()
        for start, stop in intervals.tolist()
    ]
    return pd.DataFrame(rows, columns=["start_time", "stop_time", "movement"])


def doses_of(experiment: Experiment, session: Session) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Doses that concern a session: on its clock, and elsewhere before it.

    Parameters
    ----------
    experiment : Experiment
        As shown: coded while blind.
    session : Session
        Of it.

    Returns
    -------
    timed : DataFrame
        ``timestamp`` (seconds on the session clock) and the columns of DOSE_WORDS that say what.
    elsewhere : DataFrame
        The animal's doses without a time on this clock: of earlier visits, between them, or of
        this visit where the table has no time; with ``given`` and ``session``.
    """
    anchor_of = {
        (anchor.administration.line, anchor.administration.animal): anchor
        for anchor in experiment.anchors.values()
    }
    timed, elsewhere = [], []
    for dose in experiment.administrations:
        if dose.animal != session.animal:
            continue
        anchor = anchor_of.get((dose.line, dose.animal))
        row = {
            "drug": dose.drug,
            "dose_mg_per_kg": np.nan if dose.dose_mg_per_kg is None else dose.dose_mg_per_kg,
            "route": dose.route,
            "role": dose.role,
            "dosing_context": dose.dosing_context,
            "anchor": anchor.id if anchor else "",
            "condition": anchor.condition if anchor else "",
        }
        if dose.session == session.name and dose.time_s is not None:
            timed.append({"timestamp": dose.time_s, **row})
        elif dose.session == session.name or (
            dose.date is not None and session.date is not None and dose.date <= session.date
        ):
            moment = dose.moment or dose.date
            given = moment.isoformat() if moment else ""
            elsewhere.append({"given": given, "session": dose.session, **row})
    first, second = pd.DataFrame(timed), pd.DataFrame(elsewhere)
    if experiment.plan.blind:
        # a dose that no phase counts from would show itself as a pretreatment
        hidden = ["anchor", "condition"]
        first = first.drop(columns=hidden, errors="ignore")
        second = second.drop(columns=hidden, errors="ignore")
    return (
        first.sort_values("timestamp", kind="stable") if timed else first,
        second.sort_values("given", kind="stable") if elsewhere else second,
    )
