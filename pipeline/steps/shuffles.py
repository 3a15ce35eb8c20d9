"""Calibration on a lab's own cohort: conditions are shuffled, and compare runs as ever.

What a shuffle keeps: every value, time, context, phase, period and animal; which administration of
its session an anchor is; and which conditions are compared with each other (a drug given after an
antagonist changes places with the antagonist's vehicle, never with the drug alone). What it gives
away: the label. Labels are exchanged where the design assigned them: between the sessions of an
animal, between the mates of a cage, or between animals (cages).

The rates describe a world without any drug effect. An effect that is there does not vanish by
shuffling: it stays in the values as additional scatter.
"""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from pipeline.compare import compare
from pipeline.compare.calibrated import interval
from pipeline.compare.contrasts import DIFFERENCE
from pipeline.compare.families import OMNIBUS
from pipeline.compare.slices import levels_of, units_of
from pipeline.compare.tables import from_rows
from pipeline.compare.verdicts import PROCESS
from pipeline.experiment.plan import AnalysisPlan
from pipeline.metric import Metric
from pipeline.registry import metrics
from pipeline.simulate.randomness import generator
from pipeline.steps.typed import write_text

#: columns that a label consists of
LABEL = ("condition", "drug", "dose_mg_per_kg", "pretreatment")

#: columns of results/cohort/calibration.tsv
COLUMNS = {
    "outcome": "str",
    "phase": "str",
    "split": "str",
    "split_level": "str",
    "modifier": "str",
    "measure": "str",
    "rate": "float64",
    "low": "float64",
    "high": "float64",
    "n_shuffles": "int64",
    "n_tests": "int64",
    "note": "str",
}
_KEYS = ("outcome", "phase", "split", "split_level", "modifier")
#: where labels are exchanged
SESSIONS, MATES, UNITS = "sessions of an animal", "animals of a cage", "units"
_NOTE = "labels shuffled: an effect that is there adds to the scatter"


@dataclass(frozen=True)
class Block:
    """One dosing of one animal: the anchors that share its sessions, in the order of their steps.

    ``alike`` says what blocks must have in common to change labels: steps, conditions that are
    compared with each other, levels of the modifiers that come with sessions or animals.
    """

    unit: str
    animal: str
    anchors: tuple[str, ...]
    labels: tuple[str, ...]
    alike: tuple[object, ...]


@dataclass(frozen=True)
class Exchange:
    """Places whose labels change places with each other.

    A place is one or more blocks that keep the label that they have in common (all sessions of an
    animal in a parallel group). ``tied`` names the exchanges that are shuffled in the same way
    (cage mates), ``what`` says where labels move.
    """

    places: tuple[tuple[Block, ...], ...]
    tied: object
    what: str

    @property
    def labels(self) -> tuple[frozenset[tuple[Any, tuple[str, ...]]], ...]:
        """What every place is labelled with."""
        return tuple(
            frozenset((block.alike, block.labels) for block in place) for place in self.places
        )


def shuffles(*, inputs: Any, outputs: Any, settings: Mapping[str, Any]) -> None:
    """Write results/cohort/calibration.tsv.

    Parameters
    ----------
    inputs : object
        ``outcomes``: outcomes.parquet.
    outputs : object
        ``calibration``.
    settings : mapping
        :func:`pipeline.steps.settings.shuffles_settings`.
    """
    plan = AnalysisPlan.model_validate(settings["plan"])
    table = calibrate_cohort(
        pd.read_parquet(inputs.outcomes), plan, metrics(), n_shuffles=settings["calibrate"]
    )
    write_text(table, outputs.calibration)


def calibrate_cohort(
    outcomes: pd.DataFrame, plan: AnalysisPlan, metrics: Mapping[str, Metric], *, n_shuffles: int
) -> pd.DataFrame:
    """Count how often the analysis finds something in a cohort whose labels are shuffled.

    Parameters
    ----------
    outcomes : DataFrame
        ``Outcomes.table``; primary outcomes are used.
    plan : AnalysisPlan
        As of the analysis; ``seed`` decides the shuffles.
    metrics : mapping
        From the registry.
    n_shuffles : int
        0 computes nothing.

    Returns
    -------
    DataFrame
        Columns COLUMNS: per outcome, phase, split and modifier the share of ``difference`` (each
        difference of differences, unadjusted), ``difference_holm`` (any of them, adjusted) and
        ``omnibus`` (interaction) below alpha, and of verdicts ``process``, each with a 95 %
        interval over the shuffles. One row with a note instead, where labels cannot be shuffled.
    """
    if n_shuffles == 0:
        return from_rows([], COLUMNS)
    primary = outcomes[(outcomes["priority"] == "primary") & outcomes["phase"].isin(plan.phases)]
    if primary.empty:
        return from_rows(
            [_without_rate("", "no primary outcome has values: none calibrated")], COLUMNS
        )
    exchanges = find_exchanges(blocks_of(primary, plan))
    problem = why_not(exchanges, n_shuffles)
    if problem:
        names = sorted(set(primary["outcome"]))
        return from_rows([_without_rate(name, problem) for name in names], COLUMNS)
    counts = []
    for number in range(n_shuffles):
        rng = generator("shuffle", str(number), seed=plan.seed)
        found = compare(
            relabelled(primary, shuffled(exchanges, rng)), plan, metrics, permutations=False
        )
        counts.append(_count(found.contrasts, found.verdicts, plan.alpha).assign(number=number))
    return _rates(pd.concat(counts, ignore_index=True), n_shuffles, arrangements(exchanges))


def _without_rate(outcome: str, note: str) -> dict[str, object]:
    empty: dict[str, object]
    empty = {name: "" if kind == "str" else math.nan for name, kind in COLUMNS.items()}
    return empty | {"outcome": outcome, "n_shuffles": 0, "n_tests": 0, "note": note}


def blocks_of(outcomes: pd.DataFrame, plan: AnalysisPlan) -> list[Block]:
    """Gather the anchors of each dosing: those that meet in a session (follow-ups included).

    Parameters
    ----------
    outcomes : DataFrame
        Rows without anchor (before any dose) belong to no block.
    plan : AnalysisPlan
        Conditions with their references; modifiers; the unit.
    """
    rows = outcomes.assign(unit=units_of(outcomes, plan))
    levels = {}
    for question in plan.questions:
        if question.modifier not in ("context", "pretreatment"):
            levels[question.modifier] = levels_of(outcomes, question.modifier, plan)
    rows = rows.assign(**{f"level {name}": column for name, column in levels.items()})
    rows = rows[rows["anchor"] != ""].sort_values(["animal", "period", "step", "anchor"])
    kin = _compared(plan)
    blocks = []
    for anchors in _joined(rows[["anchor", "session"]].drop_duplicates()):
        here = rows[rows["anchor"].isin(anchors)]
        ordered = here.drop_duplicates("anchor").sort_values(["step", "anchor"])
        modifiers = [tuple(sorted(set(here[f"level {name}"]))) for name in levels]
        blocks.append(
            Block(
                unit=str(ordered["unit"].iloc[0]),
                animal=str(ordered["animal"].iloc[0]),
                anchors=tuple(ordered["anchor"]),
                labels=tuple(ordered["condition"]),
                alike=(
                    tuple(ordered["step"]),
                    tuple(kin.get(name, name) for name in ordered["condition"]),
                    *modifiers,
                ),
            )
        )
    return blocks


def _joined(pairs: pd.DataFrame) -> list[set[str]]:
    """Sets of anchors that are joined by sessions, in the order of the pairs."""
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    anchor, anchors = pd.factorize(pairs["anchor"])
    session, sessions = pd.factorize(pairs["session"])
    size = len(anchors) + len(sessions)
    edges = coo_array((np.ones(len(pairs)), (anchor, session + len(anchors))), shape=(size, size))
    _, part = connected_components(edges, directed=False)
    of_anchor = part[: len(anchors)]
    return [set(anchors[of_anchor == one]) for one in dict.fromkeys(of_anchor)]


def _compared(plan: AnalysisPlan) -> dict[str, str]:
    """Condition -> name of the set of conditions that are compared with each other."""
    if plan.blind:  # codes have no references: all may change places
        return {condition.name: "all" for condition in plan.conditions}
    name = {condition.name: condition.name for condition in plan.conditions}
    for condition in plan.conditions:
        if condition.reference:
            old, new = name[condition.name], name[condition.reference]
            name = {key: new if value == old else value for key, value in name.items()}
    return name


def find_exchanges(blocks: Iterable[Block]) -> list[Exchange]:
    """Say which labels may change places: as near to how they were assigned as the data tell.

    Within animals where any animal has several labels; else within units (cage mates); else
    between units that were dosed alike.
    """
    exchanges, between = [], []
    for members in _grouped(blocks, "alike").values():
        by_animal, by_unit = _grouped(members, "animal"), _grouped(members, "unit")
        if any(len({block.labels for block in own}) > 1 for own in by_animal.values()):
            exchanges += [
                Exchange(tuple((block,) for block in own), (own[0].unit, own[0].alike), SESSIONS)
                for own in by_animal.values()
            ]
        elif any(len({block.labels for block in own}) > 1 for own in by_unit.values()):
            exchanges += [
                Exchange(tuple(map(tuple, _grouped(own, "animal").values())), None, MATES)
                for own in by_unit.values()
            ]
        else:
            between += members
    # all dosings of a unit move as one: its label is what the unit was assigned to
    strata: dict[frozenset, list[tuple[Block, ...]]] = defaultdict(list)
    for own in _grouped(between, "unit").values():
        strata[frozenset(block.alike for block in own)].append(tuple(own))
    return exchanges + [Exchange(tuple(places), None, UNITS) for places in strata.values()]


def _grouped(blocks: Iterable[Block], name: str) -> dict[Any, list[Block]]:
    groups: dict[Any, list[Block]] = defaultdict(list)
    for block in blocks:
        groups[getattr(block, name)].append(block)
    return groups


def arrangements(exchanges: Sequence[Exchange]) -> float:
    """Return how many different ways there are to place the labels (cage mates move as one)."""
    total = 0.0
    for members in _tied(exchanges).values():
        several = [_log_arrangements(exchange.labels) for exchange in members]
        total += max(several)
    return math.exp(min(total, 700.0))


def _log_arrangements(labels: Sequence[object]) -> float:
    counts = Counter(labels).values()
    return math.lgamma(len(labels) + 1) - sum(math.lgamma(count + 1) for count in counts)


def _tied(exchanges: Sequence[Exchange]) -> dict[object, list[Exchange]]:
    groups: dict[object, list[Exchange]] = defaultdict(list)
    for index, exchange in enumerate(exchanges):
        groups[exchange.tied or index].append(exchange)
    return groups


def why_not(exchanges: Sequence[Exchange], n_shuffles: int) -> str:
    """Say why labels cannot be shuffled; "" if they can.

    An order of the conditions that is the same in all animals was not drawn by lot: other orders
    are no possible worlds. Fewer different arrangements than shuffles give no rate worth printing.
    """
    orders: dict[object, list[tuple]] = defaultdict(list)
    for exchange in exchanges:
        if exchange.what == SESSIONS and len(exchange.places) > 1:
            orders[exchange.places[0][0].alike].append(exchange.labels)
    for own in orders.values():
        if len(own) > 1 and len(set(own)) == 1:
            order = ", then ".join(" + ".join(label) for place in own[0] for _, label in place)
            return f"not calibrated: the order was the same in all animals ({order})"
    n = arrangements(exchanges)
    if round(n) < n_shuffles:
        return (
            f"not calibrated: {n:.0f} different arrangements of the labels are too few for "
            f"{n_shuffles} shuffles"
        )
    return ""


def shuffled(exchanges: Sequence[Exchange], rng: np.random.Generator) -> dict[str, str]:
    """Draw one arrangement: anchor -> the anchor whose label it gets.

    Cage mates with as many blocks get the same permutation.
    """
    source: dict[str, str] = {}
    for members in _tied(exchanges).values():
        keys = rng.random(max(len(exchange.places) for exchange in members))
        for exchange in members:
            order = keys[: len(exchange.places)].argsort(kind="stable")
            for place, origin in zip(exchange.places, order, strict=True):
                giver = {block.alike: block.anchors for block in exchange.places[origin]}
                for block in place:
                    source |= dict(zip(block.anchors, giver[block.alike], strict=True))
    return source


def relabelled(outcomes: pd.DataFrame, source: Mapping[str, str]) -> pd.DataFrame:
    """Give every row the label of another anchor.

    Parameters
    ----------
    outcomes : DataFrame
        Rows whose anchor is in no exchange keep their labels.
    source : mapping
        From :func:`shuffled`.
    """
    labels = outcomes.drop_duplicates("anchor").set_index("anchor")[list(LABEL)]
    moved = outcomes["anchor"].isin(set(source))
    givers = outcomes.loc[moved, "anchor"].map(source)
    table = outcomes.copy()
    for name in LABEL:
        table.loc[moved, name] = labels[name].reindex(givers).to_numpy()
    return table


def _count(contrasts: pd.DataFrame, verdicts: pd.DataFrame, alpha: float) -> pd.DataFrame:
    """Hits and tests of one shuffle, by outcome, phase, split, modifier and measure."""
    tested = contrasts[contrasts["p"].notna()]
    differences = tested[tested["contrast"] == DIFFERENCE]
    omnibus = tested[(tested["contrast"] == OMNIBUS) & tested["term"].str.contains(":")]
    parts = [
        _hits(differences, differences["p"] < alpha, "difference"),
        _hits(differences, differences["p_adjusted"] < alpha, "difference_holm", once=True),
        _hits(omnibus, omnibus["p"] < alpha, "omnibus"),
        _hits(verdicts, verdicts["verdict"] == PROCESS, "process"),
    ]
    return pd.concat(parts, ignore_index=True)


def _hits(rows: pd.DataFrame, hit: pd.Series, measure: str, *, once: bool = False) -> pd.DataFrame:
    by = hit.groupby([rows[name] for name in _KEYS])
    hits, tests = by.sum(), by.size()
    if once:
        hits, tests = by.any(), tests.clip(upper=1)
    table = pd.DataFrame({"hits": hits.astype("int64"), "tests": tests.astype("int64")})
    return table.reset_index().assign(measure=measure)


def _rates(counts: pd.DataFrame, n_shuffles: int, n_different: float) -> pd.DataFrame:
    rows: list[dict[str, object]] = []
    note = _NOTE
    if n_different < 10 * n_shuffles:
        note += f"; only {n_different:.0f} different arrangements"
    for key, part in counts.groupby([*_KEYS, "measure"], sort=True):
        rate, low, high = interval(part["hits"], part["tests"])
        rows.append(
            {
                **dict(zip((*_KEYS, "measure"), key, strict=True)),
                "rate": round(rate, 5),
                "low": round(low, 5),
                "high": round(high, 5),
                "n_shuffles": n_shuffles,
                "n_tests": int(part["tests"].sum()),
                "note": note,
            }
        )
    return from_rows(rows, COLUMNS)
