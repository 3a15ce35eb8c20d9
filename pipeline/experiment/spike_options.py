"""The config's section ``spikes``: which units count, and how each kind of measure is made."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, model_validator

from pipeline.experiment.lfp_options import Window
from pipeline.experiment.sorting_options import Sorting
from pipeline.experiment.strict import StrictModel


class IrregularityOptions(StrictModel):
    """How irregularly a unit fires."""

    minimum: int = Field(20, ge=2, description="Intervals, or spikes, that a value rests on")
    refractory_ms: float = Field(5.0, ge=0, description="Taken out of LvR")
    fano_reference_hz: float = Field(
        1.0, gt=0, description="Rate at which rate-matched Fano factors are stated"
    )


class LockingOptions(StrictModel):
    """Locking of spikes to the phase of the LFP."""

    minimum_spikes: int = Field(50, ge=10, description="Fewer: the unit has no value in the cell")
    level: float = Field(0.05, gt=0, lt=1, description="Of q, below which a unit counts as locked")


class PairOptions(StrictModel):
    """What pairs of units share."""

    window_s: float = Field(600.0, gt=0, description="Rates may drift between these windows")
    tiling_ms: float = Field(50.0, gt=0, description="Reach of spike-time tiling")
    minimum_spikes: int = Field(50, ge=2, description="Fewer: the unit is in no pair of the cell")


class GroupOptions(StrictModel):
    """What the units of a region do together."""

    minimum_spikes: int = Field(50, ge=2, description="Fewer: the unit is left out of the cell")
    dimension_units: int = Field(
        10, ge=2, description="Number of units for which the dimension is stated, in every cell"
    )


class SpikeComplexityOptions(StrictModel):
    """Lempel-Ziv complexity of spike trains."""

    bin_s: float = Field(0.01, gt=0, description="Bin that holds a spike or not")
    window_s: float = Field(60.0, gt=0, description="Length of a window, the same in all cells")
    windows: int = Field(5, ge=1, description="Windows of a cell at most, evenly spread")
    minimum_spikes: int = Field(50, ge=2, description="Fewer in a window: none")


class ModulationOptions(StrictModel):
    """Which units change their rate from the baseline."""

    block_s: float = Field(60.0, gt=0, description="Blocks of counts that the test exchanges")
    minimum_blocks: int = Field(5, ge=3, description="Of the baseline and of the cell")
    trend: Literal["linear", "none"] = Field(
        "linear", description="linear: a drift through both epochs is no change"
    )
    permutations: int = Field(1999, ge=99, description="Of blocks, per unit")
    level: float = Field(0.05, gt=0, lt=1, description="Of q within the session")
    least_log2: float | None = Field(
        1.0, ge=0, description="Least change of a unit that is called changed; null: any"
    )


class TaskOptions(StrictModel):
    """Spikes around the events of a trial."""

    window_s: Window = Field((-1.0, 2.0), description="Shown around each event")
    bin_s: float = Field(0.05, gt=0, description="Bins of what is shown")
    response_s: Window = Field((0.0, 0.5), description="After an event: the response")
    baseline_s: Window = Field((-1.0, 0.0), description="Before the cue: what it is held against")
    minimum_trials: int = Field(10, ge=2, description="Of each label; a cell with fewer: no value")
    relabelled: int = Field(999, ge=99, description="Relabellings that selectivity is tested by")
    decoding_units: int = Field(5, ge=1, description="Units of every decoder, in every cell")
    decoding_trials: int = Field(10, ge=3, description="Trials per label of every decoder")
    decoding_draws: int = Field(5, ge=1, description="Draws of so many units")
    decoding_relabelled: int = Field(199, ge=19, description="Relabellings: chance level")


class SpikeOptions(StrictModel):
    """Units."""

    sorting: Sorting = Field(
        "existing",
        description="existing: units come sorted already; or a mapping: sorted here, where the "
        "tables name no sorting",
    )
    qualities: tuple[str, ...] = Field(
        ("good",), description="Labels of the sorting that are kept; unlabelled units are kept"
    )
    minimum_baseline_presence: float = Field(
        0.9,
        ge=0,
        le=1,
        description="Fraction of baseline bins with spikes in any context, for a unit to count",
    )
    presence_bin_s: float = Field(60.0, gt=0, description="Length of those bins")
    minimum_baseline_rate_hz: float = Field(
        0.05, ge=0, description="A unit that fires less in the baseline does not count"
    )
    maximum_contamination: float | None = Field(
        0.5, gt=0, le=0.5, description="Share of spikes of other cells; null: not judged"
    )
    refractory_ms: float = Field(2.0, gt=0, le=10, description="No cell fires twice within it")
    junk_hz: float = Field(
        50.0, gt=0, description="Faster units that keep no refractory period are junk"
    )
    minimum: dict[str, float] = Field(
        default_factory=dict, description="Least accepted value, by quality metric of the sorting"
    )
    maximum: dict[str, float] = Field(
        default_factory=dict, description="Largest accepted value, by quality metric of the sorting"
    )
    narrow_below_ms: float = Field(0.40, gt=0, description="Trough to peak of a narrow spike")
    wide_above_ms: float = Field(0.50, gt=0, description="Trough to peak of a wide spike")
    minimum_units: int = Field(5, ge=1, description="Fewer units of a region: a missing cell")
    irregularity: IrregularityOptions = Field(
        default_factory=IrregularityOptions, description="How irregularly units fire"
    )
    locking: LockingOptions = Field(
        default_factory=LockingOptions, description="Locking to the phase of the LFP"
    )
    pairs: PairOptions = Field(default_factory=PairOptions, description="What pairs of units share")
    groups: GroupOptions = Field(
        default_factory=GroupOptions, description="What the units of a region do together"
    )
    complexity: SpikeComplexityOptions = Field(
        default_factory=SpikeComplexityOptions, description="Lempel-Ziv complexity of spike trains"
    )
    modulation: ModulationOptions = Field(
        default_factory=ModulationOptions, description="Which units change their rate"
    )
    task: TaskOptions = Field(
        default_factory=TaskOptions, description="Spikes around the events of a trial"
    )

    @model_validator(mode="after")
    def _grey_zone(self) -> SpikeOptions:
        if self.narrow_below_ms > self.wide_above_ms:
            raise ValueError(
                f"narrow_below_ms {self.narrow_below_ms:g} lies above wide_above_ms "
                f"{self.wide_above_ms:g}: what lies between them is the grey zone"
            )
        return self
