"""Share of the time in a drawn zone: place preference, social zone, centre of an open field."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from pipeline.ingest.zones import inside
from pipeline.metric import Metric, Value

if TYPE_CHECKING:
    from pipeline.ingest.zones import EpochTrack

METRIC = Metric(
    name="time_in_zone",
    label="Time in zone",
    domain="other",
    entity="animal",
    needs=("track",),
    per_band=True,
    value_unit="fraction",
    scale="logit",
    description="Fraction of the tracked time that the animal spent in a zone of the arena",
    definition="Seconds with the chosen body part inside the zone divided by the seconds in which "
    "its position is known, in the epoch; zones are declared under movement.zones",
    formula="Σ Δtₖ of positions inside the zone / Σ Δtₖ of known positions",
    fails_when=(
        "No value where the position is never known in the epoch, or where movement.zones declares "
        "no zone.",
        "Where tracking is lost in one place (a dark corner, a tube), that zone reads too low.",
        "Zones lie in the units of the track: a camera that was moved needs its own.",
    ),
    reference="Definition of a fraction of time; each position weighted by the time to the next",
    grain="interval",
    baseline="change",
    weight="seconds",
    options=("movement.zones",),
)


def compute(*, track: EpochTrack, options: Mapping[str, Any]) -> list[Value]:
    """Return the fraction of the tracked time in each zone.

    Parameters
    ----------
    track : EpochTrack
        Known positions inside the epoch's intervals.
    options : mapping
        ``movement.zones``: area by name.

    Returns
    -------
    list of Value
        One per zone, ``band`` its name; none when the position is never known. ``n_effective`` is
        the tracked time in seconds (on the logit scale half a second is added in and out).
    """
    seconds = track.seconds
    if not seconds > 0:
        return []
    values = []
    for name, area in options["movement"]["zones"].items():
        there = float(track.weight_s[inside(area, track.x, track.y)].sum())
        # Sums in another order may differ in the last digit: a fraction stays within 0 to 1.
        share = min(1.0, there / seconds)
        values.append(Value(value=share, band=name, n_effective=seconds, n_effective_unit="s"))
    return values
