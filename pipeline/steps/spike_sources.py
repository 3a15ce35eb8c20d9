"""What the metrics of a cell's units are computed from, made when the first metric asks for it.

All of it is measured once per cell, from all its intervals together: minimum numbers of spikes are
those of the cell, and pairs of units need common time.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from pipeline.intervals import Intervals, contains, intersect, subtract, total_seconds
from pipeline.steps.session_data import Quality, SessionData, Span, recorded_within

if TYPE_CHECKING:
    from pipeline.spikes import EpochUnits

#: theta where the config's bands have none
_THETA_HZ = (6.0, 10.0)
#: what is measured in the strata of a cell as well, by split: the others need its whole length, and
#: the phases of learning are too short for what units share
IN_STRATA = {
    "movement": ("irregularity", "locking", "rate_power", "pairs", "groups"),
    "learning": ("locking",),
}


@dataclass(frozen=True, eq=False)
class SpikeSession:
    """The units of a session that enter the comparison, and what all its cells share.

    Attributes
    ----------
    data, quality : SessionData, Quality
        The session, and what is left out of it.
    cells : sequence of sequence of Span
        Context intervals of every cell of the session.
    baseline_phase : str
        The phase that changes are counted from.
    baseline_context : str
        ``same``, or the context whose baseline serves all.
    """

    data: SessionData
    quality: Quality
    cells: Sequence[Sequence[Span]]
    baseline_phase: str
    baseline_context: str

    @cached_property
    def kept(self) -> Any:
        """Units dataset without those that are left out."""
        from pipeline.spikes import select_units

        return select_units(self.data.units, self.quality.kept_units)

    @cached_property
    def phases(self) -> Any:
        """Phase of every spike in every band; None without an LFP to take it from."""
        from pipeline.spikes.phases import spike_phases

        if not self.data.has("lfp"):
            return None
        lfp = self.data.lfp
        channels: Mapping[str, str] = {}
        if "channel" in self.kept.coords:
            names = self.kept["unit_id"].values.astype(str)
            channels = dict(zip(names, self.kept["channel"].values.astype(str), strict=True))
        shank = None
        if "shank" in lfp.coords:
            labels = lfp["shank"].values.astype(str)
            shank = dict(zip(lfp["channel"].values.astype(str), labels, strict=True))
        return spike_phases(
            lfp,
            self.kept,
            subtract(self.data.recorded, self.quality.artefacts),
            bands=self.data.options["lfp"]["bands"],
            line_hz=self.data.options["recording"]["line_noise_hz"],
            unit_channel={unit: channel for unit, channel in channels.items() if channel},
            shank=shank,
        )

    def units(self, within: Intervals) -> EpochUnits:
        """Spikes of the units that count, in some seconds."""
        from pipeline.spikes import epoch_units

        return epoch_units(self.kept, within)

    def baseline(self, context: str) -> Intervals:
        """Recorded seconds of the baseline that a context is held against; may be none."""
        wanted = context if self.baseline_context == "same" else self.baseline_context
        spans = [
            span
            for cell in self.cells
            for span in cell
            if span.phase == self.baseline_phase and span.context == wanted
        ]
        return recorded_within(spans, self.data.recorded)

    @cached_property
    def _counts(self) -> list[tuple[str, float, NDArray[np.int64]]]:
        """Context, seconds, and spikes of each unit that counts, of every cell that is compared."""
        from pipeline.spikes.units import unit_trains

        trains = unit_trains(self.kept)
        found = []
        for cell in self.cells:
            within = intersect(np.vstack([span.intervals for span in cell]), self.data.recorded)
            seconds = total_seconds(within)
            if not seconds or seconds < self.data.options["design"]["minimum_epoch_s"]:
                continue
            counts = [int(np.count_nonzero(contains(within, train))) for train in trains]
            found.append((cell[0].context, seconds, np.array(counts, dtype=np.int64)))
        return found

    @cached_property
    def lowest_hz(self) -> dict[str, float]:
        """Lowest rate of each unit over all cells of the session: what all can be thinned to."""
        if not self._counts:
            return {}
        lowest = np.min([counts / seconds for _, seconds, counts in self._counts], axis=0)
        names = self.kept["unit_id"].values.astype(str).tolist()
        return dict(zip(names, lowest.tolist(), strict=True))

    def with_enough(self, units: EpochUnits, context: str, minimum_spikes: int) -> EpochUnits:
        """Only the units with so many spikes in every whole cell that is compared with this one.

        What several units do together has no value per unit that could be paired with the
        baseline's: a unit that falls silent would take its correlations along, and those that stay
        would seem to have changed. So the cells of a context have the same units; all cells of
        the session, where one context's baseline serves all.
        """
        compared = [
            counts
            for of, _, counts in self._counts
            if of == context or self.baseline_context != "same"
        ]
        if not compared:
            return units
        enough = np.flatnonzero(np.min(compared, axis=0) >= minimum_spikes)
        return replace(
            units,
            unit_id=[units.unit_id[unit] for unit in enough],
            region=[units.region[unit] for unit in enough],
            spike_times=[units.spike_times[unit] for unit in enough],
        )

    def sources(
        self, within: Intervals, *, context: str, phase: str, split: str
    ) -> dict[str, Callable[[], Any]]:
        """Return what makes each source of one cell, or of a stratum of it.

        Parameters
        ----------
        within : ndarray, shape (n, 2)
            Recorded seconds.
        context, phase : str
            Of the cell.
        split : str
            How the cell is split, "" for the whole of it.
        """
        made: dict[str, Any] = {}

        def units() -> EpochUnits:
            if "units" not in made:
                made["units"] = self.units(within)
            return made["units"]

        makers = self._of_units(within, units, context)
        if split:
            return {name: makers[name] for name in IN_STRATA[split]}
        if phase != self.baseline_phase:
            makers["modulation"] = lambda: self._modulation(context, units())
        if self.data.has("trials"):
            makers |= self._of_trials(units)
        return makers

    def _of_units(
        self, within: Intervals, units: Callable[[], EpochUnits], context: str
    ) -> dict[str, Callable[[], Any]]:
        """Sources of the units alone, and of the units and the LFP."""
        options = self.data.options["spikes"]

        def irregularity() -> Any:
            from pipeline.spikes.irregularity import cell_irregularity

            return cell_irregularity(units(), options=options["irregularity"])

        def locking() -> Any:
            from pipeline.spikes.locking import unit_locking

            if self.phases is None:
                return None
            return unit_locking(
                self.phases,
                subtract(within, self.quality.artefacts),
                minimum_spikes=options["locking"]["minimum_spikes"],
            )

        def rate_power() -> Any:
            from pipeline.spikes.rate_power import cell_rate_power

            if self.phases is None:
                return None
            clean = subtract(within, self.quality.artefacts)
            return cell_rate_power(self.units(clean), self.phases)

        def pairs() -> Any:
            from pipeline.spikes.pairs import cell_pairs

            least = options["pairs"]["minimum_spikes"]
            common = self.with_enough(units(), context, least)
            return cell_pairs(common, self.lowest_hz, options=options["pairs"])

        def groups() -> Any:
            from pipeline.spikes.groups import cell_groups

            least = options["groups"]["minimum_spikes"]
            return cell_groups(self.with_enough(units(), context, least), options=options["groups"])

        def periodicity() -> Any:
            from pipeline.spikes.periodicity import unit_periodicity

            theta_hz = self.data.options["lfp"]["bands"].get("theta", _THETA_HZ)
            return unit_periodicity(units(), theta_hz=theta_hz)

        def complexity() -> Any:
            from pipeline.spikes.complexity import cell_spike_complexity

            return cell_spike_complexity(units(), options=options["complexity"])

        return {
            "irregularity": irregularity,
            "locking": locking,
            "rate_power": rate_power,
            "pairs": pairs,
            "groups": groups,
            "periodicity": periodicity,
            "spike_complexity": complexity,
        }

    def _modulation(self, context: str, units: EpochUnits) -> Any:
        """Return the change of every unit from the baseline; None without a baseline here."""
        from pipeline.spikes.modulation import cell_modulation

        before = self.baseline(context)
        if not len(before):
            return None
        options = self.data.options["spikes"]
        return cell_modulation(
            self.units(before),
            units,
            options=options["modulation"],
            minimum_baseline_hz=options["minimum_baseline_rate_hz"],
        )

    def _of_trials(self, units: Callable[[], EpochUnits]) -> dict[str, Callable[[], Any]]:
        """Sources of the units and the trials that fall into a cell."""
        options = self.data.options["spikes"]["task"]
        trials = self.data.scores.trials

        def responses() -> Any:
            from pipeline.spikes.task_responses import cell_responses

            return cell_responses(units(), trials, options=options)

        def selectivity() -> Any:
            from pipeline.spikes.task_selectivity import cell_selectivity

            return cell_selectivity(units(), trials, options=options)

        def decoding() -> Any:
            from pipeline.spikes.task_selectivity import cell_decoding

            return cell_decoding(
                units(),
                trials,
                options=options,
                minimum_units=self.data.options["spikes"]["minimum_units"],
            )

        return {"responses": responses, "selectivity": selectivity, "decoding": decoding}
