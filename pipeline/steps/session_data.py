"""One session as ``measure`` sees it: its epochs in seconds, its data, what is left out of them."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from pipeline.intervals import Intervals, intersect


@dataclass(frozen=True)
class Span:
    """One epoch as ``measure`` knows it: the settings' entry with its bounds in seconds.

    ``whole`` marks an epoch that is the session from start to end, with or without clock times;
    ``middle_s`` is the middle of what was measured where that is not half way.
    """

    context: str
    phase: str
    interval: int
    start_s: float
    stop_s: float
    anchor: str
    step: int
    since_dose_zero_s: float | None
    whole: bool = False
    middle_s: float | None = None

    @property
    def intervals(self) -> Intervals:
        """The span as an interval set of one, or of none where it has no length."""
        if not self.start_s < self.stop_s:
            return np.empty((0, 2))
        return np.array([[self.start_s, self.stop_s]])


def resolve_spans(epochs: Sequence[Mapping[str, Any]], end_s: float) -> list[Span]:
    """Give epochs that are open at one end (or both) their bounds in this session.

    Parameters
    ----------
    epochs : sequence of mapping
        Entries of the settings; None as start_s or stop_s means the session's start or end.
    end_s : float
        When the session ends: :attr:`SessionData.end_s`.
    """
    spans = []
    for epoch in epochs:
        start = 0.0 if epoch["start_s"] is None else epoch["start_s"]
        stop = max(start, end_s) if epoch["stop_s"] is None else epoch["stop_s"]
        whole = epoch["start_s"] is None and epoch["stop_s"] is None
        spans.append(Span(**{**epoch, "start_s": start, "stop_s": stop, "whole": whole}))
    return spans


@dataclass(frozen=True, eq=False)
class SessionData:
    """What ``extract`` left of one session, opened when asked for.

    Attributes
    ----------
    inputs : mapping of str to Path
        lfp, units, trials, movement, scored; files that are empty or not given stand for what the
        session does not have.
    options : mapping
        The config's sections that metrics read.
    loose : frozenset of str
        Channels of the LFP that count as bad, besides those marked in the file.
    administrations_s : sequence of float
        When anything was given in the session, in seconds on its clock.
    """

    inputs: Mapping[str, Path]
    options: Mapping[str, Any]
    loose: frozenset[str] = frozenset()
    administrations_s: Sequence[float] = ()

    def has(self, source: str) -> bool:
        """Whether the session has a source (lfp, units, trials, movement, scored).

        An LFP of bad channels only is none.
        """
        return self._given(source) and (source != "lfp" or self._good_lfp)

    @property
    def recorded_lfp(self) -> bool:
        """Whether an LFP was recorded, with or without a good channel."""
        return self._given("lfp")

    def _given(self, source: str) -> bool:
        return source in self.inputs and self.inputs[source].stat().st_size > 0

    @cached_property
    def _good_lfp(self) -> bool:
        return "bad" not in self.lfp.coords or not self.lfp["bad"].values.all()

    def without(self, loose: Collection[str]) -> SessionData:
        """Return the same session with further channels marked bad in its LFP."""
        return replace(self, loose=self.loose | frozenset(loose)) if loose else self

    @cached_property
    def lfp(self) -> Any:
        """LFP (time, channel), with its bad channels marked; a long one is read lazily."""
        from pipeline.lfp.signal import held, open_lfp

        lfp = held(open_lfp(self.inputs["lfp"]))
        if not self.loose:
            return lfp
        loose = np.isin(lfp["channel"].values.astype(str), list(self.loose))
        return lfp.assign_coords(bad=("channel", lfp["bad"].values.astype(bool) | loose))

    @cached_property
    def units(self) -> Any:
        """Units dataset."""
        from pipeline.spikes import load_units

        return load_units(self.inputs["units"])

    @cached_property
    def scores(self) -> Any:
        """Scored trials."""
        import pandas as pd

        from pipeline.flexibility import Task, score

        task = Task.model_validate(self.options["flexibility"]["task"])
        return score(pd.read_parquet(self.inputs["trials"]), task)

    @cached_property
    def movement(self) -> Any:
        """Speed over time."""
        import pandas as pd

        return pd.read_parquet(self.inputs["movement"])

    @cached_property
    def scored(self) -> Any:
        """Bouts of behaviour that a person scored, and when it was watched."""
        import pandas as pd

        return pd.read_parquet(self.inputs["scored"])

    @cached_property
    def strata(self) -> dict[str, Intervals]:
        """Intervals of rest, walk and run; empty without movement."""
        if not self.has("movement"):
            return {}
        from pipeline.ingest import movement_strata

        options = self.options["movement"]
        return movement_strata(
            self.movement,
            rest_below_cm_s=options["rest_below_cm_s"],
            run_above_cm_s=options["run_above_cm_s"],
            smooth_s=options["smooth_speed_s"],
            minimum_bout_s=options["minimum_bout_s"],
        )

    @cached_property
    def learning(self) -> dict[str, Intervals]:
        """Intervals of the learning phases; empty where nothing was recorded beside the trials."""
        beside = ("lfp", "units", "movement")
        if not self.has("trials") or not any(self.has(source) for source in beside):
            return {}
        from pipeline.flexibility.phases import learning_strata

        return learning_strata(
            self.scores,
            scheme=self.options["flexibility"]["error_scheme"],
            administrations_s=self.administrations_s,
        )

    @property
    def splits(self) -> dict[str, dict[str, Intervals]]:
        """Ways to split an epoch: split -> level -> intervals."""
        return {"movement": self.strata, "learning": self.learning}

    @cached_property
    def recorded(self) -> Intervals:
        """Seconds of the session clock that a recording covers."""
        if self._given("lfp"):
            from pipeline.lfp.signal import extent

            return np.atleast_2d(extent(self.lfp))
        ends = [0.0]
        if self.has("units") and self.units.sizes["spike"]:
            ends.append(float(self.units["spike_time"].max()))
        if self.has("movement") and len(self.movement):
            ends.append(float(self.movement["time_s"].iloc[-1]))
        if self.has("scored") and len(self.scored):
            ends.append(float(self.scored["stop_s"].max()))
        return np.array([[0.0, max(ends)]]) if max(ends) > 0 else np.empty((0, 2))

    @cached_property
    def end_s(self) -> float:
        """When the session ends: the last thing recorded or logged; 0 without clock times."""
        end = float(self.recorded[-1, 1]) if len(self.recorded) else 0.0
        if self.has("trials"):
            times = self.scores.trials[["t_cue", "t_init", "t_choice", "t_reward"]].to_numpy(float)
            known = times[np.isfinite(times)]
            if known.size:  # intervals are half-open: the last event lies inside
                end = max(end, float(np.nextafter(known.max(), np.inf)))
        return end


@dataclass(frozen=True, eq=False)
class Quality:
    """What is left out of a session, and why.

    Attributes
    ----------
    artefacts : ndarray, shape (n, 2)
        Seconds that no spectrum uses: the union of `kinds`.
    bursts : ndarray, shape (n, 2), or None
        Onset and end of bursts like those of muscles (head twitches), without the padding that
        they have among the artefacts; None where they cannot be told.
    kinds : mapping of str to ndarray, shape (n, 2)
        Seconds of each kind of artefact; a second may be of several kinds. Empty without LFP.
    loose : tuple of str
        Channels that count as bad, besides those marked in the LFP
        (:meth:`SessionData.without`).
    judged_units : Dataset (unit), or None
        Which units enter the comparison, why the others do not, and the numbers behind it
        (:func:`pipeline.spikes.judgement.judge_units`).
    mains : ndarray, shape (n, 2), or None
        Hz around the mains that fits leave out, in every epoch alike.
    warnings : tuple of str
    facts : mapping
    """

    artefacts: Intervals
    bursts: Intervals | None = None
    kinds: Mapping[str, Intervals] = field(default_factory=dict)
    loose: tuple[str, ...] = ()
    judged_units: Any = None
    mains: Any = None
    warnings: tuple[str, ...] = ()
    facts: Mapping[str, Any] = field(default_factory=dict)

    @property
    def kept_units(self) -> Any:
        """Mask of the units that enter the comparison."""
        return self.judged_units["keep"].values


def assess(
    data: SessionData,
    baseline: Sequence[Span],
    options: Mapping[str, Any],
    *,
    epochs: Sequence[Span] = (),
) -> Quality:
    """Find artefacts, channels and units to leave out, with thresholds frozen on the baseline.

    A channel may not be loose in any of `epochs`.
    In a session without a baseline of its own the artefacts' thresholds rest on its whole length,
    and a warning says so; units are not judged by their presence then, for a unit that the drug
    silenced would be dropped.
    """
    warnings: list[str] = []
    facts: dict[str, Any] = {}
    own = recorded_within(baseline, data.recorded)
    artefacts: Intervals = np.empty((0, 2))
    bursts = None
    kinds: Mapping[str, Intervals] = {}
    loose: tuple[str, ...] = ()
    if data.has("lfp"):
        from pipeline.steps.lfp_quality import assess_lfp

        found = assess_lfp(data, own, epochs, options)
        artefacts, kinds, bursts = found.artefacts, found.kinds, found.bursts
        loose = tuple(found.loose)
        warnings += found.warnings
        facts |= found.facts
    elif data.recorded_lfp:
        from pipeline.steps.lfp_quality import NOTHING_LEFT

        warnings.append(NOTHING_LEFT)
    if data.has("movement"):
        from pipeline.ingest import track_warnings

        warnings += track_warnings(data.movement, options["movement"]["zones"])
    judged = None
    if data.has("units"):
        from pipeline.spikes.judgement import judge_units

        judged = judge_units(
            data.units,
            own,
            options=options["spikes"],
            epochs=[intersect(span.intervals, data.recorded) for span in epochs],
            recorded=data.recorded,
            by_context=_by_context(baseline, data.recorded, options["design"]["baseline_context"]),
        )
        facts["n_units_kept"] = int(judged["keep"].sum())
        facts["units_left_out"] = {
            str(unit): str(reason)
            for unit, reason in zip(judged["unit_id"].values, judged["reason"].values, strict=True)
            if reason
        }
        if judged.attrs["notes"]:
            warnings.append(f"units: {judged.attrs['notes']}")
        facts |= unplaced(data, judged["keep"].values)
        warnings += silent_ends(data, epochs, least_s=options["spikes"]["presence_bin_s"])
    return Quality(
        artefacts,
        bursts=bursts,
        kinds=kinds,
        loose=loose,
        judged_units=judged,
        warnings=tuple(warnings),
        facts=facts,
    )


def _by_context(
    baseline: Sequence[Span], recorded: Intervals, baseline_context: str
) -> list[Intervals] | None:
    """Recorded baseline of each context that cells are held against; None without any."""
    contexts: dict[str, list[Span]] = {}
    for span in baseline:
        if baseline_context in ("same", span.context):
            contexts.setdefault(span.context, []).append(span)
    held = [recorded_within(spans, recorded) for spans in contexts.values()]
    return [intervals for intervals in held if len(intervals)] or None


def recorded_within(spans: Sequence[Span], recorded: Intervals) -> Intervals:
    """What was recorded of a baseline's spans, in seconds; shape (0, 2) where nothing was."""
    if not spans:
        return np.empty((0, 2))
    # Steps of one session share their baseline: its intervals may be listed once per step.
    return intersect(np.unique(np.vstack([span.intervals for span in spans]), axis=0), recorded)


def unplaced(data: SessionData, kept: Any) -> dict[str, int]:
    """Count the units whose own channel is not known, where phases are taken from an LFP.

    Nothing keeps the phase of such a unit from being that of the channel that holds its waveform.

    Parameters
    ----------
    data : SessionData
        A session with units.
    kept : ndarray of bool, shape (n_units,)
        Units that count.
    """
    number = int(np.count_nonzero(kept))
    if not number or not data.has("lfp"):
        return {}
    known = 0
    if "channel" in data.units.coords:
        known = int(np.count_nonzero(data.units["channel"].values.astype(str)[kept] != ""))
    return {"units_of_unknown_channel": number - known} if known < number else {}


def silent_ends(data: SessionData, epochs: Sequence[Span], *, least_s: float) -> list[str]:
    """Name epochs that end long after the last spike, where nothing tells if recording went on.

    Without an LFP the recording counts as over with the last spike or sample of movement: time
    after it is in no rate. Units that a drug silenced until the end would lose their silence.

    Parameters
    ----------
    data : SessionData
        A session with units.
    epochs : sequence of Span
        Epochs of the session.
    least_s : float
        Seconds without a spike that are worth a word.
    """
    if data.recorded_lfp or not len(data.recorded):
        return []
    end_s = float(data.recorded[-1, 1])
    late = sorted({f"{e.phase}, {e.context}" for e in epochs if e.stop_s - end_s > least_s})
    if not late:
        return []
    return [
        f"units: nothing is recorded after {end_s:.0f} s (last spike or movement) in "
        f"{'; '.join(late)}: without an LFP that time counts as not recorded, silent units or not"
    ]
