"""What an experiment is made of, once config and tables are read: plain frozen records."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from pathlib import Path

from pipeline.errors import Problem
from pipeline.experiment.config import Config
from pipeline.experiment.plan import AnalysisPlan


@dataclass(frozen=True)
class FileRef:
    """A file of a session: where it is, what it is, when it starts on the session clock.

    ``label`` is the probe of a recording, the task of a log; ``stream`` and ``sorting`` belong to
    recordings. ``line`` is the row of recordings.tsv or behaviours.tsv, 0 for sessions.tsv.
    """

    path: str
    format: str
    starts_at_s: float = 0.0
    label: str = ""
    stream: str = ""
    sorting: str = ""
    line: int = 0


@dataclass(frozen=True)
class Channel:
    """One row of the channel table that holds for a session."""

    channel: str
    region: str
    shank: str
    bad: bool


@dataclass(frozen=True)
class ContextInterval:
    """Where the animal was; None means from the session's start, or to its end."""

    context: str
    start_s: float | None
    stop_s: float | None
    line: int


@dataclass(frozen=True)
class Session:
    """One visit of one animal."""

    name: str
    animal: str
    sex: str
    cohort: str
    cage: str
    start: datetime | None
    has_clock: bool
    stage: str
    recordings: tuple[FileRef, ...]
    sorting: str
    behaviours: tuple[FileRef, ...]
    movement: str
    exclude: str
    contexts: tuple[ContextInterval, ...]
    channels: tuple[Channel, ...]
    factors: Mapping[str, str]
    line: int

    @property
    def date(self) -> date | None:
        """Calendar day of the visit."""
        return self.start.date() if self.start else None


@dataclass(frozen=True)
class Administration:
    """One dose of one compound.

    ``time_s`` is on the clock of ``session``; ``moment`` is on the wall clock; either may be
    unknown (a spreadsheet without times). ``date`` is known whenever the day is.
    """

    animal: str
    session: str
    time_s: float | None
    moment: datetime | None
    date: date | None
    drug: str
    dose_mg_per_kg: float | None
    route: str
    role: str
    dosing_context: str
    line: int


@dataclass(frozen=True)
class Anchor:
    """A test (or sham) administration that epochs are counted from.

    Attributes
    ----------
    id : str
        ``<animal>.<n>``: n-th anchor of the animal; it names no drug.
    administration : Administration
        The dose itself.
    step : int
        1 for the first test administration of its session, 2 for the second...; shams count apart.
    condition : str
        What was on board.
    pretreatment : str
        Name of the pretreatment on board, "" for none.
    period : int or None
        1 for the animal's first dosing occasion; None when the order is unknown.
    previous_condition : str
        Condition of the occasion before, "" for the first.
    days_since_previous : float or None
        Days since then.
    n_prior_doses : int or None
        Earlier test administrations of anything but a reference condition.
    """

    id: str
    administration: Administration
    step: int
    condition: str
    pretreatment: str
    period: int | None = None
    previous_condition: str = ""
    days_since_previous: float | None = None
    n_prior_doses: int | None = None


@dataclass(frozen=True)
class Epoch:
    """The intersection of a context interval and a phase.

    ``start_s`` and ``stop_s`` are on the session clock; None means from the session's start, or to
    its end. ``since_dose_zero_s`` is the anchor's time on that clock (None when unknown).
    ``interval`` counts the pieces of one cell (phase x context x anchor) from 1.
    """

    session: str
    context: str
    phase: str
    interval: int
    start_s: float | None
    stop_s: float | None
    anchor: str
    step: int
    since_dose_zero_s: float | None


@dataclass(frozen=True)
class Measurement:
    """One value measured elsewhere."""

    animal: str
    session: str
    outcome: str
    value: float
    censored: bool
    context: str
    phase: str
    anchor: str
    step: int


@dataclass(frozen=True)
class Experiment:
    """Everything that the pipeline knows before it opens a recording.

    ``listed`` keeps which files a session was found to have when it was first asked for
    (:func:`pipeline.steps.inputs.files_of`): plan, params and resources of its jobs ask again and
    again, and must get one answer.
    """

    config_path: Path
    config: Config
    sessions: tuple[Session, ...]
    administrations: tuple[Administration, ...]
    anchors: Mapping[str, Anchor]
    epochs: Mapping[str, tuple[Epoch, ...]]
    measurements: tuple[Measurement, ...]
    plan: AnalysisPlan
    warnings: tuple[Problem, ...] = field(default=())
    listed: dict[tuple[str, ...], dict[str, list[str | int]]] = field(
        default_factory=dict, compare=False, repr=False
    )

    @property
    def included(self) -> tuple[Session, ...]:
        """Sessions without an ``exclude`` reason."""
        return tuple(session for session in self.sessions if not session.exclude)
