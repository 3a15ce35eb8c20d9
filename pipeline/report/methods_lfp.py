"""The methods text of the local field potential, from the options that ran."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

from pipeline.report.methods_words import NOT_STATED, stated
from pipeline.report.names import spoken
from pipeline.report.numbers import listing, number, with_unit

_REFERENCES = {
    "recorded": "Signals kept the reference of the recording.",
    "common_median": "From every channel the median over the good channels of its region was "
    "subtracted, sample by sample.",
    "bipolar": "Neighbouring channels of a region were subtracted from each other (bipolar "
    "derivation).",
}
_BAD = {
    "detect": "Flat, saturated, noisy and disconnected channels were detected in the whole "
    "recording and left out, beside those listed as bad.",
    "listed": "Channels listed as bad were left out.",
}


def lfp_text(
    lfp: Mapping[str, Any], recording: Mapping[str, Any], *, needs: Collection[str]
) -> str:
    """Write how field potentials were treated and measured.

    Parameters
    ----------
    lfp, recording : mapping
        Sections of the config, as nested plain data.
    needs : collection of str
        Sources of the metrics that the report shows: what none of them needs is not described.

    Returns
    -------
    str
        One paragraph; "" where no metric of the report comes from the field potential.
    """
    writers = {
        "spectrum": _spectra,
        "shape": _shape,
        "hfo": _hfo,
        "coupling": _coupling,
        "phase_amplitude": _phase_amplitude,
        "complexity": _complexity,
    }
    told = [write(lfp) for need, write in writers.items() if need in needs]
    if not told:
        return ""
    return " ".join([*_signal(lfp, recording), *told])


def _range(settings: Mapping[str, Any], key: str, unit: str = "Hz") -> str:
    edges = settings.get(key)
    if not edges:
        return NOT_STATED
    return f"{number(edges[0])}–{with_unit(number(edges[1]), unit)}"


def _signal(lfp: Mapping[str, Any], recording: Mapping[str, Any]) -> list[str]:
    line = recording.get("line_noise_hz")
    mains = (
        f"Mains interference ({with_unit(number(line), 'Hz')} and harmonics) was masked in "
        "spectra, not filtered."
        if line
        else "No mains interference was masked."
    )
    return [
        "Field potentials were low-pass filtered without phase shift and resampled to "
        f"{stated(lfp, 'rate_hz', 'Hz')}.",
        _BAD.get(lfp.get("bad_channels", ""), ""),
        _REFERENCES.get(lfp.get("reference", ""), ""),
        f"Windows beyond {stated(lfp, 'artefact_sd')} robust standard deviations of the baseline "
        "from the median around (20 s), flat or saturated ones and broadband bursts like those of "
        "muscles were left out as artefacts. Thresholds came from the baseline alone; that of the "
        "amplitude was raised where a channel's spread over the minute around was larger, to at "
        "most twice, so that a true rise of the amplitude was not taken for an artefact. Channels "
        "with artefacts of their own in more than a fifth of an epoch were left out of the "
        f"session. {mains}",
    ]


def _spectra(lfp: Mapping[str, Any]) -> str:
    bands = listing(
        f"{spoken(name)} {number(edges[0])}–{with_unit(number(edges[1]), 'Hz')}"
        for name, edges in lfp.get("bands", {}).items()
    )
    return (
        "Spectra were estimated by the multitaper method ([@thomson1982]) in segments "
        f"of {stated(lfp, 'segment_s', 's')} with a half-bandwidth of "
        f"{stated(lfp, 'half_bandwidth_hz', 'Hz')}. Bands were {bands or NOT_STATED}."
    )


def _shape(lfp: Mapping[str, Any]) -> str:
    options = lfp.get("aperiodic", {})
    return (
        "The aperiodic part of each region's mean spectrum was fitted apart from its peaks "
        f"(specparam, [@donoghue2020]; mode {stated(options, 'mode')} in every epoch, "
        f"{_range(options, 'fit_hz')}, "
        f"under high-frequency oscillations {_range(options, 'hfo_fit_hz')}; at most "
        f"{stated(options, 'max_peaks')} peaks of {_range(options, 'peak_width_hz')} width); fits "
        f"with R² below {stated(options, 'min_r_squared')} or a mean error above "
        f"{stated(options, 'max_error')} gave no value."
    )


def _hfo(lfp: Mapping[str, Any]) -> str:
    options = lfp.get("hfo", {})
    return (
        f"High-frequency oscillations were looked for in {_range(options, 'band_hz')}, in windows "
        f"of {stated(options, 'window_s', 's')}; a peak of more than "
        f"{stated(options, 'over_aperiodic_db', 'dB')} over the aperiodic fit counted as present."
    )


def _coupling(lfp: Mapping[str, Any]) -> str:
    options = lfp.get("coupling", {})
    return (
        "Coupling between regions was estimated from windows of "
        f"{stated(options, 'window_s', 's')}, in blocks of {stated(options, 'windows')} windows "
        "in every cell, because its bias depends on their number; cells with fewer gave no value."
    )


def _phase_amplitude(lfp: Mapping[str, Any]) -> str:
    options = lfp.get("phase_amplitude", {})
    return (
        "Phase-amplitude coupling ([@tort2010]) was estimated in blocks of "
        f"{stated(options, 'seconds', 's')} in every cell, because its bias depends on the "
        f"length, against {stated(options, 'surrogates')} time shifts."
    )


def _complexity(lfp: Mapping[str, Any]) -> str:
    options = lfp.get("complexity", {})
    return (
        f"Complexity was measured in windows of {stated(options, 'window_s', 's')} at "
        f"{stated(options, 'rate_hz', 'Hz')}, limited to {_range(options, 'band_hz')}, and set "
        "against surrogates of the same spectrum with random phases ([@theiler1992])."
    )
