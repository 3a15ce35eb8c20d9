"""The config's section ``lfp``: rate, bands, reference, and how each kind of measure is made."""

from __future__ import annotations

import math
from typing import Annotated, Literal

from pydantic import AfterValidator, Field, model_validator

from pipeline.experiment.strict import StrictModel, did_you_mean


def _increasing(pair: tuple[float, float]) -> tuple[float, float]:
    if not all(math.isfinite(end) for end in pair):
        raise ValueError("both numbers must be finite")
    if not pair[0] < pair[1]:
        raise ValueError(f"the first number must be smaller than the second; found {list(pair)}")
    return pair


Window = Annotated[tuple[float, float], AfterValidator(_increasing)]

#: pairs that are measured when the config names none and has these bands
DEFAULT_PAIRS = (("theta", "low_gamma"), ("theta", "high_gamma"), ("theta", "hfo"))


class AperiodicOptions(StrictModel):
    """Aperiodic part of the spectrum, apart from its peaks."""

    fit_hz: Window = Field((2.0, 100.0), description="Range of the fit in Hz")
    hfo_fit_hz: Window = Field(
        (60.0, 250.0), description="Range of the fit under fast oscillations"
    )
    mode: Literal["fixed", "knee"] = Field(
        "fixed", description="Shape of the fit, the same in every epoch of the experiment"
    )
    peak_width_hz: Window = Field((2.0, 12.0), description="Narrowest and widest peak")
    max_peaks: int = Field(6, ge=0, description="Peaks at most")
    min_peak_height: float = Field(0.1, gt=0, description="Of a peak, log10 of power")
    min_r_squared: float = Field(0.95, ge=0, le=1, description="A worse fit gives no value")
    max_error: float = Field(0.1, gt=0, description="Mean error of log10 power; a worse fit: none")


class HfoOptions(StrictModel):
    """High-frequency oscillations."""

    band_hz: Window = Field((80.0, 200.0), description="Where they are looked for, Hz")
    window_s: float = Field(1.0, gt=0, description="Window whose peak is looked for")
    over_aperiodic_db: float = Field(3.0, gt=0, description="A higher peak counts as present")


class CouplingOptions(StrictModel):
    """Coupling between regions; its bias depends on the number of windows, which is fixed."""

    window_s: float = Field(2.0, gt=0, description="Length of a window")
    windows: int = Field(
        40, ge=10, description="Windows of every estimate; a cell with fewer has no value"
    )
    half_bandwidth_hz: float = Field(1.5, gt=0, description="Of the multitaper estimate")


class PhaseAmplitudeOptions(StrictModel):
    """Phase-amplitude coupling; its bias depends on the length, which is fixed."""

    pairs: tuple[tuple[str, str], ...] | None = Field(
        None,
        description="[band of the phase, band of the amplitude], ...; left out: theta with "
        "low_gamma, high_gamma and hfo, as far as there are such bands",
    )
    seconds: float = Field(
        60.0,
        ge=10,
        description="Length of every estimate; a cell with less has no value (4 s at the ends of "
        "each clean stretch do not count)",
    )
    surrogates: int = Field(200, ge=20, description="Time shifts that the z value rests on")


class ComplexityOptions(StrictModel):
    """Complexity of the signal."""

    window_s: float = Field(10.0, gt=0, description="Length of a window")
    rate_hz: float = Field(250.0, gt=0, description="Rate at which the signal is looked at")
    band_hz: Window = Field((1.0, 100.0), description="Band to which it is limited")
    windows: int = Field(6, ge=1, description="Windows at least; a cell with fewer has no value")


class TimeCourseOptions(StrictModel):
    """Band power around each administration."""

    bin_s: float = Field(10.0, gt=0, description="Width of a bin")
    before_s: float = Field(1800.0, gt=0, description="Begins so long before the administration")
    after_s: float = Field(7200.0, gt=0, description="Ends so long after it")


def _default_bands() -> dict[str, Window]:
    return {
        "delta": (1, 4),
        "theta": (6, 10),
        "beta": (15, 30),
        "low_gamma": (30, 55),
        "high_gamma": (65, 100),
        "hfo": (110, 180),
    }


class LfpOptions(StrictModel):
    """Local field potential."""

    rate_hz: float = Field(1000.0, gt=0, description="Rate of the extracted LFP")
    bands: dict[str, Window] = Field(
        default_factory=_default_bands,
        description="Bands in Hz, [from, to)",
    )
    reference: Literal["recorded", "common_median", "bipolar"] = Field(
        "recorded",
        description="recorded: as the rig did; common_median: minus the median of the region's "
        "good channels; bipolar: neighbours of a region subtracted",
    )
    bad_channels: Literal["detect", "listed"] = Field(
        "detect",
        description="detect: flat, saturated, noisy and disconnected channels count as bad, beside "
        "those that the channel table lists; listed: only those",
    )
    segment_s: float = Field(4.0, gt=0, description="Length of a spectrum's segments")
    half_bandwidth_hz: float = Field(1.0, gt=0, description="Of the multitaper estimate")
    artefact_sd: float = Field(
        6.0, gt=0, description="Robust standard deviations (of the baseline) that flag a window"
    )
    aperiodic: AperiodicOptions = Field(
        default_factory=AperiodicOptions, description="Aperiodic part and peaks"
    )
    hfo: HfoOptions = Field(default_factory=HfoOptions, description="High-frequency oscillations")
    coupling: CouplingOptions = Field(
        default_factory=CouplingOptions, description="Coupling between regions"
    )
    phase_amplitude: PhaseAmplitudeOptions = Field(
        default_factory=PhaseAmplitudeOptions, description="Phase-amplitude coupling"
    )
    complexity: ComplexityOptions = Field(
        default_factory=ComplexityOptions, description="Complexity of the signal"
    )
    time_course: TimeCourseOptions = Field(
        default_factory=TimeCourseOptions, description="Band power around administrations"
    )

    @property
    def phase_amplitude_pairs(self) -> tuple[tuple[str, str], ...]:
        """Pairs of bands that are measured."""
        if self.phase_amplitude.pairs is not None:
            return self.phase_amplitude.pairs
        known = (pair for pair in DEFAULT_PAIRS if set(pair) <= set(self.bands))
        return tuple(pair for pair in known if self._holds_sidebands(*pair))

    def _holds_sidebands(self, slow: str, fast: str) -> bool:
        """Whether the fast band is as wide as modulation by the slow one makes a line in it."""
        low, high = self.bands[fast]
        return high - low >= 2 * self.bands[slow][1]

    @model_validator(mode="after")
    def _bands_inside_the_passband(self) -> LfpOptions:
        high = [name for name, band in self.bands.items() if band[1] > 0.4 * self.rate_hz]
        if high:
            raise ValueError(
                f"bands {high} reach beyond the pass band of the LFP, {0.4 * self.rate_hz:g} Hz "
                "(0.4 x rate_hz)"
            )
        return self

    @model_validator(mode="after")
    def _ranges_can_be_had(self) -> LfpOptions:
        """What was written must be possible; a default that is not is warned of per session."""
        pass_band = 0.4 * self.rate_hz
        low, high = self.hfo.band_hz
        fit = self.aperiodic.hfo_fit_hz
        if low < fit[0] or high > fit[1]:
            raise ValueError(
                f"hfo.band_hz {[low, high]} is not inside aperiodic.hfo_fit_hz {list(fit)}, the "
                "fit that it is measured over"
            )
        if "band_hz" in self.hfo.model_fields_set and high > pass_band:
            raise ValueError(
                f"hfo.band_hz reaches {high:g} Hz, beyond the pass band of the LFP, "
                f"{pass_band:g} Hz (0.4 x rate_hz)"
            )
        top = self.complexity.band_hz[1]
        if self.complexity.rate_hz <= 2 * top + 1:
            raise ValueError(
                f"complexity.rate_hz {self.complexity.rate_hz:g} is too low for band_hz up to "
                f"{top:g} Hz: more than {2 * top + 1:g} Hz, twice its end and edge, is needed"
            )
        if "band_hz" in self.complexity.model_fields_set and top > pass_band:
            raise ValueError(
                f"complexity.band_hz reaches {top:g} Hz, beyond the pass band of the LFP, "
                f"{pass_band:g} Hz (0.4 x rate_hz)"
            )
        return self

    @model_validator(mode="after")
    def _pairs_are_of_bands(self) -> LfpOptions:
        for slow, fast in self.phase_amplitude.pairs or ():
            for band in (slow, fast):
                if band not in self.bands:
                    raise ValueError(
                        f"phase_amplitude.pairs: {band!r} is no band of lfp.bands"
                        f"{did_you_mean(band, self.bands)}"
                    )
            if self.bands[slow][1] > self.bands[fast][0]:
                raise ValueError(
                    f"phase_amplitude.pairs: [{slow}, {fast}]: the band of the phase must "
                    "lie below that of the amplitude"
                )
            if not self._holds_sidebands(slow, fast):
                raise ValueError(
                    f"phase_amplitude.pairs: [{slow}, {fast}]: the band of the amplitude must be "
                    f"at least {2 * self.bands[slow][1]:g} Hz wide, twice the upper end of "
                    f"{slow}: a narrower one filters the modulation out"
                )
        return self
