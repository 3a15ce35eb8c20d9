"""Published direction: what the literature reports of a drug's effect on an outcome, cited.

The table is ``literature.yaml`` beside this module. It is shown beside a verdict and used nowhere:
no other module of this room may import this one (a test holds to that), because published results
disagree in sign and a lab's result must not lean on them.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from functools import cache
from pathlib import Path
from typing import Literal

from pydantic import Field, ValidationError, model_validator

from pipeline.errors import InputError
from pipeline.experiment.load import read_yaml
from pipeline.experiment.strict import StrictModel
from pipeline.registry import parse_outcome

PATH = Path(__file__).with_name("literature.yaml")
Direction = Literal["increase", "decrease", "no change", "mixed"]
Checked = Literal["notes", "abstract", "text"]
#: doses whose ratio is at most this count as near
_NEAR = 3.0


class Study(StrictModel):
    """A citation."""

    cite: str = Field(min_length=1, description="As a sentence names it: Purple et al. 2025")
    authors: str = Field(min_length=1, description="As the journal lists them")
    title: str = Field("", description="Of the article; empty when it was not seen")
    journal: str = Field(min_length=1, description="With volume and first page where known")
    year: int = Field(ge=1950, le=2100, description="Of publication")
    doi: str = Field("", pattern=r"^(10\.\d{4,}/\S+)?$", description="Empty when unknown")
    pmid: str = Field("", pattern=r"^\d*$", description="PubMed number, empty when unknown")
    recalled: str = Field("", description="Parts of the citation that were not seen in a source")

    def full(self) -> str:
        """Return the whole citation on one line."""
        parts = [self.authors, self.title, f"{self.journal} ({self.year})"]
        parts += [f"doi:{self.doi}"] if self.doi else []
        parts += [f"PMID {self.pmid}"] if self.pmid else []
        parts += [f"Not checked: {self.recalled}"] if self.recalled else []
        return ". ".join(part for part in parts if part)


class Entry(StrictModel):
    """One finding of one study."""

    study: str = Field(description="Key of studies")
    drug: str = Field(description="Key of drugs")
    compound: str = Field("", description="What was given, where it differs from the drug")
    pretreatment: str = Field("", description="Key of drugs: the antagonist given before")
    outcomes: tuple[str, ...] = Field(min_length=1, description="metric or metric/band")
    hz: tuple[float, float] | None = Field(None, description="The study's own band, Hz")
    region: str = Field("", description="Key of regions; empty for behaviour")
    region_b: str = Field("", description="Second region of a coupling")
    species: Literal["rat", "mouse", "human", "monkey", "cat"] = Field(description="Studied")
    context: str = Field("", description="Where or doing what")
    state: str = Field("", description="Of the animals, where it matters (stressed)")
    dose_mg_per_kg: tuple[float, ...] = Field((), description="Doses with this finding")
    route: str = Field("", description="Of administration")
    time: str = Field(min_length=1, description="acute, or when after the dose")
    direction: Direction = Field(description="Of the outcome itself")
    finding: str = Field(min_length=1, description="What was found, one line")
    checked: Checked = Field(description="How far it was verified")

    @model_validator(mode="after")
    def _sound(self) -> Entry:
        if any(dose <= 0 for dose in self.dose_mg_per_kg):
            raise ValueError("a dose is above zero")
        if self.hz is not None and not 0 <= self.hz[0] < self.hz[1]:
            raise ValueError("hz is [low, high]")
        for outcome in self.outcomes:
            parts = parse_outcome(outcome)
            if parts is None or parts["region"]:
                raise ValueError(f"{outcome!r} is not a metric or metric/band")
        return self


class Literature(StrictModel):
    """The whole table."""

    regions: dict[str, tuple[str, ...]] = Field(description="Place -> labels that mean it")
    covers: dict[str, tuple[str, ...]] = Field(description="Wide region -> places it speaks of")
    drugs: dict[str, tuple[str, ...]] = Field(description="Drug -> names that mean it")
    studies: dict[str, Study] = Field(description="Citations")
    entries: tuple[Entry, ...] = Field(description="Findings")

    @model_validator(mode="after")
    def _refers_to_what_is_there(self) -> Literature:
        places = {*self.regions, ""}
        wrong = []
        for number, entry in enumerate(self.entries, 1):
            for found, known, what in (
                (entry.study, set(self.studies), "studies"),
                (entry.drug, set(self.drugs), "drugs"),
                (entry.pretreatment, {*self.drugs, ""}, "drugs"),
                (entry.region, places, "regions"),
                (entry.region_b, places, "regions"),
            ):
                if found not in known:
                    wrong.append(f"entry {number}: {found!r} is not in {what}")
        wide = {*self.covers, *(place for places in self.covers.values() for place in places)}
        wrong += [f"covers: {place!r} is not in regions" for place in sorted(wide - places)]
        unused = set(self.studies) - {entry.study for entry in self.entries}
        wrong += [f"studies: {key} has no entry" for key in sorted(unused)]
        if wrong:
            raise ValueError("; ".join(wrong))
        return self

    def study(self, entry: Entry) -> Study:
        """Return the citation of an entry."""
        return self.studies[entry.study]


def read_literature(path: Path = PATH) -> Literature:
    """Read and check the table.

    Raises
    ------
    InputError
        Naming the file, the place and what is wrong there.
    """
    try:
        return Literature.model_validate(read_yaml(path))
    except ValidationError as error:
        lines = [
            f"{path.name}: {'.'.join(map(str, item['loc'])) or 'the whole table'}: {item['msg']}"
            for item in error.errors()
        ]
        raise InputError("\n".join(lines)) from None


@cache
def literature() -> Literature:
    """Return the table of this package, read once."""
    return read_literature()


def published(
    outcome: str,
    *,
    drug: str,
    dose_mg_per_kg: float | None = None,
    pretreatment: str = "",
    species: str = "",
    contexts: Collection[str] = (),
    region: str | None = None,
    phase: str = "",
    table: Literature | None = None,
) -> tuple[Entry, ...]:
    """Return what is published of a drug and an outcome, the most specific entries first.

    Parameters
    ----------
    outcome : str
        Outcome id: ``band_power/theta@mPFC``.
    drug, pretreatment : str
        As the plan writes them; ``pretreatment`` "" for none. Both must match.
    dose_mg_per_kg : float, optional
        Of the condition, mg/kg; a published dose within a factor of three counts as near.
    species : str
        Of the experiment.
    contexts : collection of str
        Of the experiment; underscores are spaces.
    region : str, optional
        Instead of the outcome's own.
    phase : str
        ``day...`` looks for late findings first, anything else for acute ones.
    table : Literature, optional
        Instead of the package's own.

    Returns
    -------
    tuple of Entry
        Empty where nothing is known to the table: an unknown drug or outcome, another place in the
        brain. Another species, dose, context or time is kept, and comes later.
    """
    known = literature() if table is None else table
    parts = parse_outcome(outcome)
    names = known.drugs
    if parts is None or not (wanted := _canonical(drug, names)):
        return ()
    before = _canonical(pretreatment, names) if pretreatment else ""
    if pretreatment and not before:
        return ()
    places = [parts["region"] if region is None else region, parts["region_b"]]
    words = {_plain(context) for context in contexts}
    ranked = []
    for index, entry in enumerate(known.entries):
        if entry.drug != wanted or entry.pretreatment != before:
            continue
        measure = _measure(entry, parts)
        place = _place(entry, [label for label in places if label], known)
        if measure and place is not None:
            points = (
                measure,
                place,
                _plain(entry.species) == _plain(species),
                _plain(entry.context) in words,
                _near(entry, dose_mg_per_kg),
                _plain(phase).startswith("day") != entry.time.startswith("acute"),
            )
            ranked.append(([-int(point) for point in points], index, entry))
    ranked.sort(key=lambda item: item[:2])
    return tuple(entry for _, _, entry in ranked)


def _plain(label: str) -> str:
    return label.replace("_", " ").strip().casefold()


def _canonical(name: str, groups: Mapping[str, Collection[str]]) -> str:
    """Return the group that a name is of; what follows the name (a dose) does not matter."""
    said = _plain(name)
    for group, aliases in groups.items():
        if any(said == alias or said.startswith(f"{alias} ") for alias in map(_plain, aliases)):
            return group
    return ""


def _measure(entry: Entry, parts: Mapping[str, str]) -> int:
    """2 for the same metric and band, 1 for a finding that names no band, 0 for another one."""
    metric, band = parts["metric"], parts["band"]
    if (f"{metric}/{band}" if band else metric) in entry.outcomes:
        return 2
    return int(bool(band) and metric in entry.outcomes)


def _place(entry: Entry, labels: Collection[str], known: Literature) -> int | None:
    """How well an entry's regions fit all labels: 3 same label, 2 same place, 1 covered, 0 open.

    None where a label is elsewhere. ``0``: entry or outcome names no region.
    """
    own = [place for place in (entry.region, entry.region_b) if place]
    if not own or not labels:
        return 0
    return min(max(_fit(place, label, known) for place in own) for label in labels) or None


def _fit(place: str, label: str, known: Literature) -> int:
    if _plain(place) == _plain(label):
        return 3
    group = _canonical(label, known.regions)
    if group == place:
        return 2
    return int(group in known.covers.get(place, ()))


def _near(entry: Entry, dose: float | None) -> bool:
    if not dose:
        return False
    return any(1 / _NEAR <= dose / other <= _NEAR for other in entry.dose_mg_per_kg)
