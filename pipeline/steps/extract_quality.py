"""What ``extract`` finds out about an LFP that it wrote: bad channels, mains, reference."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np
    import xarray as xr

    from pipeline.ingest.joining import RecordedProbe
    from pipeline.lfp.bad_channels import Survey

#: raw counts are looked at in so many pieces of this length, spread evenly over each part
_PIECES, _PIECE_S = 40, 0.25
#: a channel that spans fewer different counts sits at its extremes by chance
_LEAST_COUNTS = 32


@contextmanager
def opened_lfp(path: Path) -> Iterator[xr.DataArray]:
    """LFP of a file, closed at the end so that the file can be changed afterwards."""
    import xarray as xr

    with xr.open_dataset(path, engine="h5netcdf", cache=False) as dataset:
        yield dataset["lfp"]


def check_lfp(
    settings: Mapping[str, Any],
    path: Path,
    probes: Sequence[RecordedProbe],
    known: Mapping[str, str],
    warnings: list[str],
    facts: dict[str, Any],
) -> None:
    """Judge the channels of an LFP, state its mains, and give it the reference of the config.

    Parameters
    ----------
    settings : mapping
        :func:`pipeline.steps.settings.extract_settings`.
    path : Path
        lfp.nc as extracted; nobody else reads it yet, so that it is changed in place.
    probes : sequence of RecordedProbe
        What it came from.
    known : mapping of str to str
        Channels that count as bad already -> why.
    warnings, facts : list, dict
        Added to: regions, bad_channels, bad_channel_reasons, line_noise, reference.

    Raises
    ------
    InputError
        If the config's reference is not possible with the channels that are left.
    """
    from pipeline.lfp.bad_channels import find_bad_channels, survey_channels
    from pipeline.lfp.reference import reference_lfp
    from pipeline.lfp.signal import held

    with opened_lfp(path) as lfp:
        survey = survey_channels(held(lfp))
    reasons = dict(known)
    if settings["bad_channels"] == "detect":
        found = find_bad_channels(
            survey,
            stated=set(known),
            line_hz=settings["line_noise_hz"],
            saturated=saturated_parts(probes, set(known)),
        )
        region_of = dict(zip(survey.channels.tolist(), survey.regions.tolist(), strict=True))
        warnings += [
            f"channel {name} ({region_of[name]}) counts as bad: {reason}"
            for name, reason in found.items()
        ]
        reasons |= found
    anew = settings["reference"] != "recorded" and len(reasons) < len(survey.channels)
    attributes: dict[str, Any] = {}
    if anew:
        _mark(path, [name in reasons for name in survey.channels.tolist()])
        attributes = _stuck(path, reasons, warnings)
    _state(survey, reasons, settings, warnings, facts)
    _mark(path, [name in reasons for name in survey.channels.tolist()], attributes)
    if anew and len(reasons) < len(survey.channels):
        shank = {channel["channel"]: str(channel["shank"]) for channel in settings["channels"]}
        warnings += reference_lfp(path, path, reference=settings["reference"], shank=shank)
        with opened_lfp(path) as lfp:
            good = ~lfp["bad"].values.astype(bool)
            facts["regions"] = sorted(set(lfp["region"].values[good].tolist()))
    facts["reference"] = settings["reference"]


def _stuck(path: Path, reasons: dict[str, str], warnings: list[str]) -> dict[str, Any]:
    """Attributes with the flat and saturated time as recorded; channels stuck for long are bad."""
    from pipeline.lfp.signal import held
    from pipeline.lfp.stuck import find_stuck

    with opened_lfp(path) as lfp:
        stuck = find_stuck(held(lfp))
    warnings += [
        f"channel {name} counts as bad, and has no part in the reference: {why}"
        for name, why in stuck.loose.items()
    ]
    reasons |= stuck.loose
    return stuck.attributes()


def _state(
    survey: Survey,
    reasons: Mapping[str, str],
    settings: Mapping[str, Any],
    warnings: list[str],
    facts: dict[str, Any],
) -> None:
    """Add regions, bad channels and mains to the facts, and what is wrong to the warnings."""
    import numpy as np

    from pipeline.lfp.line_noise import describe_line_noise

    good = np.array([name not in reasons for name in survey.channels.tolist()])
    alive = sorted(set(survey.regions[good].tolist()))
    for region in sorted(set(survey.regions.tolist()) - set(alive)):
        names = ", ".join(survey.channels[survey.regions == region].tolist())
        warnings.append(
            f"region {region} has no good channel left ({names}): it has no outcome in this session"
        )
    facts.update(
        regions=alive,
        bad_channels=sorted(reasons),
        bad_channel_reasons={name: reasons[name] for name in sorted(reasons)},
    )
    if not good.any():
        return
    mains = describe_line_noise(
        survey.frequency,
        survey.psd[good],
        channels=survey.channels[good].tolist(),
        regions=survey.regions[good].tolist(),
        line_hz=settings["line_noise_hz"],
    )
    warnings += mains.warnings
    facts["line_noise"] = mains.regions


def _mark(path: Path, bad: Sequence[bool], attributes: Mapping[str, Any] | None = None) -> None:
    """Set the bad flags of lfp.nc and further attributes; state that its reference is the rig's."""
    import h5netcdf
    import numpy as np

    with h5netcdf.File(path, "a") as file:
        file.variables["bad"][:] = np.asarray(bad, dtype=np.int8)
        file.variables["lfp"].attrs["reference"] = "recorded"
        for key, value in (attributes or {}).items():
            file.variables["lfp"].attrs[key] = value


def saturated_parts(probes: Sequence[RecordedProbe], stated: set[str]) -> dict[str, float]:
    """Part of the raw samples of each channel that stay at its highest or lowest count.

    Raw counts, because the low-pass of the LFP rounds off what stays at the rail for less than a
    few milliseconds. Runs of three or more equal samples count; ten seconds of each part are
    looked at.

    Parameters
    ----------
    probes : sequence of RecordedProbe
        What was recorded.
    stated : set of str
        Channels that are not looked at.

    Returns
    -------
    dict of str to float
        The largest share over the parts.
    """
    parts: dict[str, float] = {}
    for probe in probes:
        own = {there: here for here, there in probe.channels.items() if here not in stated}
        for part in probe.parts if own else ():
            shares = _railed(part.recording.select_channels(list(own)))
            for name, share in zip(own.values(), shares.tolist(), strict=True):
                parts[name] = max(share, parts.get(name, 0.0))
    return parts


def _railed(recording: Any) -> np.ndarray:
    """Part of the samples in runs at either extreme, shape (n_channels,)."""
    import numpy as np

    from pipeline.lfp.bad_channels import in_runs

    n_samples = recording.get_num_samples()
    length = min(n_samples, max(3, round(_PIECE_S * recording.sampling_frequency)))
    starts = np.unique(np.linspace(0, n_samples - length, _PIECES).astype(int)).tolist()

    def piece(start: int) -> np.ndarray:
        return recording.get_traces(start_frame=start, end_frame=start + length, return_in_uV=False)

    # Read twice rather than held: hundreds of channels would take hundreds of megabytes.
    ends = [(piece(start).max(axis=0), piece(start).min(axis=0)) for start in starts]
    top = np.max([high for high, _ in ends], axis=0)
    bottom = np.min([low for _, low in ends], axis=0)
    shares = np.zeros((2, len(top)))
    for start in starts:
        raw = piece(start)
        for side, extreme in enumerate((top, bottom)):
            shares[side] += in_runs((raw == extreme).T).mean(axis=1) / len(starts)
    share = shares.max(axis=0)
    if np.issubdtype(top.dtype, np.integer):
        share[top.astype(float) - bottom.astype(float) < _LEAST_COUNTS] = 0.0
    return share
