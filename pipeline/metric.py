"""What a metric is: the declaration that every room's ``metrics/`` modules make.

One module holds one metric: a frozen :class:`Metric` called ``METRIC`` and a small pure function
``compute``. The registry (:mod:`pipeline.registry`) finds the modules by listing those folders, and
config checking, report labels, methods text and docs all read the declarations: adding a metric
touches one file.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

#: region of every channel when there is no channel table
WHOLE_RECORDING = "all"

Domain = Literal["oscillations", "spikes", "coupling", "flexibility", "other"]
Entity = Literal["animal", "region", "region_pair", "unit"]
Need = Literal[
    "spectrum",
    "shape",
    "hfo",
    "quality",
    "coupling",
    "phase_amplitude",
    "complexity",
    "leakage",
    "units",
    "irregularity",
    "locking",
    "rate_power",
    "pairs",
    "groups",
    "periodicity",
    "spike_complexity",
    "modulation",
    "responses",
    "selectivity",
    "decoding",
    "trials",
    "movement",
    "track",
    "scored",
]
ScaleName = Literal["dB", "log2", "logit", "linear", "count", "time_to_event"]

#: unit of a difference on each scale; "" means the unit of the value itself
SCALE_UNITS: dict[str, str] = {
    "dB": "dB",
    "log2": "log2",
    "logit": "logit",
    "linear": "",
    "count": "log2",
    "time_to_event": "",
}


@dataclass(frozen=True, kw_only=True)
class Metric:
    """Declaration of one metric.

    Attributes
    ----------
    name : str
        First part of the outcome id (``band_power`` in ``band_power/theta@mPFC``).
    label : str
        What a figure's axis says, without the unit ("Band power").
    domain : str
        Chapter and family of outcomes that the metric belongs to.
    entity : str
        What one observation describes: the animal, a region, a pair of regions or a unit.
    needs : tuple of str
        Sources that ``compute`` takes as keyword arguments: ``spectrum``
        (:class:`pipeline.lfp.Spectrum`), ``shape`` (:class:`pipeline.lfp.SpectralShape`: aperiodic
        fits and peaks), ``hfo`` (:class:`pipeline.lfp.EpochHfo`), ``quality``
        (:class:`pipeline.lfp.EpochQuality`), ``coupling`` (:class:`pipeline.lfp.Coupling`),
        ``phase_amplitude`` (:class:`pipeline.lfp.PhaseAmplitude`), ``complexity``
        (:class:`pipeline.lfp.Complexity`), ``leakage`` (:class:`pipeline.spikes.SpikeLeakage`),
        ``units`` (:class:`pipeline.spikes.EpochUnits`), and from the units of a whole cell
        ``irregularity``, ``locking``, ``rate_power``, ``pairs``, ``groups``, ``periodicity``,
        ``spike_complexity``, ``modulation``, ``responses``, ``selectivity``, ``decoding``
        (:mod:`pipeline.steps.spike_sources`),
        ``trials`` (:class:`pipeline.flexibility.EpochTrials`), ``movement``
        (:class:`pipeline.ingest.EpochMovement`), ``track`` (:class:`pipeline.ingest.EpochTrack`:
        positions), ``scored`` (:class:`pipeline.ingest.EpochScored`: behaviour that a person
        scored).
    grain : {"interval", "cell"}
        ``interval``: computed for each context interval, and intervals of one cell are combined
        later. ``cell``: computed once from all intervals of a phase and context (trials: a set of
        trials may span two intervals; coupling: its bias depends on the number of windows).
    per_band : bool
        Whether there is one value per frequency band; of ``time_in_zone``, per zone; of
        ``time_in_state``, per behaviour; of phase-amplitude coupling, per pair of bands
        ("theta-low_gamma").
    band_names : tuple of str
        What stands in a band's place where the names are the metric's own ("correct", "error" of
        a latency); with ``per_band``.
    value_unit : str
        Physical unit of the raw observation ("uV^2", "Hz", "trials").
    scale : str
        Scale on which outcomes are compared; applied in compare only.
    zero_offset : {"none", "half_count"}
        ``half_count`` adds 0.5 events to the count before a logarithm (0.5 / seconds for a rate).
    counted : bool
        Of the logit scale: whether the share is a number of successes out of ``n_effective`` (half
        a trial is added to both sides, so that 0 and 1 have a value); False: share of an amount,
        which reaches neither, with the plain logit.
    baseline : {"change", "none"}
        Default baseline rule of the metric; the config may override it.
    weight : {"seconds", "n_effective"}
        How several intervals of one cell are weighted when they are combined.
    across_cells : bool
        Whether a value rests on other cells of its session (stated at the lowest rate of all
        cells, also after the dose): then a difference before the dose is no sign of carry-over.
    read_with : tuple of str
        Metrics that show what this one hides ("units_up" beside a mean over units).
    options : tuple of str
        Config keys that ``compute`` reads from ``options``, dotted ("lfp.bands").
    description : str
        One line for tables and the docs.
    definition : str
        The formula in words or symbols, for the methods text and the docs.
    formula : str
        The formula alone, in plain text, for the reference in the docs.
    fails_when : tuple of str
        One sentence each: when there is no value, when it is censored, when it misleads and what
        to read beside it; for the reference in the docs.
    reference : str
        Source of the definition.
    """

    name: str
    label: str
    domain: Domain
    entity: Entity
    needs: tuple[Need, ...]
    value_unit: str
    scale: ScaleName
    description: str
    definition: str
    reference: str
    formula: str = ""
    fails_when: tuple[str, ...] = ()
    grain: Literal["interval", "cell"] = "interval"
    per_band: bool = False
    band_names: tuple[str, ...] = ()
    zero_offset: Literal["none", "half_count"] = "none"
    counted: bool = True
    baseline: Literal["change", "none"] = "change"
    weight: Literal["seconds", "n_effective"] = "seconds"
    across_cells: bool = False
    read_with: tuple[str, ...] = ()
    options: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Value:
    """One measured value, as ``compute`` returns it (a list of these, one per entity and band).

    Attributes
    ----------
    value : float
        In the metric's ``value_unit``. NaN is not allowed: leave the entry out instead.
    region, region_b, unit_id, band : str
        Entity and band; "" where they do not apply.
    censored : bool
        True when the true value is at least ``value`` (criterion not reached).
    n_effective : float
        How many independent pieces the value rests on (windows, spikes, trials).
    n_effective_unit : str
        What those pieces are.
    """

    value: float
    region: str = ""
    region_b: str = ""
    unit_id: str = ""
    band: str = ""
    censored: bool = False
    n_effective: float = float("nan")
    n_effective_unit: str = ""
