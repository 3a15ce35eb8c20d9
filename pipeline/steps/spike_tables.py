"""What ``measure`` leaves of a session's units: rates over time, and what each unit does.

These tables show units. Every test is made on animals, from the observations.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from pipeline.intervals import Intervals, intersect
from pipeline.steps.guard import write_atomically
from pipeline.steps.session_data import Span, resolve_spans
from pipeline.steps.time_courses import Zero, zeros_of
from pipeline.steps.typed import write_text

if TYPE_CHECKING:
    import pandas as pd

    from pipeline.steps.spike_sources import SpikeSession

#: bins of the rates: of a recording of at least an hour, and of a shorter one
BIN_S, SHORT_BIN_S = 60.0, 10.0
_HOUR_S = 3600.0
_WHO = {"session": "str", "animal": "str"}
#: which cell a row is about
CELL = {"anchor": "str", "step": "int64", "phase": "str", "context": "str"}
_UNIT = {"unit_id": "str", "region": "str"}
#: columns of every table and how they are read
MODULATION = _WHO | CELL | _UNIT | {
    "before_hz": "float64",
    "after_hz": "float64",
    "log2_fold_change": "float64",
    "index": "float64",
    "p": "float64",
    "q": "float64",
    "call": "int64",
}  # fmt: skip
LOCKING = _WHO | CELL | _UNIT | {
    "channel": "str",
    "band": "str",
    "n_spikes": "int64",
    "n_blocks": "int64",
    "ppc": "float64",
    "ppc_corrected": "float64",
    "preferred_rad": "float64",
    "rayleigh_p": "float64",
    "block_p": "float64",
    "q": "float64",
    "locked": "bool",
}  # fmt: skip
RESPONSES = _WHO | CELL | _UNIT | {
    "event": "str",
    "n_events": "int64",
    "time_s": "float64",
    "rate_hz": "float64",
    "baseline_hz": "float64",
}  # fmt: skip
AUTOCORRELOGRAMS = _WHO | CELL | _UNIT | {"n_spikes": "int64", "lag_s": "float64",
                                          "ratio": "float64"}  # fmt: skip
UNIT_RATES = _WHO | {
    "anchor": "str",
    "step": "int64",
    "bin_start_s": "float64",
    "bin_s": "float64",
    "shown": "bool",
    "phase": "str",
    "context": "str",
    "handling": "bool",
    "seconds": "float64",
    "unit_id": "str",
    "region": "str",
    "n_spikes": "int64",
    "rate_hz": "float64",
}
#: outputs of :func:`write_spikes`, their columns and types
TYPES = {
    "modulation": MODULATION,
    "locking": LOCKING,
    "responses": RESPONSES,
    "autocorrelograms": AUTOCORRELOGRAMS,
    "unit_rates": UNIT_RATES,
}


def write_spikes(
    cells: Sequence[tuple[Any, Mapping[str, Any]]],
    spikes: SpikeSession | None,
    settings: Mapping[str, Any],
    outputs: Mapping[str, Path],
) -> None:
    """Write the tables of a session's units.

    Parameters
    ----------
    cells : sequence of (Span, mapping)
        Every cell, of all movement together, and its sources; those that are absent or None are
        left out.
    spikes : SpikeSession or None
        The units that enter the comparison; None without units.
    settings : mapping
        :func:`pipeline.steps.settings.measure_settings`.
    outputs : mapping of str to Path
        Names of :data:`TYPES`. Every table has session, animal and what it is about, and is an
        empty file where there is nothing to write.

        - ``modulation`` (TSV, columns :data:`MODULATION`): rate of each unit before and in a cell,
          the test of its change and the call: 1 up, 0 none, -1 down.
        - ``locking`` (Parquet, :data:`LOCKING`): unit, cell and band. ``q`` is Benjamini and
          Hochberg's over the units of the session in that cell and band, from ``block_p``;
          ``locked`` says whether it lies below spikes.locking.level.
        - ``responses`` (Parquet, :data:`RESPONSES`): unit, event and bin, the bin's middle in
          seconds from the event; NaN where a bin was never seen.
        - ``autocorrelograms`` (Parquet, :data:`AUTOCORRELOGRAMS`): over that of independent
          spikes.
        - ``unit_rates`` (Parquet, :data:`UNIT_RATES`): all of the session in bins that are counted
          from each administration (from the start, with a blank anchor, where there is none).
          ``shown`` marks those between its neighbours, and not a baseline before an earlier dose.
          ``phase`` and ``context`` are those at the middle of a bin; ``handling`` marks bins that
          meet the time cut out around any administration.
    """
    level = settings["options"]["spikes"]["locking"]["level"] if spikes is not None else 0.0
    tables = {
        "modulation": _joined(_modulation, cells, "modulation"),
        "locking": _joined(lambda found: _locking(found, level), cells, "locking"),
        "responses": _joined(_responses, cells, "responses"),
        "autocorrelograms": _joined(_autocorrelograms, cells, "periodicity"),
        "unit_rates": None if spikes is None else unit_rates(spikes, settings),
    }
    who = {"session": settings["session"], "animal": settings["animal"]}
    for name, types in TYPES.items():
        table = tables[name]
        if table is None or not len(table):
            write_atomically(outputs[name], b"")
        else:
            table = table.assign(**who)[list(types)].astype(types)
            write_table(table, outputs[name])


def write_table(table: pd.DataFrame, path: Path) -> None:
    """Write a table as its file's name says: TSV or Parquet."""
    from pipeline.steps.extract import write_parquet

    if path.suffix == ".tsv":
        write_text(table, path, float_format="%.9g")
    else:
        write_parquet(table, path)


def read_modulation(path: Path) -> pd.DataFrame:
    """Read modulation.tsv; text stays text ("NA" too).

    Parameters
    ----------
    path : Path
        Written by :func:`write_spikes`; not empty.
    """
    import pandas as pd

    blank = {name: [""] for name, dtype in MODULATION.items() if dtype != "str"}
    return pd.read_csv(path, sep="\t", dtype=MODULATION, keep_default_na=False, na_values=blank)


def _joined(
    rows: Any, cells: Sequence[tuple[Any, Mapping[str, Any]]], source: str
) -> pd.DataFrame | None:
    """Rows of all cells that have a source; None where no cell has any."""
    import pandas as pd

    parts = []
    for span, sources in cells:
        found = sources.get(source)
        if found is not None and len(table := rows(found)):
            parts.append(table.assign(**{name: getattr(span, name) for name in CELL}))
    return pd.concat(parts, ignore_index=True) if parts else None


def _modulation(found: Any) -> pd.DataFrame:
    import pandas as pd

    tested = found.modulation
    numbers = ("before_hz", "after_hz", "log2_fold_change", "index", "p", "q")
    columns = {"unit_id": tested.unit_id, "region": tested.region}
    columns |= {name: getattr(tested, name) for name in numbers}
    return pd.DataFrame(columns | {"call": found.calls})


def _locking(found: Any, level: float) -> pd.DataFrame:
    """One row per unit and band."""
    import pandas as pd

    n_units, n_bands = len(found.unit_id), len(found.bands)
    per_unit = ("unit_id", "region", "channel", "n_spikes", "n_blocks")
    per_band = ("ppc", "ppc_corrected", "preferred_rad", "rayleigh_p", "block_p")
    columns = {name: np.repeat(np.asarray(getattr(found, name)), n_bands) for name in per_unit}
    columns |= {name: np.asarray(getattr(found, name)).ravel() for name in per_band}
    q = np.column_stack([_q(column) for column in np.asarray(found.block_p).T])
    with np.errstate(invalid="ignore"):
        columns |= {"q": q.ravel(), "locked": (q < level).ravel()}
    return pd.DataFrame(columns | {"band": np.tile(np.asarray(found.bands, dtype=str), n_units)})


def _q(p: NDArray[np.float64]) -> NDArray[np.float64]:
    """False-discovery rates of the p values that there are."""
    from pipeline.spikes.modulation import benjamini_hochberg

    known = np.isfinite(p)
    q = np.full(len(p), np.nan)
    q[known] = benjamini_hochberg(p[known])
    return q


def _responses(found: Any) -> pd.DataFrame:
    """One row per unit, event and bin."""
    import pandas as pd

    parts = []
    n_bins = len(found.time_s)
    for event, rates in found.rate_hz.items():
        parts.append(
            pd.DataFrame(
                {
                    "unit_id": np.repeat(np.asarray(found.unit_id, dtype=object), n_bins),
                    "region": np.repeat(np.asarray(found.region, dtype=object), n_bins),
                    "event": event,
                    "n_events": int(found.n_events[event]),
                    "time_s": np.tile(np.round(found.time_s, 9), len(found.unit_id)),
                    "rate_hz": np.asarray(rates).ravel(),
                    "baseline_hz": np.repeat(np.asarray(found.baseline_hz), n_bins),
                }
            )
        )
    return pd.concat(parts, ignore_index=True) if parts else pd.DataFrame()


def _autocorrelograms(found: Any) -> pd.DataFrame:
    """One row per unit and lag."""
    import pandas as pd

    n_lags = len(found.lag_s)
    per_unit = ("unit_id", "region", "n_spikes")
    columns = {name: np.repeat(np.asarray(getattr(found, name)), n_lags) for name in per_unit}
    columns |= {"lag_s": np.tile(found.lag_s, len(found.unit_id))}
    return pd.DataFrame(columns | {"ratio": np.asarray(found.autocorrelogram).ravel()})


# -- rates over time ---------------------------------------------------------------------------


def unit_rates(spikes: SpikeSession, settings: Mapping[str, Any]) -> pd.DataFrame | None:
    """Rate of every unit that counts in the bins of the whole session.

    Parameters
    ----------
    spikes : SpikeSession
        The session's units.
    settings : mapping
        ``epochs``, ``contexts``, ``administrations_s``, ``handling_s``.

    Returns
    -------
    DataFrame or None
        :data:`UNIT_RATES` without session and animal; bins of which less than half was recorded
        are left out. None without units or time.
    """
    import pandas as pd

    from pipeline.spikes.units import unit_trains

    recorded = spikes.data.recorded
    kept = spikes.kept
    if not len(recorded) or not kept.sizes["unit"]:
        return None
    trains = unit_trains(kept)
    bin_s = BIN_S if recorded[-1, 1] - recorded[0, 0] >= _HOUR_S else SHORT_BIN_S
    spans = resolve_spans(settings["epochs"], spikes.data.end_s)
    zeros = zeros_of(settings) or [Zero("", 0, 0.0, from_s=-math.inf, until_s=math.inf)]
    parts = []
    for zero in zeros:
        own = [span for span in spans if span.anchor == zero.anchor]
        before = [s for s in own if s.phase == settings["baseline_phase"] and s.start_s < s.stop_s]
        starts, bins, seconds, shown = _bins(zero, before, recorded, bin_s)
        if not len(starts):
            continue
        columns = {
            "bin_start_s": starts - zero.zero_s,
            "shown": shown,
            "phase": label_at(bins, [(s.phase, s.start_s, s.stop_s) for s in own]),
            "context": label_at(
                bins, [(c["context"], c["start_s"], c["stop_s"]) for c in settings["contexts"]]
            ),
            "handling": _handling(bins, settings),
            "seconds": seconds,
        }
        counts = np.stack(
            [np.searchsorted(t, bins[:, 1]) - np.searchsorted(t, bins[:, 0]) for t in trains]
        )
        n_units = len(trains)
        table = pd.DataFrame({name: np.tile(values, n_units) for name, values in columns.items()})
        parts.append(
            table.assign(
                anchor=zero.anchor,
                step=zero.step,
                bin_s=bin_s,
                unit_id=np.repeat(kept["unit_id"].values.astype(object), len(bins)),
                region=np.repeat(kept["region"].values.astype(object), len(bins)),
                n_spikes=counts.ravel(),
                rate_hz=(counts / seconds).ravel(),
            )
        )
    return pd.concat(parts, ignore_index=True) if parts else None


def _bins(
    zero: Zero, baseline: Sequence[Span], recorded: Intervals, bin_s: float
) -> tuple[NDArray[np.float64], Intervals, NDArray[np.float64], NDArray[np.bool_]]:
    """Starts of an administration's bins, what of them counts, recorded seconds, which are shown.

    Shown are those up to its neighbours; a baseline before an earlier dose has its bins beside.
    """
    starts, bins, seconds = _recorded_bins(zero.zero_s, zero.from_s, zero.until_s, recorded, bin_s)
    shown = np.ones(len(starts), dtype=bool)
    for span in baseline:
        more = _recorded_bins(zero.zero_s, span.start_s, span.stop_s, recorded, bin_s)
        new = ~np.isin(np.round(more[0], 6), np.round(starts, 6))
        starts, bins, seconds = (
            np.concatenate([old, rows[new]])
            for old, rows in zip((starts, bins, seconds), more, strict=True)
        )
        shown = np.concatenate([shown, np.zeros(int(new.sum()), dtype=bool)])
    order = np.argsort(starts, kind="stable")
    return starts[order], bins[order], seconds[order], shown[order]


def _recorded_bins(
    zero_s: float, start_s: float, stop_s: float, recorded: Intervals, bin_s: float
) -> tuple[NDArray[np.float64], Intervals, NDArray[np.float64]]:
    """Bins on the grid of an administration within some time, recorded by half at least."""
    start = max(start_s, float(recorded[0, 0]))
    stop = min(stop_s, float(recorded[-1, 1]))
    if not start < stop:
        return np.empty(0), np.empty((0, 2)), np.empty(0)
    first = math.floor((start - zero_s) / bin_s + 1e-9)
    past = math.ceil((stop - zero_s) / bin_s - 1e-9)
    edges = zero_s + bin_s * np.arange(first, past + 1)
    bins = np.column_stack([edges[:-1], edges[1:]])
    seconds = np.zeros(len(bins))
    for low, high in intersect(np.array([[start, stop]]), recorded):
        shared = np.minimum(bins[:, 1], high) - np.maximum(bins[:, 0], low)
        seconds += np.clip(shared, 0, None)
    enough = seconds >= bin_s / 2
    # what lies before the recording or belongs to the next administration is not this bin's
    return bins[enough, 0], np.clip(bins[enough], start, stop), seconds[enough]


def label_at(
    bins: Intervals, labelled: Sequence[tuple[str, float | None, float | None]]
) -> NDArray[np.object_]:
    """Label of the interval that holds the middle of each bin, "" for none.

    Parameters
    ----------
    bins : ndarray, shape (n, 2)
        Seconds.
    labelled : sequence of (str, float or None, float or None)
        Label, start, stop; None stands for the session's start or end.
    """
    middle = bins.mean(axis=1)
    found = np.full(len(bins), "", dtype=object)
    for label, start, stop in labelled:
        low = -math.inf if start is None else start
        high = math.inf if stop is None else stop
        found[(middle >= low) & (middle < high)] = label
    return found


def _handling(bins: Intervals, settings: Mapping[str, Any]) -> NDArray[np.bool_]:
    """Which bins meet the time around an administration that phases leave out."""
    before, after = settings["handling_s"]
    met = np.zeros(len(bins), dtype=bool)
    for time in {*(z.zero_s for z in zeros_of(settings)), *settings["administrations_s"]}:
        met |= (bins[:, 0] < time + after) & (bins[:, 1] > time + before)
    return met
