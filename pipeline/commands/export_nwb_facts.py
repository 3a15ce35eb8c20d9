"""What an NWB file must say of a session that no result holds: zone, age, species, people.

Nothing is invented: what is missing is asked for, all at once, with the place where it goes.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pipeline.errors import ExperimentError, InputError, Problem
from pipeline.experiment.model import Experiment, Session
from pipeline.experiment.strict import did_you_mean

#: fact -> what is written there; each may be a column of the sessions table or given for all; the
#: config has some of them, too (:data:`IN_CONFIG`)
FACTS = {
    "timezone": "name of the zone that the tables' times are in, such as Europe/Rome or UTC",
    "age": "age at the session as an ISO 8601 duration, such as P12W or P90D (a range: P10W/P14W)",
    "date_of_birth": "ISO date, such as 2025-11-20, instead of the age",
    "species": "Latin name, where experiment.species is neither rat nor mouse",
    "weight": "number and unit, such as 320 g",
    "strain": "strain; else reporting.strain",
    "genotype": "genotype; else reporting.genotype",
    "experimenter": "Last, First; several people with ; between them",
    "institution": "where it was done",
    "lab": "whose laboratory",
    "keywords": "words to be found by, with ; between them",
    "publications": "DOIs as doi:..., with ; between them",
}
#: fact -> key of the config's section ``reporting`` that holds for all sessions without another
IN_CONFIG = {
    "timezone": "time_zone",
    "strain": "strain",
    "genotype": "genotype",
    "experimenter": "experimenter",
    "institution": "institution",
    "lab": "lab",
}
#: the common names that sentences of the report use, and what the standard wants
SPECIES = {
    "rat": "Rattus norvegicus",
    "rats": "Rattus norvegicus",
    "mouse": "Mus musculus",
    "mice": "Mus musculus",
}
SEXES = {"m": "M", "male": "M", "f": "F", "female": "F", "o": "O", "other": "O"}
_LATIN = re.compile(r"[A-Z][a-z]+ [a-z]+")
_DURATION = re.compile(
    r"P(?!$)(\d+(?:\.\d+)?Y)?(\d+(?:\.\d+)?M)?(\d+(?:\.\d+)?W)?(\d+(?:\.\d+)?D)?"
    r"(T(?=\d)(\d+H)?(\d+M)?(\d+S)?)?"
)
_WEIGHT = re.compile(r"\d+(\.\d+)? (kg|g|mg)")


@dataclass(frozen=True)
class Facts:
    """What is known of one session besides its results; "" and () where nothing is.

    Attributes
    ----------
    start : datetime
        With its zone: time 0 of the session clock.
    species : str
        Latin.
    sex : str
        M, F, O, or U where the table does not say.
    age : str
        ISO 8601 duration, "" where a date of birth is given.
    born : datetime or None
        Midnight of the date of birth in the session's zone.
    """

    start: datetime
    species: str
    sex: str
    age: str
    born: datetime | None
    weight: str
    strain: str
    genotype: str
    experimenter: tuple[str, ...]
    institution: str
    lab: str
    keywords: tuple[str, ...]
    publications: tuple[str, ...]


def parse_facts(settings: Sequence[str]) -> dict[str, str]:
    """Read ``NAME=VALUE`` settings of the command line.

    Parameters
    ----------
    settings : sequence of str
        As given behind ``--set``.

    Returns
    -------
    dict of str to str

    Raises
    ------
    InputError
        Without ``=``, or a name that is no fact.
    """
    facts = {}
    for setting in settings:
        name, equals, value = setting.partition("=")
        name = name.strip()
        if not equals:
            raise InputError(f"--set: found '{setting}'; expected NAME=VALUE, such as age=P12W")
        if name not in FACTS:
            raise InputError(
                f"--set: found '{name}'; expected one of {', '.join(FACTS)}"
                f"{did_you_mean(name, FACTS)}"
            )
        facts[name] = value.strip()
    return facts


def facts_of(
    experiment: Experiment, sessions: Sequence[Session], given: Mapping[str, str]
) -> dict[str, Facts]:
    """Collect the facts of some sessions.

    A column of the sessions table comes first, then what is given for all, then the config.

    Parameters
    ----------
    experiment : Experiment
        As loaded.
    sessions : sequence of Session
        Of the experiment.
    given : mapping of str to str
        Fact -> value, for all sessions; names as in :data:`FACTS`.

    Returns
    -------
    dict of str to Facts
        By the session's name.

    Raises
    ------
    ExperimentError
        All that is missing or unreadable, of all sessions, each once.
    """
    found: dict[str, Facts] = {}
    problems: list[Problem] = []
    for session in sessions:
        reader = _Reader(experiment, session, given)
        facts = reader.facts()
        if facts is not None:
            found[session.name] = facts
        problems += reader.problems
    if problems:
        raise ExperimentError(dict.fromkeys(problems))
    return found


class _Reader:
    """The facts of one session, and what is wrong with them."""

    def __init__(self, experiment: Experiment, session: Session, given: Mapping[str, str]) -> None:
        self._experiment, self._session, self._given = experiment, session, given
        self._table = Path(experiment.config.tables.sessions).name
        self.problems: list[Problem] = []

    def facts(self) -> Facts | None:
        """Return the facts; None if anything that is needed is missing."""
        zone, start = self._zone(), self._start()
        species = self._species()
        age, born = self._age()
        weight = self._said("weight")
        if weight and not _WEIGHT.fullmatch(weight):
            self._refuse("weight", weight)
        if self.problems or zone is None or start is None:
            return None
        return Facts(
            start=start.replace(tzinfo=zone),
            species=species,
            sex=SEXES.get(self._session.sex.casefold(), "U"),
            age=age,
            born=datetime(born.year, born.month, born.day, tzinfo=zone) if born else None,
            weight=weight,
            strain=self._said("strain"),
            genotype=self._said("genotype"),
            experimenter=_several(self._said("experimenter")),
            institution=self._said("institution"),
            lab=self._said("lab"),
            keywords=_several(self._said("keywords")),
            publications=_several(self._said("publications")),
        )

    def _said(self, name: str) -> str:
        own = self._session.factors.get(name, "").strip() or self._given.get(name, "").strip()
        return own or self._of_config(name)

    def _of_config(self, name: str) -> str:
        """What the config says for all sessions; people as a cell would list them."""
        if name not in IN_CONFIG:
            return ""
        value = getattr(self._experiment.config.reporting, IN_CONFIG[name]) or ""
        return "; ".join(value) if isinstance(value, tuple) else value

    def _refuse(self, name: str, value: str) -> None:
        place = f"session {self._session.name}, column {name}"
        if not self._session.factors.get(name, "").strip():
            place = f"--set {name}"
        self.problems.append(Problem(self._table, place, f"'{value}'", f"expected {FACTS[name]}"))

    def _ask(self, name: str) -> None:
        config = f"reporting.{IN_CONFIG[name]} in the config, or " if name in IN_CONFIG else ""
        self.problems.append(
            Problem(
                self._table,
                f"column {name}",
                "nothing",
                f"expected {FACTS[name]}: NWB needs it. Add the column, or give it for all "
                f"sessions: {config}--set {name}=...",
            )
        )

    def _zone(self) -> ZoneInfo | None:
        name = self._said("timezone")
        if not name:
            self._ask("timezone")
            return None
        try:
            return ZoneInfo(name)
        except (ZoneInfoNotFoundError, ValueError):
            self._refuse("timezone", name)
            return None

    def _start(self) -> datetime | None:
        start = self._session.start
        if start is None or not self._session.has_clock:
            self.problems.append(
                Problem(
                    self._table,
                    f"session {self._session.name}, column start",
                    "no time of day" if start else "nothing",
                    "expected date and time, such as 2026-03-01T09:30: NWB counts seconds from it",
                )
            )
            return None
        return start

    def _species(self) -> str:
        common = self._experiment.config.experiment.species
        name = self._said("species") or SPECIES.get(common.casefold(), common)
        if not _LATIN.fullmatch(name):
            self.problems.append(
                Problem(
                    self._experiment.config_path.name,
                    "experiment.species",
                    f"'{common}'",
                    "expected rat, mouse or a Latin name of two words; or give it for NWB alone: "
                    "--set species='Rattus norvegicus'",
                )
            )
        return name

    def _age(self) -> tuple[str, date | None]:
        age, born = self._said("age"), self._said("date_of_birth")
        if not age and not born:
            self._ask("age")
        if age and not all(_DURATION.fullmatch(part) for part in age.split("/", 1)):
            self._refuse("age", age)
        try:
            return age, date.fromisoformat(born) if born else None
        except ValueError:
            self._refuse("date_of_birth", born)
            return age, None


def _several(cell: str) -> tuple[str, ...]:
    return tuple(part.strip() for part in cell.split(";") if part.strip())
