"""Tables of a session's page, as text."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import TYPE_CHECKING, Any

from pipeline.report.lookup import rows_of, text
from pipeline.report.names import capital, spoken
from pipeline.report.numbers import SPACE, finite, minutes, number, plain

if TYPE_CHECKING:
    import pandas as pd

    from pipeline.report.session_page import SessionPage


@dataclass(frozen=True, kw_only=True)
class StatusLine:
    """How one step went."""

    step: str
    state: str
    reason: str
    warnings: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class Table:
    """A table whose cells are text already."""

    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


def status_list(page: SessionPage) -> list[StatusLine]:
    """One line per step that ran."""
    return [
        StatusLine(
            step=step,
            state=text(status.get("state")),
            reason=text(status.get("reason")),
            warnings=tuple(status.get("warnings", ())),
        )
        for step, status in page.status.items()
    ]


def fact_list(page: SessionPage) -> list[tuple[str, str]]:
    """Facts of the session: what the lab said, then what the steps found."""
    found = page.step_facts
    rows = [(label, _plain(value)) for label, value in page.facts.items() if _plain(value)]
    shown: Sequence[tuple[str, str, Any]] = (
        ("duration_s", "Duration", minutes),
        ("recording_rate_hz", "Recorded at", lambda hz: f"{number(hz)}{SPACE}Hz"),
        ("lfp_rate_hz", "LFP at", lambda hz: f"{number(hz)}{SPACE}Hz"),
        ("n_channels", "Channels", _plain),
        ("regions", "Regions", _plain),
        ("bad_channels", "Bad channels", lambda names: _plain(names) or "none"),
        ("bad_channel_reasons", "Why they are bad", lambda reasons: _plain(reasons) or "–"),
        ("loose_channels", "Channels that came loose", _plain),
        ("line_noise", "Mains", _plain),
        ("reference", "Reference", lambda name: spoken(text(name))),
        ("kept_fraction", "Time kept", lambda part: f"{plain(100 * part, 1)}{SPACE}%"),
        ("artefact_s", "Artefacts by kind (they may overlap)", _kind_seconds),
        ("n_bursts", "Bursts like those of muscles", _plain),
        ("n_units_sorted", "Units sorted", _plain),
        ("n_units_kept", "Units kept", _plain),
        ("units_of_unknown_channel", "Units of unknown channel", _plain),
        ("n_trials", "Trials", _plain),
        ("movement_samples", "Samples of movement", lambda n: f"{n:,}"),
        ("mains_left_out_hz", "Left out around the mains", _mains),
        ("without_value", "Metrics without a value", _lines),
    )
    rows += [(label, write(found[key])) for key, label, write in shown if key in found]
    known = {key for key, _, _ in shown} | {"units_left_out"}
    known |= {key for key in found if key == "sync" or key.startswith("sync_")}  # in a table
    rows += [
        (capital(spoken(key)), _plain(value)) for key, value in found.items() if key not in known
    ]
    if page.sync is not None:
        rows.append(("Clock", text(page.sync.get("clock"))))
    return rows


def clock_table(page: SessionPage) -> Table | None:
    """How each log came to the session's clock; None without logs."""
    logs = page.sync.get("logs", ()) if page.sync else ()
    if not logs:
        return None
    rows = []
    for log in logs:
        pieces = log.get("pieces", ())
        offset = pieces[0].get("intercept") if pieces else log.get("offset_s")
        shift = f"offset {plain(offset, 3)}{SPACE}s" if finite(offset) else "offset unknown"
        if len(pieces) > 1:
            shift = f"{len(pieces)} pieces"
        median, most = log.get("residual_median_ms"), log.get("residual_max_ms")
        left = [log.get(f"n_unmatched_{side}") for side in ("behaviour", "recording")]
        drift = log.get("drift_ppm")
        rows.append(
            (
                text(log.get("file")) or "log",
                f"{text(log.get('method'))}, {shift}",
                text(log.get("n_matched")) if pieces else "–",
                f"{left[0]} of the log, {left[1]} of the recording" if pieces else "–",
                f"{plain(median, 2)} and {plain(most, 2)}{SPACE}ms" if finite(median) else "–",
                f"{plain(drift, 1)}{SPACE}ppm" if finite(drift) else "–",
            )
        )
    columns = ("log", "clock", "pulses matched", "without partner", "residual, median and most")
    return Table(columns=(*columns, "drift"), rows=tuple(rows))


def recording_table(page: SessionPage) -> Table | None:
    """Parts of the recording and the gaps between them; None unless there are several files."""
    sync = page.sync or {}
    parts = sync.get("recordings", ())
    if len(parts) < 2:
        return None
    rows = [
        (
            text(part.get("file")),
            text(part.get("probe")) or "–",
            _clock_s(part["starts_at_s"]),
            _clock_s(part["starts_at_s"] + part["seconds"]),
            f"{number(part['rate_hz'])}{SPACE}Hz",
        )
        for part in parts
    ]
    rows += [
        ("not recorded", "–", _clock_s(start), _clock_s(stop), "–")
        for start, stop in sync.get("gaps_s", ())
    ]
    return Table(columns=("file", "probe", "from", "to", "rate"), rows=tuple(rows))


def _clock_s(seconds: float) -> str:
    return f"{plain(seconds, 3)}{SPACE}s"


def _plain(value: Any) -> str:
    if isinstance(value, list | tuple):
        return ", ".join(map(_plain, value))
    if isinstance(value, Mapping):
        return "; ".join(f"{key}: {_plain(item)}" for key, item in value.items())
    return number(value) if finite(value) else text(value)


def _kind_seconds(kinds: Mapping[str, float]) -> str:
    return "; ".join(f"{spoken(kind)} {plain(s, 1)}{SPACE}s" for kind, s in kinds.items())


def _mains(halves: Mapping[str, float]) -> str:
    """Frequency and half width, from the lowest: ``60 ± 10 Hz``."""
    in_order = sorted(halves.items(), key=lambda item: float(item[0]))
    return ", ".join(f"{hz} ± {number(half)}{SPACE}Hz" for hz, half in in_order)


def _lines(reasons: Sequence[str]) -> str:
    return "; ".join(map(text, reasons))


#: columns of epochs.tsv that are shown where the file has them
_EPOCH_EXTRAS = {
    "amplitude_s": "amplitude",
    "flat_s": "flat",
    "saturated_s": "saturated",
    "burst_s": "bursts",
    "n_bursts": "number of bursts",
    "judgement": "judgement",
}


def epoch_table(page: SessionPage) -> Table | None:
    """Epochs with their clean time, and what was left out of them by kind; None without any."""
    if page.epochs is None or page.epochs.empty:
        return None
    extras = {key: label for key, label in _EPOCH_EXTRAS.items() if key in page.epochs.columns}
    rows = [
        (
            spoken(text(row["phase"])),
            spoken(text(row["context"])),
            text(row.get("interval")),
            _time(row["start_s"]),
            _time(row["stop_s"]),
            _seconds(row.get("recorded_s")),
            _seconds(row.get("clean_s")),
            f"{plain(100 * row['kept_fraction'], 1)}{SPACE}%"
            if finite(row.get("kept_fraction"))
            else "–",
            *(_extra(key, row[key]) for key in extras),
        )
        for row in rows_of(page.epochs)
    ]
    columns = ("phase", "context", "interval", "from", "to", "recorded", "clean", "kept")
    return Table(columns=(*columns, *extras.values()), rows=tuple(rows))


def _extra(key: str, value: Any) -> str:
    if key == "judgement":
        return text(value) or "–"
    if key == "n_bursts":
        return str(int(value)) if finite(value) else "–"
    return f"{plain(value, 1)}{SPACE}s" if finite(value) else "–"


def _time(seconds: Any) -> str:
    return minutes(seconds) if finite(seconds) else "–"


def _seconds(seconds: Any) -> str:
    return f"{plain(seconds, 0)}{SPACE}s" if finite(seconds) else "–"


def unit_table(page: SessionPage) -> Table | None:
    """Units with quality, rate, and rate per phase and context; None without units."""
    if page.units is None or page.units.sizes.get("unit", 0) == 0:
        return None
    import numpy as np

    units = page.units
    times = units["spike_time"].values
    owner = units["spike_unit"].values
    n_units = units.sizes["unit"]
    cells = _cells(page.epochs)
    left_out = page.step_facts.get("units_left_out", {})
    columns = ["unit", "region", "quality", "used", "spikes"]
    rates = []
    for label, (spans, seconds) in cells.items():
        columns.append(f"{label}, Hz")
        inside = np.zeros(len(times), dtype=bool)
        for start, stop in spans:
            inside |= (times >= start) & (times < stop)
        rates.append(np.bincount(owner[inside], minlength=n_units) / seconds)
    counts = np.bincount(owner, minlength=n_units)
    rows = []
    for index, name in enumerate(map(str, units["unit_id"].values)):
        why = left_out.get(name)
        rows.append(
            (
                name,
                str(units["region"].values[index]) or "–",
                str(units["quality"].values[index]) or "–",
                "yes" if why is None else f"no: {why}",
                f"{counts[index]:,}",
                *(plain(float(rate[index]), 2) for rate in rates),
            )
        )
    return Table(columns=tuple(columns), rows=tuple(rows))


def _cells(
    epochs: pd.DataFrame | None,
) -> dict[str, tuple[list[tuple[float, float]], float]]:
    """Intervals of each phase and context, and the seconds of them that were recorded.

    Cells of which nothing was recorded are left out: a log goes on where the recording ends.
    """
    cells: dict[str, tuple[list[tuple[float, float]], float]] = {}
    for row in [] if epochs is None else rows_of(epochs):
        start, stop, recorded = row["start_s"], row["stop_s"], row["recorded_s"]
        if finite(start) and finite(stop) and stop > start and recorded > 0:
            label = f"{spoken(text(row['phase']))}, {spoken(text(row['context']))}"
            spans, seconds = cells.get(label, ([], 0.0))
            cells[label] = ([*spans, (float(start), float(stop))], seconds + float(recorded))
    return cells


def trial_table(page: SessionPage) -> Table | None:
    """Trials by rule in order: how many, right, wrong by type, omitted; None without trials."""
    if page.trials is None or page.trials.empty:
        return None
    trials = page.trials.assign(shown=trial_outcomes(page.trials))
    column = f"error_{page.error_scheme}"
    typed = column in trials.columns
    kinds = []
    if typed:
        met = trials[column].astype(str)
        kinds = [kind for kind in dict.fromkeys(met) if kind not in ("none", "omission", "")]
    rules = trials["rule"].map(text).tolist()
    shown = trials["shown"].tolist()
    typing = trials[column].astype(str).tolist() if typed else [""] * len(rules)
    rows = []
    for index, (rule, places) in enumerate(groupby(range(len(rules)), key=rules.__getitem__), 1):
        block = list(places)
        counts = Counter(shown[place] for place in block)
        errors = Counter(typing[place] for place in block)
        rows.append(
            (
                str(index),
                rule or "–",
                str(len(block)),
                *(str(counts[kind]) for kind in ("correct", "error", "omission")),
                *(str(errors[kind]) for kind in kinds),
            )
        )
    columns = ("set", "rule", "trials", "correct", "errors", "omissions", *map(spoken, kinds))
    return Table(columns=columns, rows=tuple(rows))


def trial_outcomes(trials: pd.DataFrame) -> pd.Series:
    """``correct``, ``error``, ``omission`` or ``unscored``, from scores or from the log."""
    if "outcome" in trials.columns:
        return trials["outcome"].astype(str)
    correct = trials["correct"].astype("boolean")
    words = correct.map({True: "correct", False: "error"}).astype(object)
    words = words.where(correct.notna(), "unscored")
    return words.where(~trials["omission"].fillna(False).astype(bool), "omission")
