"""The recipes of docs/recipes: each folder loads, each page promises what the analysis does.

Every recipe is a folder (config and tables) and a page of the same name. Here its experiment is
loaded and checked, observations with a planted truth (:mod:`truths`) are laid on exactly its tables
and go through the cohort step's own functions, and verdict, contrast and test must be those of the
page. Every mistake that a page shows is made, and its message must stand on the page to the letter;
excerpts of config and tables are held against the files.
"""

from __future__ import annotations

import argparse
import csv
import importlib.util
import re
import shlex
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import date, timedelta
from itertools import pairwise
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
import yaml
from experiments import write_table
from truths import Found, Noise, Planted, power, rate, run, trials

from pipeline.commands.check import Checked, describe, examine_all
from pipeline.commands.check_found import Extent, SessionFiles
from pipeline.commands.check_times import time_problems
from pipeline.commands.power import _basis, _request, add_arguments
from pipeline.experiment import examine, load_experiment
from pipeline.steps.inputs import named_paths

DOCS = Path(__file__).parents[1] / "docs"
RECIPES = DOCS / "recipes"
NAMES = sorted(path.parent.name for path in RECIPES.glob("*/config.yaml"))

#: simulated cohorts per recipe; the seed is fixed, so that what is called right stays so
COHORTS = 8
SEED = 20260302

DOD = "difference_of_differences"
SIMPLE = "simple"
ONE_LEVEL = "two levels or more: with one the question cannot be asked"


# --- planted truths -----------------------------------------------------------------------------

WITHIN = Noise(response=0.2, cell=0.2)
BETWEEN = Noise(session=0.2, response=0.2, cell=0.2)
STEADY = Noise(animal=0.25, session=0.1, place=0.1, response=0.2, cell=0.25)
MATES = Noise(cage=1, session=0.2, response=0.2, cell=0.2)
FADING_S = 2700


def always(size):
    """The same effect of any drug, everywhere."""
    return lambda row: 0.0 if row.condition == "vehicle" else size


def only(size, **cell):
    """An effect of any drug in the cells that have these design columns."""

    def effect(row):
        here = all(getattr(row, column) == value for column, value in cell.items())
        return size if here and row.condition != "vehicle" else 0.0

    return effect


def nothing(row):
    """No effect."""
    return 0.0


def fading(row):
    """A pure pill, the same everywhere, that halves every 45 minutes."""
    return 0.0 if row.condition == "vehicle" else 4 * 0.5 ** (row.since_dose_s / FADING_S)


def by_dose(size):
    """An effect that grows by ``size`` with every doubling, 2.5 at 1 mg/kg."""

    def effect(row):
        if row.condition == "vehicle":
            return 0.0
        return 2.5 + size * np.log2(float(row.condition.removeprefix("psilocybin_")))

    return effect


def in_open_field(effect):
    """The same, in the open field only."""
    return lambda row: effect(row) if row.context == "open_field" else 0.0


def accuracy(name, effect, **changes):
    """Share of correct trials around 70 %; a unit of effect is a third on the logit scale."""
    fields = {"metric": "accuracy", "level": 0.8, "unit": 1 / 3}
    return Planted(name=name, effect=effect, **(fields | changes))


def errors(name, effect, **changes):
    """Perseverative errors around 16; a unit of effect is a third of a doubling."""
    fields = {"metric": "perseverative_errors", "level": 4.0, "unit": 1 / 3}
    return Planted(name=name, effect=effect, **(fields | changes))


def in_task(row):
    """Whether a task is done there."""
    return row.context == "task"


@dataclass(frozen=True, kw_only=True)
class Promise:
    """What a page says of one truth.

    Attributes
    ----------
    truth : Planted
        Laid on the tables of the recipe.
    verdict, pattern : str
        That the report will give ("" for any pattern).
    contrast, model : str
        The decisive contrast, and the test that it gets.
    where : dict
        Columns of verdicts.tsv that choose the verdict (phase, modifier, condition).
    """

    truth: Planted
    verdict: str
    pattern: str = ""
    contrast: str = SIMPLE
    model: str = "per-animal t"
    where: dict[str, str] = field(default_factory=dict)


ONE = "drug effect, one context"
NONE = "no drug effect"
WELCH = "Welch t"
FOUR = "four-mean Welch t"
REGRESSION = "per-animal regression on the baseline"

PROMISES: dict[str, list[Promise]] = {
    "crossover": [
        Promise(
            truth=power("place", only(3, context="open_field"), noise=WITHIN),
            verdict="process",
            pattern="amplified",
            contrast=DOD,
        ),
        Promise(truth=power("pill", always(3), noise=WITHIN), verdict="pill", contrast="main"),
        Promise(truth=power("none", nothing, noise=WITHIN), verdict=NONE),
        Promise(truth=rate("rate", always(4), noise=WITHIN), verdict="pill", contrast="main"),
    ],
    "parallel_groups": [
        Promise(
            truth=power("place", only(4, context="open_field"), noise=BETWEEN),
            verdict="process",
            pattern="amplified",
            contrast=DOD,
            model=REGRESSION,
        ),
        Promise(
            truth=power("pill", always(4), noise=BETWEEN),
            verdict="pill",
            contrast="main",
            model=REGRESSION,
        ),
        Promise(truth=power("none", nothing, noise=BETWEEN), verdict=NONE, model=REGRESSION),
    ],
    "dose_response": [
        Promise(
            truth=power("place", in_open_field(by_dose(1)), noise=WITHIN),
            verdict="process",
            pattern="amplified",
            contrast=DOD,
            where={"condition": "psilocybin_3"},
        ),
        Promise(
            truth=power("pill", by_dose(1), noise=WITHIN),
            verdict="pill",
            contrast="main",
            where={"condition": "psilocybin_3"},
        ),
    ],
    "antagonist": [
        Promise(
            truth=power("blocked", only(3, condition="psilocybin"), noise=WITHIN),
            verdict="process",
            pattern="attenuated",
            contrast=DOD,
            where={"modifier": "pretreatment"},
        ),
        Promise(
            truth=power(
                "spared",
                lambda row: 3.0 * row.condition.startswith("psilocybin"),
                noise=WITHIN,
            ),
            verdict="pill",
            contrast="main",
            where={"modifier": "pretreatment"},
        ),
        Promise(
            truth=power("itself", only(3, condition="ketanserin_vehicle"), noise=WITHIN),
            verdict=ONE,
            where={"modifier": "context", "condition": "ketanserin_vehicle"},
        ),
    ],
    "three_phases": [
        Promise(
            truth=power("acute", only(4, stage="dosing"), noise=BETWEEN),
            verdict=ONE,
            model=WELCH,
            where={"phase": "acute"},
        ),
        Promise(
            truth=power("late", only(4, stage="integration"), noise=BETWEEN),
            verdict=ONE,
            model=WELCH,
            where={"phase": "integration"},
        ),
        Promise(
            truth=power("gone", only(4, stage="dosing"), noise=BETWEEN),
            verdict=NONE,
            model=WELCH,
            where={"phase": "integration"},
        ),
    ],
    "drug_timing": [
        Promise(
            truth=trials("after", only(-5, timing="after learning"), noise=STEADY),
            verdict="process",
            pattern="amplified",
            contrast=DOD,
            model=FOUR,
        ),
        Promise(
            truth=trials("pill", always(-5), noise=STEADY),
            verdict="pill",
            contrast="main",
            model=FOUR,
        ),
        Promise(
            truth=errors("errors", only(5, timing="after learning"), noise=STEADY),
            verdict="process",
            contrast=DOD,
            model=FOUR,
        ),
    ],
    "follow_up": [
        Promise(
            truth=power("lasting", always(4), noise=BETWEEN),
            verdict=ONE,
            model=WELCH,
            where={"phase": "week+4"},
        ),
        Promise(
            truth=power("passing", only(4, phase="day+1"), noise=BETWEEN),
            verdict=ONE,
            model=WELCH,
            where={"phase": "day+1"},
        ),
        Promise(
            truth=power("over", only(4, phase="day+1"), noise=BETWEEN),
            verdict=NONE,
            model=WELCH,
            where={"phase": "week+4"},
        ),
    ],
    "anaesthesia": [
        Promise(
            truth=power("awake", only(3, context="awake"), noise=WITHIN),
            verdict="process",
            pattern="attenuated",
            contrast=DOD,
            model=WELCH,
        ),
        Promise(
            truth=power("pill", always(3), noise=WITHIN),
            verdict="pill",
            contrast="main",
            model=WELCH,
        ),
        Promise(
            truth=power("simple", only(3, context="awake"), noise=WITHIN),
            verdict="process",
            contrast=SIMPLE,
            model="per-animal t",
        ),
    ],
    "behaviour_only": [
        Promise(truth=trials("slower", always(4), level=110), verdict=ONE),
        Promise(truth=trials("none", nothing, noise=WITHIN), verdict=NONE),
        Promise(truth=errors("errors", always(4)), verdict=ONE),
    ],
    "recordings_only": [
        Promise(truth=power("gamma", always(3)), verdict=ONE),
        Promise(truth=power("none", nothing, noise=WITHIN), verdict=NONE),
        Promise(truth=rate("rate", always(4)), verdict=ONE),
    ],
    "rest_and_task": [
        Promise(
            truth=power("task", only(3, context="task"), noise=WITHIN),
            verdict="process",
            pattern="amplified",
            contrast=DOD,
        ),
        Promise(truth=power("pill", always(3), noise=WITHIN), verdict="pill", contrast="main"),
        Promise(truth=trials("trials", always(-4), only=in_task), verdict=ONE),
    ],
    "torrado_pacheco_2023": [
        Promise(
            truth=trials("better", always(-4), level=100, noise=BETWEEN), verdict=ONE, model=WELCH
        ),
        # both groups learn from session to session: practice, which no drug is needed for
        Promise(
            truth=trials("practice", lambda row: -3.0, level=100, noise=BETWEEN),
            verdict=NONE,
            model=WELCH,
        ),
        Promise(truth=accuracy("accuracy", always(5)), verdict=ONE, model=REGRESSION),
    ],
    "cages": [
        Promise(truth=power("acute", always(4), noise=MATES), verdict=ONE, model=WELCH),
        Promise(truth=power("none", nothing, noise=MATES), verdict=NONE, model=WELCH),
    ],
}


# --- mistakes -----------------------------------------------------------------------------------

Tables = dict[str, list[dict[str, str]]]
Edit = Callable[[dict, Tables], None]


@dataclass(frozen=True, kw_only=True)
class Mistake:
    """A change of a recipe's folder, and what then is said.

    Attributes
    ----------
    name : str
        Of the test.
    edit : callable
        Changes config (nested dict) and tables (rows of text) in place.
    match : str
        Part of the message of ``check``; "" where check has nothing to say.
    extent_s : float
        Seconds that stand-in recordings of all sessions have, where files must be seen.
    why : str
        Part of ``why`` (or note) that the verdict then gets.
    truth : Planted
        What is planted to get that verdict.
    """

    name: str
    edit: Edit
    match: str = ""
    extent_s: float = 0.0
    why: str = ""
    truth: Planted = field(default_factory=lambda: power("pill", always(3), noise=WITHIN))


def doses(tables: Tables, change: Callable[[dict[str, str], int], None]) -> None:
    """Change every row of administrations.tsv; the number is the row's, from 0."""
    for number, row in enumerate(tables["administrations"]):
        change(row, number)


def cell(table: str, line: int, **values: str) -> Edit:
    """Set cells of one row, by its line in the file (the header is row 1)."""

    def edit(config, tables):
        tables[table][line - 2].update(values)

    return edit


def column(table: str, **values: Callable[[dict[str, str]], str]) -> Edit:
    """Set cells of every row of a table, from the row itself."""

    def edit(config, tables):
        for row in tables[table]:
            row.update({name: value(row) for name, value in values.items()})

    return edit


def setting(path: str, value: object) -> Edit:
    """Set one key of the config, named by its path."""

    def edit(config, tables):
        *parents, last = path.split(".")
        for key in parents:
            config = config[key]
        if value is None:
            del config[last]
        else:
            config[last] = value

    return edit


def vehicle_first(config, tables):
    """Give every animal the vehicle at its first visit."""

    def change(row, number):
        first = row["session"].endswith("v1")
        other = next(r["drug"] for r in tables["administrations"] if r["drug"] != "saline")
        mg = next(r["dose_mg_per_kg"] for r in tables["administrations"] if r["dose_mg_per_kg"])
        row.update(drug="saline" if first else other, dose_mg_per_kg="" if first else mg)

    doses(tables, change)


def one_order(config, tables):
    """Visit the contexts in the same order in all sessions."""
    contexts = list(dict.fromkeys(row["context"] for row in tables["contexts"]))
    for row in tables["contexts"]:
        own = [r for r in tables["contexts"] if r["session"] == row["session"]]
        row["context"] = contexts[own.index(row) % 2]


def rest_then_task(config, tables):
    """All rest before all task, before the dose and after it."""
    for row in tables["contexts"]:
        row["context"] = "rest" if int(row["start_s"]) in (0, 1800, 2700) else "task"


def three_days(config, tables):
    """The second visit three days after the first."""
    for row in tables["sessions"]:
        row["start"] = row["start"].replace("-16T", "-05T").replace("-17T", "-06T")


def by_group(table_column: str, drug: str, mg: str, values: tuple[str, str]) -> Edit:
    """Give the drug to all animals of one level of a column, the vehicle to all others."""

    def edit(config, tables):
        half = len(tables["sessions"]) // 2
        treated = set()
        for number, row in enumerate(tables["sessions"]):
            row[table_column] = values[number >= half]
            if number >= half:
                treated.add(row["animal"])

        def change(row, number):
            here = row["animal"] in treated
            row.update(drug=drug if here else "saline", dose_mg_per_kg=mg if here else "")

        doses(tables, change)

    return edit


def exclude(*names: str) -> Edit:
    """Write a reason into the exclude cell of sessions whose name begins so."""

    def edit(config, tables):
        for row in tables["sessions"]:
            row["exclude"] = "cable came off" if row["session"].startswith(names) else ""

    return edit


def both(*edits: Edit) -> Edit:
    """Several edits, one after the other."""

    def edit(config, tables):
        for one in edits:
            one(config, tables)

    return edit


def given_as_test(config, tables):
    """The antagonist written with the role of the drug."""
    for row in tables["administrations"]:
        row["role"] = "test" if row["drug"] == "ketanserin" else row["role"]


def sham_as_pretreatment(config, tables):
    """The saline before the drug written as a pretreatment."""
    for row in tables["administrations"]:
        row["role"] = "pretreatment" if row["role"] == "sham" else row["role"]


def no_saline_group(config, tables):
    """Leave out the animals that got saline."""
    saline = {row["animal"] for row in tables["administrations"] if row["drug"] == "saline"}
    for table in tables.values():
        table[:] = [row for row in table if row["animal"] not in saline]


def groups_by_cohort(config, tables):
    """Awake rats in one cohort, anaesthetised ones in another."""
    places = {row["session"]: row["context"] for row in tables["contexts"]}
    for row in tables["sessions"]:
        row["cohort"] = "A" if places[row["session"]] == "awake" else "B"


def all_begin_with_rest(config, tables):
    """Blocks in turns, rest first in all sessions."""
    for session in {row["session"] for row in tables["contexts"]}:
        own = [row for row in tables["contexts"] if row["session"] == session]
        for number, row in enumerate(sorted(own, key=lambda row: int(row["start_s"]))):
            row["context"] = ("rest", "task")[number % 2]


def no_task_before(config, tables):
    """No task before the dose."""
    for row in tables["contexts"]:
        row["context"] = "rest" if int(row["start_s"]) < 1800 else row["context"]


def no_dates(config, tables):
    """Sessions without a start."""
    for row in tables["sessions"]:
        row["start"] = ""


def two_animals_less(config, tables):
    """Leave out rat01 and rat03, one of each drug at the same timing."""
    for table in tables.values():
        table[:] = [row for row in table if row["animal"] not in ("rat01", "rat03")]


CROSSOVER_MISTAKES = [
    Mistake(
        name="vehicle first",
        edit=vehicle_first,
        match="always before",
        why="vehicle always came first",
    ),
    Mistake(
        name="one order of contexts",
        edit=one_order,
        match="context order",
        why="context order",
        truth=power("pill", fading),
    ),
    Mistake(name="three days", edit=three_days, match="days between doses", why="washout: 14"),
    Mistake(
        name="misspelt",
        edit=cell("administrations", 3, drug="psilocibin"),
        match="did you mean",
    ),
]

MISTAKES: dict[str, list[Mistake]] = {
    "crossover": CROSSOVER_MISTAKES,
    "parallel_groups": [
        Mistake(
            name="sex",
            edit=by_group("sex", "ketamine", "10", ("F", "M")),
            match="sex M with it",
            why="drug and sex cannot be separated",
        ),
        Mistake(
            name="cohort",
            edit=by_group("cohort", "ketamine", "10", ("A", "B")),
            match="cohort B with it",
            why="drug and cohort cannot be separated",
        ),
        Mistake(
            name="four per group",
            edit=exclude("rat01", "rat02", "rat03", "rat04"),
            match="else the verdict is inconclusive",
            why="fewer than 5 animals in a cell (4)",
        ),
    ],
    "dose_response": [
        Mistake(
            name="unknown dose",
            edit=cell("administrations", 3, dose_mg_per_kg="0.03"),
            match="no condition under",
        ),
        Mistake(
            name="no dose",
            edit=cell("administrations", 3, dose_mg_per_kg=""),
            match="no condition under",
        ),
        Mistake(
            name="condition of any dose",
            edit=setting("design.conditions.psilocybin", {"drug": "psilocybin"}),
            match="state doses",
        ),
        Mistake(
            name="comma",
            edit=cell("administrations", 3, dose_mg_per_kg="0,3"),
            match="comma decimals",
        ),
    ],
    "antagonist": [
        Mistake(name="antagonist as test", edit=given_as_test, match="no condition under"),
        Mistake(name="sham as pretreatment", edit=sham_as_pretreatment, match="saline after"),
        Mistake(
            name="no sham",
            edit=setting("design.baseline_before", "sham"),
            match="role sham",
        ),
    ],
    "three_phases": [
        Mistake(
            name="stage",
            edit=setting("design.questions", [{"modifier": "stage", "reference": "preparation"}]),
            match="an empty cell",
        ),
        Mistake(
            name="late integration",
            edit=cell("sessions", 4, start="2026-03-08T09:00"),
            match="no phase fits it",
        ),
        Mistake(
            name="baseline on the day",
            edit=setting("design.phases.baseline", {"days": [-3, 0]}),
            match="negative days",
        ),
    ],
    "drug_timing": [
        Mistake(
            name="spelling",
            edit=cell("sessions", 3, timing="Before learning"),
            match="perhaps",
        ),
        Mistake(name="blank", edit=cell("sessions", 3, timing=""), match="a level: without one"),
        Mistake(
            name="four in a cell",
            edit=two_animals_less,
            match="animals per cell",
            why="fewer than 5 animals in a cell (4)",
            truth=trials("pill", always(-5), noise=STEADY),
        ),
    ],
    "follow_up": [
        Mistake(
            name="day 10",
            edit=cell("sessions", 4, start="2026-03-14T09:30"),
            match="no phase fits it",
        ),
        Mistake(
            name="no datetime",
            edit=cell("administrations", 2, datetime=""),
            match="where session is blank",
        ),
        Mistake(
            name="overlapping phases",
            edit=setting("design.phases.week+4", {"days": [8, 30]}),
            match="does not overlap",
        ),
    ],
    "anaesthesia": [
        Mistake(
            name="misspelt",
            edit=cell("contexts", 4, context="isofluran"),
            match="did you mean",
        ),
        Mistake(
            name="cohorts",
            edit=groups_by_cohort,
            match="context and cohort cannot be told apart",
            why="context and cohort cannot be separated",
        ),
    ],
    "behaviour_only": [
        Mistake(
            name="seconds without times",
            edit=setting("design.phases", {"acute": [300, 3600]}),
            match="seconds from it",
        ),
        Mistake(name="no dates", edit=no_dates, match="no dates for"),
        Mistake(
            name="saline first",
            edit=vehicle_first,
            match="always before",
            why="vehicle always came first",
            truth=trials("pill", always(4), level=110),
        ),
    ],
    "recordings_only": [
        Mistake(
            name="band",
            edit=setting("outcomes.primary", ["band_power/lowgamma@mPFC"]),
            match="lowgamma",
        ),
        Mistake(
            name="minutes",
            edit=column("administrations", time_s=lambda row: "30"),
            match="a baseline in home_cage",
            extent_s=5400,
        ),
        Mistake(name="mains", edit=setting("recording", None), match="mains hum"),
    ],
    "rest_and_task": [
        Mistake(name="rest first", edit=all_begin_with_rest, match="every session begins"),
        Mistake(
            name="rest then task",
            edit=rest_then_task,
            match="context order",
            why="context order",
            truth=power("pill", fading),
        ),
        Mistake(
            name="no task before",
            edit=no_task_before,
            match="a baseline in task",
            extent_s=5400,
        ),
        Mistake(
            name="overlap",
            edit=cell("contexts", 3, start_s="800"),
            match="a start at or after the end",
        ),
    ],
    "torrado_pacheco_2023": [
        Mistake(
            name="no saline group",
            edit=no_saline_group,
            match="without a vehicle nothing can be compared",
        ),
        Mistake(
            name="session before the dose",
            edit=cell("administrations", 2, datetime="2026-03-03T10:30"),
            match="no phase fits it",
        ),
        Mistake(
            name="baseline long before",
            edit=cell("sessions", 2, start="2026-02-23T10:00"),
            match="no phase fits it",
        ),
    ],
    "cages": [
        Mistake(
            name="mice",
            edit=setting("design.unit", "animal"),
            match="mates alike in all 12 cages",
        ),
        Mistake(name="blank", edit=cell("sessions", 3, cage=""), match="a cage, for design.unit"),
        Mistake(
            name="four cages",
            edit=exclude(*[f"mouse{number:02d}" for number in (1, 2, 3, 4, 5, 6, 7, 8)]),
            match="else the verdict is inconclusive",
            why="fewer than 5 cages in a cell (4)",
            truth=power("pill", always(4), noise=MATES),
        ),
    ],
}


# --- the machinery ------------------------------------------------------------------------------


def read_rows(path: Path) -> list[dict[str, str]]:
    """Read a TSV as rows of text."""
    with path.open(newline="") as stream:
        return list(csv.DictReader(stream, delimiter="\t"))


def as_a_lab(name: str, folder: Path, edit: Edit | None = None) -> Path:
    """Copy a recipe with empty stand-ins for its files, changed; return its config's path."""
    source = RECIPES / name
    config = yaml.safe_load((source / "config.yaml").read_text())
    tables = {path.stem: read_rows(path) for path in source.glob("*.tsv")}
    if edit is not None:
        edit(config, tables)
    for table, rows in tables.items():
        write_table(folder / f"{table}.tsv", rows)
    path = folder / "config.yaml"
    path.write_text(yaml.safe_dump(config, sort_keys=False))
    experiment, _ = examine(path)
    for session in experiment.sessions if experiment else ():
        for file in named_paths(session):
            (folder / file).parent.mkdir(parents=True, exist_ok=True)
            if not (folder / file).is_dir():
                (folder / file).touch()
    return path


def checked(path: Path, *, extent_s: float = 0.0) -> Checked:
    """Check as the command does, files unopened; with stand-in recordings, their times too."""
    found = examine_all(path, files=False)
    if extent_s:
        experiment, _ = examine(path)
        for session in experiment.included:
            files = SessionFiles(session.name, [Extent("recording", "", 0.0, extent_s)])
            found.problems += time_problems(experiment, session, files)
    return found


def page(name: str) -> str:
    """Text of a page of the recipes."""
    return (RECIPES / f"{name}.md").read_text()


def flat(text: str) -> str:
    """Text with every run of white space as one blank, as a reader reads wrapped lines."""
    return " ".join(text.split())


@pytest.fixture(scope="module")
def found() -> Callable[[str], Found]:
    """Analyse a recipe's cohorts by its name, once."""
    done: dict[str, Found] = {}

    def analysed(name: str) -> Found:
        if name not in done:
            experiment = load_experiment(RECIPES / name / "config.yaml")
            planted = [promise.truth for promise in PROMISES[name]]
            done[name] = run(experiment, planted, n_cohorts=COHORTS, seed=SEED)
        return done[name]

    return analysed


# --- what is held -------------------------------------------------------------------------------

#: warnings that a sound recipe gets, and that its page names
NAMED: dict[str, list[str]] = {name: [] for name in NAMES}
NAMED["antagonist"] = [ONE_LEVEL]

EVERY = [(name, promise) for name in NAMES for promise in PROMISES[name]]
MADE = [(name, mistake) for name in NAMES for mistake in MISTAKES[name]]

#: of COHORTS, how many get the promised verdict at least. An effect is planted large enough that
#: none should be missed; a difference that is not there is "found" in 5 of 100 cohorts, and
#: equivalence is missed in up to 8 more (measured over 60 cohorts, another seed: 0.87 to 1.00)
LEAST = {"process": 7, ONE: 7, "pill": 6, NONE: 6}


def test_every_folder_has_its_page_and_the_index_names_them():
    pages = {path.stem for path in RECIPES.glob("*.md")} - {"index"}
    assert pages == set(NAMES) == set(PROMISES) == set(MISTAKES)
    index = page("index")
    for name in NAMES:
        assert f"]({name}.md)" in index, name  # in the table
        assert re.search(rf"^{name}$", index, re.MULTILINE), name  # in the contents


@pytest.mark.parametrize("name", NAMES)
def test_the_folder_is_sound(name, tmp_path):
    result = checked(as_a_lab(name, tmp_path))
    assert [problem.severity for problem in result.problems] == ["warning"] * len(NAMED[name])
    for problem, text in zip(result.problems, NAMED[name], strict=True):
        assert text in problem.expected
        assert str(problem) in page(name), str(problem)


def test_the_folders_hold_no_recordings_and_the_index_says_what_check_says_of_it():
    result = examine_all(RECIPES / "crossover" / "config.yaml", files=False)
    first = result.errors[0]
    assert "recordings/rat1_v1" in first.found
    assert str(first) in page("index"), str(first)


@pytest.mark.parametrize(
    ("name", "promise"), EVERY, ids=[f"{name}-{promise.truth.name}" for name, promise in EVERY]
)
def test_the_report_says_what_the_page_promises(found, name, promise):
    result = found(name)
    rows = result.of(promise.truth.name, **promise.where)
    called = rows["verdict"] == promise.verdict
    assert called.sum() >= LEAST[promise.verdict], rows[["verdict", "pattern", "why"]]
    if promise.pattern:
        assert set(rows.loc[called, "pattern"]) == {promise.pattern}
    tests = result.rows(promise.truth.name, contrast=promise.contrast, **promise.where)
    tests = tests[tests["family"] != "carry_over"]
    assert set(tests["model"]) == {promise.model}
    text = page(name)
    for word in (promise.verdict, promise.pattern, promise.contrast, promise.model):
        assert not word or f"`{word}`" in text, word


@pytest.mark.parametrize(
    ("name", "mistake"), MADE, ids=[f"{name}-{mistake.name}" for name, mistake in MADE]
)
def test_a_mistake_gets_the_message_of_the_page(name, mistake, tmp_path):
    path = as_a_lab(name, tmp_path, mistake.edit)
    problems = checked(path, extent_s=mistake.extent_s).problems
    matching = [str(problem) for problem in problems if mistake.match in str(problem)]
    text = flat(page(name))
    if mistake.match:
        assert matching, problems
        assert flat(matching[0]) in text, matching[0]
    if mistake.why:
        result = run(load_experiment(path), [mistake.truth], n_cohorts=1, seed=SEED)
        rows = result.of(mistake.truth.name)
        said = [*rows["why"], *rows["note"]]
        assert any(mistake.why in words for words in said), said
        assert mistake.why in text
    if not mistake.match:  # what the page says that check cannot see
        assert len(problems) == len(NAMED[name])


# --- what single pages say ----------------------------------------------------------------------


def test_crossover_a_lost_session_does_not_lose_the_rat(tmp_path):
    experiment = load_experiment(as_a_lab("crossover", tmp_path, exclude("rat1_v2")))
    result = run(experiment, [power("pill", always(3), noise=WITHIN)], n_cohorts=1, seed=SEED)
    rows = result.rows("pill", contrast=DOD)
    assert set(rows["n_animals"]) == {8}
    text = flat(page("crossover"))
    assert rows["model"].iloc[0] in text
    assert "1 animal missing a cell: rat1" in rows["note"].iloc[0]
    assert "1 animal missing a cell: rat1" in text


def test_contrasts_that_stand_beside_the_verdicts(found):
    for name in ("crossover", "rest_and_task", "dose_response"):
        result = found(name)
        assert not result.rows("pill", contrast=f"{DOD}_at_equal_time").empty
    for name in ("crossover", "recordings_only", "torrado_pacheco_2023", "three_phases"):
        assert f"`{'carry_over'}`" in page(name)
        assert "carry_over" in set(found(name).contrasts["family"])
    notes = found("crossover").contrasts["note"]
    assert notes.str.contains("pooled over dosing_context").any()
    assert "`pooled over dosing_context`" in page("crossover")


def test_rest_and_task_a_fading_pill_is_called_process_where_all_begin_with_rest(tmp_path):
    """7 of these 20 cohorts, 30 of 60 of another seed; with the recipe's orders 0, and 2 of 60."""
    experiment = load_experiment(as_a_lab("rest_and_task", tmp_path, all_begin_with_rest))
    result = run(experiment, [power("pill", fading, noise=WITHIN)], n_cohorts=20, seed=SEED)
    # of 20 at a rate of 5 %, five or more come in 3 of 1000
    assert (result.of("pill")["verdict"] == "process").sum() >= 5
    assert f"{DOD}_at_equal_time" not in set(result.contrasts["contrast"])


def test_washout_compares_the_first_visits_too(tmp_path):
    experiment = load_experiment(as_a_lab("crossover", tmp_path, three_days))
    truth = power("pill", always(3), noise=WITHIN)
    result = run(experiment, [truth], n_cohorts=1, seed=SEED, permutations=True)
    assert not result.rows("pill", contrast="main_first_session_only").empty


def test_one_number_per_rat_has_a_degree_of_freedom_less_than_rats(found):
    rows = found("crossover").rows("place", contrast=DOD)
    assert rows["df"].to_numpy() == pytest.approx(7)
    assert "8 rats, 7 degrees of freedom" in flat(page("crossover"))


def test_parallel_groups_with_the_baseline_subtracted_get_the_welch_t(tmp_path):
    change = setting("outcomes.baseline", {"band_power": "change"})
    experiment = load_experiment(as_a_lab("parallel_groups", tmp_path, change))
    result = run(experiment, [power("pill", always(4))], n_cohorts=1, seed=SEED)
    assert set(result.rows("pill", contrast=DOD)["model"]) == {WELCH}
    assert "With `change` the test is the `Welch t`" in flat(page("parallel_groups"))


def test_doses_have_a_slope(found):
    result = found("dose_response")
    doses = "psilocybin 0.3, 1, 3 mg/kg"
    rows = result.rows("place", contrast="trend", condition=doses)
    difference = rows[(rows["level"] == "open_field") & (rows["reference_level"] == "home_cage")]
    assert difference["estimate"].mean() == pytest.approx(1.0, abs=0.15)  # dB per doubling
    assert (difference["p"] < 0.05).all()
    assert set(rows["note"]) == {"slope per doubling of the dose"}
    assert set(result.rows("place", contrast=DOD)["n_tests"]) == {3}  # Holm's, over the doses
    text = page("dose_response")
    assert "`trend`" in text and doses in text and "slope per doubling of the dose" in text


def test_behaviour_only_a_second_task_needs_no_clock_times(tmp_path):
    def second_task(config, tables):
        config["design"]["contexts"].append("reversal")
        config["tables"]["contexts"] = "contexts.tsv"
        tables["contexts"] = [
            {
                "session": row["session"],
                "context": "set_shifting" if row["animal"] < "rat5" else "reversal",
            }
            for row in tables["sessions"]
        ]

    experiment = load_experiment(as_a_lab("behaviour_only", tmp_path, second_task))
    met = [epoch.context for epochs in experiment.epochs.values() for epoch in epochs]
    assert (met.count("set_shifting"), met.count("reversal")) == (8, 8)


def test_timing_a_session_before_both_may_be_the_baseline(tmp_path):
    def earlier(config, tables):
        config["design"]["phases"]["baseline"] = {"days": [-7, -2]}
        rules = {"trials_to_criterion": "covariate", "perseverative_errors": "covariate"}
        config["outcomes"]["baseline"] = rules
        for row in list(tables["sessions"]):
            day = date.fromisoformat(row["start"][:10]) - timedelta(days=4)
            before = {"session": row["session"].replace("test", "before"), "start": f"{day}T09:00"}
            tables["sessions"].append(row | before)

    experiment = load_experiment(as_a_lab("drug_timing", tmp_path, earlier))
    truth = errors("errors", only(5, timing="after learning"))
    result = run(experiment, [truth], n_cohorts=1, seed=SEED)
    assert set(result.rows("errors", contrast=DOD)["model"]) == {REGRESSION}


def test_doses_come_in_the_orders_of_the_table_of_the_page():
    given = {
        row["session"]: row for row in read_rows(RECIPES / "dose_response/administrations.tsv")
    }
    orders = {}
    for animals, *weeks in tables_of("dose_response")[0][1:]:
        for animal in animals.split(", "):
            orders[animal] = [
                given[f"{animal}_v{week}"]["dose_mg_per_kg"] or "vehicle" for week in (1, 2, 3, 4)
            ]
            assert orders[animal] == weeks
    assert len(orders) == 8
    follows = [pair for order in list(orders.values())[:8:2] for pair in pairwise(order)]
    assert len(set(follows)) == len(follows) == 12  # a Williams square: each after each once


def test_mates_are_no_further_evidence(tmp_path):
    truth = power("pill", always(4), noise=MATES)
    by_cage = load_experiment(RECIPES / "cages" / "config.yaml")
    by_mouse = load_experiment(as_a_lab("cages", tmp_path, setting("design.unit", "animal")))
    df = [
        run(experiment, [truth], n_cohorts=2, seed=SEED).rows("pill", contrast=SIMPLE)["df"].max()
        for experiment in (by_cage, by_mouse)
    ]
    assert df[0] <= 10 + 1e-9 < 18 < df[1] <= 22
    assert "10 degrees of freedom" in flat(page("cages")) and "up to 22" in flat(page("cages"))


def test_torrado_pacheco_the_worked_interaction_is_the_difference_of_the_changes():
    worked = next(table for table in tables_of("torrado_pacheco_2023") if "PRE" in table[0])
    numbers = {row[0]: row[1:] for row in worked[1:]}
    change = {}
    for group in ("psilocybin group", "saline group"):
        before, after, stated = map(float, numbers[group])
        change[group] = after - before
        assert stated == change[group]
    assert float(numbers["interaction"][-1]) == change["psilocybin group"] - change["saline group"]


# --- excerpts, commands, links ------------------------------------------------------------------


def blocks(text: str, kind: str) -> list[str]:
    """Contents of the fenced blocks of one kind."""
    return re.findall(rf"^```{kind}\n(.*?)\n```$", text, re.MULTILINE | re.DOTALL)


def tables_of(name: str) -> list[list[list[str]]]:
    """Markdown tables of a page: header first, then rows of cells."""
    found: list[list[list[str]]] = [[]]
    for line in page(name).splitlines():
        if not line.startswith("|"):
            found.append([])
        elif not set(line) <= set("|-: "):
            found[-1].append([cell.strip() for cell in line.strip("|").split("|")])
    return [table for table in found if table]


@pytest.mark.parametrize("name", NAMES)
def test_excerpts_are_those_of_the_files(name):
    text, folder = page(name), RECIPES / name
    config = (folder / "config.yaml").read_text()
    assert blocks(text, "yaml")
    for block in blocks(text, "yaml"):
        assert block in config
    files = {path.stem: read_rows(path) for path in folder.glob("*.tsv")}
    shown = 0
    for table in tables_of(name):
        homes = [rows for rows in files.values() if set(table[0]) <= set(rows[0])]
        if not homes:
            continue
        shown += 1
        known = {tuple(row[column] for column in table[0]) for rows in homes for row in rows}
        assert {tuple(row) for row in table[1:] if row[0] != "..."} <= known
    assert shown
    said = describe(load_experiment(folder / "config.yaml")).splitlines()
    (asked,) = blocks(text, "none")
    assert set(asked.splitlines()) <= set(said)
    assert f"](pictures/{name}.svg)" in text
    for file in [*folder.glob("*.tsv"), folder / "config.yaml"]:
        assert f"]({name}/{file.name})" in text, file


def drawing() -> ModuleType:
    """The script that draws the pictures."""
    spec = importlib.util.spec_from_file_location("draw_designs", RECIPES / "draw_designs.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_pictures_are_those_of_the_folders():
    draw = drawing()
    assert {path.stem for path in (RECIPES / "pictures").glob("*.svg")} == set(NAMES)
    for name in NAMES:
        experiment = load_experiment(RECIPES / name / "config.yaml")
        shown = draw.draw(experiment)
        assert shown == (RECIPES / "pictures" / f"{name}.svg").read_text(encoding="utf-8"), name
        animals = [animal for kind in draw.kinds(experiment) for animal in kind]
        assert sorted(animals) == sorted({session.animal for session in experiment.sessions})
        for condition in experiment.plan.conditions:
            assert condition.name in shown or condition.pretreatment or name == "antagonist"


def test_links_lead_somewhere():
    for path in RECIPES.glob("*.md"):
        for target in re.findall(r"\]\(([^)#]+)", path.read_text()):
            assert (path.parent / target).exists(), (path.name, target)


@pytest.mark.parametrize("name", NAMES)
def test_commands_of_power_are_understood(name):
    """As far as the simulation: what a request asks for, not its answer."""
    commands = [b.replace("\\\n", " ") for b in blocks(page(name), "sh") if " power " in b]
    assert len(commands) == 1
    words = shlex.split(commands[0])
    assert words[:4] == ["python", "-m", "pipeline", "power"]
    parser = argparse.ArgumentParser(exit_on_error=False)
    add_arguments(parser)
    options = parser.parse_args(words[4:])
    request = _request(options, _basis(options))
    config = yaml.safe_load((RECIPES / name / "config.yaml").read_text())
    bounds = config["outcomes"]["smallest_effect"].values()
    assert {"drug": request.bound.drug, "interaction": request.bound.interaction} in bounds
    conditions = config["design"]["conditions"]
    assert len(request.design.conditions) == (len(conditions) if name == "dose_response" else 2)


def test_power_of_the_simple_effect_is_that_of_one_context():
    """Pages of one context send the reader there: no other level may enter the number."""
    from scipy import stats

    from pipeline.commands.power_closed import Setting, contrast_terms, per_animal
    from pipeline.commands.power_design import Design, Variances, coefficients

    variances = Variances(animal=2.0, condition=0.3, modifier=0.3, cell=0.4)
    found = []
    for levels in (("a", "b"), ("a", "b", "c")):
        design = Design(levels=levels)
        setting_ = Setting(design, variances, 8, 1)
        terms = contrast_terms(setting_, coefficients(design, "simple", 0))
        found.append(per_animal(1.0, terms, 8))
    noncentrality = 1.0 / np.sqrt(2 * (0.3 + 0.4) / 8)
    limit = stats.t.ppf(0.975, 7)
    own = stats.nct.sf(limit, 7, noncentrality) + stats.nct.cdf(-limit, 7, noncentrality)
    assert found == pytest.approx([own, own], abs=2e-3)
