"""The config's section on movement: how tracks are read, what counts as rest, which zones exist."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import Field, field_validator, model_validator

from pipeline.experiment.strict import StrictModel, did_you_mean

if TYPE_CHECKING:
    from pipeline.experiment.model import Session

#: how a movement file may be written; "speed" is a table of times and speeds
MovementFormat = Literal[
    "auto", "speed", "columns", "deeplabcut", "sleap", "nwb", "neuralynx", "axona", "trodes"
]
#: marks that separate the parts of an outcome's id
_ZONE_NAME = re.compile(r"[A-Za-z0-9_-]+")

Finite = Annotated[float, Field(allow_inf_nan=False)]


class Shape(StrictModel):
    """One area of the arena, in the units of the track."""

    rectangle: tuple[Finite, Finite, Finite, Finite] | None = Field(
        None, description="[x0, y0, x1, y1] with x0 < x1 and y0 < y1, [from, to) on both axes"
    )
    circle: tuple[Finite, Finite, Finite] | None = Field(
        None, description="[x, y, radius] of the centre"
    )
    polygon: tuple[tuple[Finite, Finite], ...] | None = Field(
        None, description="[[x, y], ...]: three corners or more, in order around the area"
    )

    @model_validator(mode="after")
    def _one_area(self) -> Shape:
        return self.checked()

    def checked(self) -> Shape:
        """Return the shape itself; refuse none or several areas, and one that is none."""
        given = [name for name in ("rectangle", "circle", "polygon") if getattr(self, name)]
        if len(given) != 1:
            raise ValueError("give one of rectangle, circle and polygon")
        if self.rectangle:
            x0, y0, x1, y1 = self.rectangle
            if not (x0 < x1 and y0 < y1):
                raise ValueError(
                    f"rectangle: found {list(self.rectangle)}; expected [x0, y0, x1, y1] with "
                    "x0 < x1 and y0 < y1 (in pictures y grows downwards: the smaller one first)"
                )
        if self.circle and not self.circle[2] > 0:
            raise ValueError(f"circle: found radius {self.circle[2]:g}; expected more than 0")
        if self.polygon:
            _check_polygon(self.polygon)
        return self


def _check_polygon(corners: tuple[tuple[float, float], ...]) -> None:
    """Refuse fewer than three corners, no area, and borders that cross each other."""
    if len(corners) < 3:
        raise ValueError(f"polygon: found {len(corners)} corners; expected three or more")
    sides = [(corners[i], corners[(i + 1) % len(corners)]) for i in range(len(corners))]
    area = sum(a[0] * b[1] - b[0] * a[1] for a, b in sides) / 2
    if math.isclose(area, 0.0, abs_tol=1e-12):
        raise ValueError("polygon: the corners enclose no area")
    for i, first in enumerate(sides):
        for j, second in enumerate(sides[i + 1 :], i + 1):
            neighbours = j == i + 1 or (i == 0 and j == len(sides) - 1)
            if not neighbours and _cross(*first, *second):
                raise ValueError(
                    f"polygon: the side after corner {i + 1} crosses that after corner {j + 1}; "
                    "expected the corners in order around the area"
                )


def _cross(a: tuple, b: tuple, c: tuple, d: tuple) -> bool:
    def side(p: tuple, q: tuple, r: tuple) -> float:
        return (q[0] - p[0]) * (r[1] - p[1]) - (q[1] - p[1]) * (r[0] - p[0])

    return side(a, b, c) * side(a, b, d) < 0 and side(c, d, a) * side(c, d, b) < 0


class Zone(Shape):
    """A zone: one area for all sessions, or one that a column of sessions.tsv chooses."""

    by: str | None = Field(
        None,
        description="Column of sessions.tsv that says which of `areas` the zone is in a session "
        "(paired side, stranger's side), where sides are counterbalanced",
    )
    areas: dict[str, Shape] = Field(
        default_factory=dict, description="With `by`: an area for each value of that column"
    )

    @model_validator(mode="after")
    def _one_area(self) -> Zone:
        if self.by is None and not self.areas:
            self.checked()
            return self
        if any((self.rectangle, self.circle, self.polygon)) or not (self.by and self.areas):
            raise ValueError(
                "give one of rectangle, circle and polygon; or `by`, a column of sessions.tsv, "
                "with `areas`, one for each of its values"
            )
        return self

    def area(self, cells: Mapping[str, str]) -> Shape | None:
        """Return the zone's area in a session, None where the session's cell names none.

        Parameters
        ----------
        cells : mapping of str to str
            The session's own columns.
        """
        if self.by is None:
            kept = {name: getattr(self, name) for name in ("rectangle", "circle", "polygon")}
            return Shape(**kept)
        return self.areas.get(cells.get(self.by, ""))


class TrackOptions(StrictModel):
    """How a position track is read."""

    format: MovementFormat = Field(
        "auto",
        description="Of the movement files: speed (times and speeds), columns (times or frames, x, "
        "y: Bonsai and others), deeplabcut, sleap, nwb, neuralynx, axona, trodes; auto: told from "
        "the file",
    )
    time_column: str = Field(
        "time_s",
        description="Seconds on the session clock; of a file without header its number, from 1",
    )
    time_unit: Literal["s", "ms", "us"] = Field("s", description="Unit of the track's times")
    time_offset_s: Finite = Field(
        0.0, description="Seconds added to the track's times: its zero on the session clock"
    )
    frame_column: str = Field(
        "frame", description="Frame numbers, of tracks that have these instead of times"
    )
    frame_rate_hz: float | None = Field(
        None, gt=0, description="Frames per second, of tracks with frame numbers instead of times"
    )
    x_column: str = Field("x", description="Horizontal position")
    y_column: str = Field("y", description="Vertical position")
    likelihood_column: str | None = Field(
        None, description="How sure the tracker is, 0 to 1; left out: not looked at"
    )
    minimum_likelihood: float | None = Field(
        None,
        ge=0,
        le=1,
        description="Points that the tracker is less sure of are unknown; left out: 0.6 for "
        "DeepLabCut, no limit for others",
    )
    body_part: str | None = Field(
        None, description="Body part (node, light) that stands for the animal, if there are several"
    )
    individual: str | None = Field(
        None, description="Which animal of the video, if several were tracked"
    )
    series: str | None = Field(
        None, description="NWB: name of the position or speed series, if there are several"
    )
    axes: Literal["xy", "yx", "xz", "zx", "yz", "zy"] | None = Field(
        None,
        description="What the first columns of an NWB or SLEAP track are used as: yx exchanges "
        "them; needed where there are three",
    )
    cm_per_unit: float | None = Field(
        None,
        gt=0,
        allow_inf_nan=False,
        description="Centimetres in one unit of the track (pixel); left out: the file's own",
    )
    longest_gap_s: float = Field(
        0.2,
        ge=0,
        description="Shorter losses of the position are filled by a straight line; longer ones "
        "are unknown, never filled",
    )
    smooth_position_s: float = Field(
        0.2,
        ge=0,
        description="Tracks: running mean of the position before speed is taken; 0: none. Jitter "
        "of a pixel is speed at 30 frames per second",
    )


#: what a measured epoch depends on; all else of the section is used when the file is read
MEASURED = {"rest_below_cm_s", "run_above_cm_s", "minimum_bout_s", "smooth_speed_s"}


class MovementOptions(TrackOptions):
    """Speed, and the strata that it gives; position, and the time in zones."""

    speed_column: str = Field("speed_cm_s", description="Speed")
    speed_unit: Literal["cm/s", "m/s", "mm/s"] = Field("cm/s", description="Unit of the speed")
    rest_below_cm_s: float = Field(2.0, gt=0, description="Slower than this is rest")
    run_above_cm_s: float = Field(15.0, gt=0, description="Faster than this is run")
    minimum_bout_s: float = Field(3.0, ge=0, description="Shorter bouts belong to no stratum")
    smooth_speed_s: float = Field(
        1.0, ge=0, description="Running mean of the speed that rest, walk and run are told by"
    )
    zones: dict[str, Zone] = Field(
        default_factory=dict,
        description="Areas whose share of the time is measured, in the units of the track: "
        "{social: {rectangle: [x0, y0, x1, y1]}}; also circle: [x, y, radius] and polygon",
    )

    @field_validator("zones")
    @classmethod
    def _names_of_outcomes(cls, zones: dict[str, Zone]) -> dict[str, Zone]:
        wrong = [name for name in zones if not _ZONE_NAME.fullmatch(name)]
        if wrong:
            raise ValueError(
                f"zone {wrong[0]!r}: expected letters, digits, _ and -, for the outcome is called "
                "time_in_zone/<zone>"
            )
        return zones

    @model_validator(mode="after")
    def _limits_in_order(self) -> MovementOptions:
        if self.rest_below_cm_s > self.run_above_cm_s:
            raise ValueError(
                f"rest_below_cm_s {self.rest_below_cm_s:g} is above run_above_cm_s "
                f"{self.run_above_cm_s:g}"
            )
        return self

    def session_zones(self, cells: Mapping[str, str]) -> dict[str, dict[str, list]]:
        """Return the areas of one session as plain data: ``{social: {rectangle: [...]}}``."""
        areas = {name: zone.area(cells) for name, zone in self.zones.items()}
        return {
            name: area.model_dump(mode="json", exclude_none=True)
            for name, area in areas.items()
            if area is not None
        }

    def zone_problem(self, cells: Mapping[str, str]) -> tuple[str, str, str] | None:
        """Return (column, cell, expected) where a session's cell chooses no area, else None."""
        for name, zone in self.zones.items():
            if zone.by is not None and zone.area(cells) is None:
                found = cells.get(zone.by, "")
                known = ", ".join(zone.areas)
                hint = did_you_mean(found, zone.areas)
                return zone.by, found, f"one of movement.zones.{name}.areas ({known}){hint}"
        return None


def session_cells(session: Session) -> dict[str, str]:
    """Return the columns of sessions.tsv that may choose a zone's area: the animal's and the lab's.

    Parameters
    ----------
    session : Session
        As the tables give it.
    """
    own = {name: getattr(session, name) for name in ("animal", "sex", "cohort", "cage", "stage")}
    return own | {"session": session.name} | dict(session.factors)
