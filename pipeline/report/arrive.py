"""ARRIVE 2.0 filled from config and tables: what is known, and what the lab must still add.

The items are those of Percie du Sert et al. 2020 (PLOS Biology 18:e3000410): the ten essential
ones, and of the recommended ones those that have a place in the config.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pipeline.report.blinding import OPEN, UNBLINDED, blinding_methods
from pipeline.report.lookup import text
from pipeline.report.methods_words import NOT_STATED, analysed_words
from pipeline.report.names import Names, spoken
from pipeline.report.numbers import count, listing, number, with_unit

#: where an entry of the config cannot be shown
WITHHELD = "[withheld while blind]"


@dataclass(frozen=True, kw_only=True)
class Item:
    """One item of the checklist.

    Attributes
    ----------
    number : int
        As ARRIVE numbers it.
    title : str
    essential : bool
    known : tuple of str
        Sentences, from config and tables.
    missing : tuple of str
        What nobody stated, each with the key of the config that takes it.
    """

    number: int
    title: str
    essential: bool
    known: tuple[str, ...]
    missing: tuple[str, ...]

    @property
    def said(self) -> str:
        """Known and missing as one text."""
        marked = [f"{NOT_STATED} {gap}." for gap in self.missing]
        return " ".join([*self.known, *marked]) or NOT_STATED


@dataclass(frozen=True)
class _Facts:
    """What the items are filled from."""

    names: Names
    n: Mapping[str, Any]
    design: Mapping[str, Any]
    methods: Mapping[str, Any]
    outcomes: Sequence[str]

    @property
    def reporting(self) -> Mapping[str, Any]:
        return self.methods.get("config", {}).get("reporting", {})

    @property
    def anchors(self) -> list[Mapping[str, Any]]:
        """Doses of declared conditions, in the order of each animal's visits."""
        declared = {entry.name for entry in self.names.plan.conditions}
        found = [row for row in self.design.get("anchors", ()) if row["condition"] in declared]
        return sorted(found, key=lambda row: (row["animal"], row.get("period") or 0))

    def orders(self) -> dict[str, tuple[str, ...]]:
        """Animal -> conditions in order."""
        found: dict[str, list[str]] = {}
        for row in self.anchors:
            found.setdefault(row["animal"], []).append(row["condition"])
        return {animal: tuple(conditions) for animal, conditions in found.items()}


def arrive_items(
    methods: Mapping[str, Any],
    design: Mapping[str, Any],
    n: Mapping[str, Any],
    names: Names,
    outcomes: Sequence[str],
) -> tuple[Item, ...]:
    """Fill the checklist.

    Parameters
    ----------
    methods : mapping
        ``config`` with its section ``reporting`` (absent while blind), ``blinding``.
    design : mapping
        ``sessions`` (rows with animal, sex) and ``anchors`` (rows with session, animal, condition,
        period, drug, dose_mg_per_kg, route).
    n : mapping
        ``animals``, ``sessions``, ``analysed`` (sessions), ``reasons`` (session -> why it was not
        analysed).
    names : Names
        Labels and plan.
    outcomes : sequence of str
        Ids of all outcomes of the report.

    Returns
    -------
    tuple of Item
    """
    facts = _Facts(names, n, design, methods, tuple(outcomes))
    return tuple(
        Item(
            number=place,
            title=title,
            essential=place <= 10,
            known=(*(known(facts) if known else ()), *_stated(facts, keys)),
            missing=tuple(_missing(facts, keys)),
        )
        for place, title, known, keys in _ITEMS
    )


def arrive_statement(methods: Mapping[str, Any]) -> str:
    """What holds for all of it, as the lab states it; "" where it states nothing."""
    return text(methods.get("config", {}).get("reporting", {}).get("statement"))


def _sentence(words: str) -> str:
    return words if words.endswith((".", "!", "?")) else f"{words}."


def _stated(facts: _Facts, keys: Sequence[tuple[str, str]]) -> Iterator[str]:
    for key, _ in keys:
        value = text(facts.reporting.get(key)).strip()
        if value:
            yield _sentence(value)
        elif facts.names.plan.blind:
            yield f"{dict(keys)[key]}: {WITHHELD}."


def _missing(facts: _Facts, keys: Sequence[tuple[str, str]]) -> Iterator[str]:
    for key, what in keys:
        if not facts.names.plan.blind and not text(facts.reporting.get(key)).strip():
            yield f"{what} (reporting.{key})"


def _study(facts: _Facts) -> Iterator[str]:
    plan = facts.names.plan
    conditions = listing(spoken(entry.name) for entry in plan.conditions)
    contexts = listing(spoken(name) for name in plan.contexts)
    yield f"Conditions: {conditions}. Contexts: {contexts}."
    references = dict.fromkeys(entry.reference for entry in plan.conditions if entry.reference)
    if references:
        yield f"Compared with: {listing(spoken(name) for name in references)}."
    unit, units = facts.names.animals()
    sets = {frozenset(order) for order in facts.orders().values()}
    if not sets:
        yield f"What each {unit} received is {NOT_STATED}."
    elif len(sets) == 1 and len(next(iter(sets))) > 1:
        received = count(len(next(iter(sets))), "condition")
        yield f"Every animal received the same {received}, one after another (crossover)."
    elif all(len(one) == 1 for one in sets):
        yield "Every animal received one condition (parallel groups)."
    else:
        sizes = sorted({len(one) for one in sets})
        yield (
            "Animals received different sets of conditions "
            f"({' to '.join(dict.fromkeys(map(str, (sizes[0], sizes[-1]))))} each)."
        )
    yield f"The experimental unit is the {plan.unit}; {units} are counted, never cells or trials."


def _sample(facts: _Facts) -> Iterator[str]:
    units = facts.names.animals()[1]
    yield (
        f"{count(facts.n['animals'], 'animal')} in {count(facts.n['sessions'], 'session')}"
        f"{analysed_words(facts.n)}; the number of {units} stands beside every estimate."
    )
    lost = facts.n.get("reasons", {})
    received = _per_condition(facts.anchors, facts.names)
    analysed = _per_condition(
        [row for row in facts.anchors if row.get("session") not in lost], facts.names
    )
    if not received:
        return
    if received == analysed:
        yield f"Animals per condition, received and analysed: {received}."
    else:
        yield f"Animals per condition, received: {received}; analysed: {analysed}."


def _per_condition(doses: Sequence[Mapping[str, Any]], names: Names) -> str:
    """``vehicle 8 and ketamine 7``: animals with at least one of some doses; "" without doses."""
    each = Counter(
        condition for _, condition in {(row["animal"], row["condition"]) for row in doses}
    )
    if not each:
        return ""
    return listing(f"{spoken(entry.name)} {each[entry.name]}" for entry in names.plan.conditions)


def _exclusions(facts: _Facts) -> Iterator[str]:
    reasons: Mapping[str, str] = facts.n.get("reasons", {})
    if reasons:
        why = listing(f"{session} ({reason.rstrip('.')})" for session, reason in reasons.items())
        yield f"Sessions not analysed: {why}."
    else:
        yield "No session was excluded."
    yield (
        "Rules for channels, artefacts, units and short epochs are in the methods; they read the "
        "baseline or the recording's quality, never the outcome."
    )


def _orders(facts: _Facts) -> Iterator[str]:
    orders = facts.orders()
    if not orders:
        return
    distinct = len(set(orders.values()))
    first = Counter(order[0] for order in orders.values())
    begun = listing(
        f"{spoken(entry.name)} {first[entry.name]}" for entry in facts.names.plan.conditions
    )
    if any(len(order) > 1 for order in orders.values()):
        yield f"{count(distinct, 'order')} of conditions occurred; first of all came: {begun}."


def _blinding(facts: _Facts) -> Iterator[str]:
    state = facts.methods.get("blinding", {})
    if facts.names.plan.blind:
        yield "The analysis is blind: conditions are shown by code."
    elif state.get("state") == UNBLINDED:
        yield "The analysis was blind until the codes were opened (by whom and when: methods)."
    elif state.get("state") == OPEN:
        yield blinding_methods(state, blind=False)


def _outcomes(facts: _Facts) -> Iterator[str]:
    plan = facts.names.plan
    primary = listing(facts.names.in_sentence(outcome) for outcome in plan.primary)
    yield f"Primary outcomes, named in the config: {primary or 'none'}."
    rest = [outcome for outcome in facts.outcomes if outcome not in plan.primary]
    secondary = sum(outcome in plan.secondary for outcome in rest)
    yield (
        f"Secondary, named there too: {secondary}. Exploratory, whatever else the recordings give: "
        f"{len(rest) - secondary}."
    )


def _statistics(facts: _Facts) -> Iterator[str]:
    plan = facts.names.plan
    yield (
        "Tests, what was adjusted over what, and software with versions are in the methods. "
        f"Level: {number(plan.alpha)}."
    )
    yield (
        "Assumptions are probed by a second test by permutation, by another scale and by leaving "
        "out one animal at a time, where these could be made; each stands beside its estimate."
    )
    if not plan.smallest_effect:
        yield f"Smallest effects of interest: {NOT_STATED} (outcomes.smallest_effect)."


def _animals(facts: _Facts) -> Iterator[str]:
    plan = facts.names.plan
    sexes = {text(row["animal"]): text(row.get("sex")) for row in facts.design.get("sessions", ())}
    counted = Counter(sexes.values())
    known = listing(f"{n} {sex}" for sex, n in sorted(counted.items()) if sex)
    yield f"Species: {plan.species or NOT_STATED}."
    yield f"Sex, animals of each: {known or NOT_STATED}."


def _procedures(facts: _Facts) -> Iterator[str]:
    doses: Counter[tuple[str, Any, str]] = Counter()
    for row in facts.anchors:
        if text(row.get("drug")):
            dose = row.get("dose_mg_per_kg")
            doses[text(row["drug"]), dose, text(row.get("route"))] += 1
    if doses:
        said = listing(
            f"{_dose(*key)} ({count(n, 'dose')})"
            for key, n in sorted(doses.items(), key=lambda item: str(item[0]))
        )
        yield f"Given: {said}. Times of every dose are drawn in the section on the design."
    elif facts.names.plan.blind:
        yield f"Drugs and doses: {WITHHELD}."
    yield "Phases and what was cut out around handling are in the methods."


def _dose(drug: str, dose: Any, route: str) -> str:
    amount = with_unit(number(dose), "mg/kg") if dose else ""
    return " ".join(filter(None, (drug, amount, route or f"by a route {NOT_STATED}")))


def _results(facts: _Facts) -> Iterator[str]:
    level = f"{100 * (1 - facts.names.plan.alpha):g}\N{NO-BREAK SPACE}%"
    yield (
        f"For every outcome: each animal drawn, means, estimates with {level} intervals, n, and "
        "standardised effect sizes; all of them in contrasts.tsv and verdicts.tsv."
    )


#: number, title, what the tables tell, what the lab may state: key and what it is
_ITEMS = (
    (1, "Study design", _study, ()),
    (2, "Sample size", _sample, (("sample_size", "How the number was decided"),)),
    (
        3,
        "Inclusion and exclusion criteria",
        _exclusions,
        (("inclusion_criteria", "Criteria for animals, set beforehand"),),
    ),
    (
        4,
        "Randomisation",
        _orders,
        (
            ("randomisation", "How treatments were allocated"),
            ("confounders", "How order, time of day and place were controlled"),
        ),
    ),
    (5, "Blinding", _blinding, (("blinding", "Who knew the allocation at each stage"),)),
    (6, "Outcome measures", _outcomes, ()),
    (7, "Statistical methods", _statistics, ()),
    (
        8,
        "Experimental animals",
        _animals,
        (
            ("strain", "Strain and supplier"),
            ("genotype", "Genotype and health"),
            ("age", "Age"),
            ("weight", "Weight"),
            ("history", "Earlier procedures and training"),
        ),
    ),
    (
        9,
        "Experimental procedures",
        _procedures,
        (
            ("surgery", "Implants, anaesthesia, analgesia"),
            ("substances", "Supplier, formulation and volume of the drugs"),
            ("conduct", "When, where and by whom"),
            ("rationale", "Why these doses, routes and contexts"),
        ),
    ),
    (10, "Results", _results, ()),
    (14, "Ethical statement", None, (("ethics", "Approval: body and number"),)),
    (15, "Housing and husbandry", None, (("housing", "Cages, company, light, food"),)),
    (16, "Animal care and monitoring", None, (("welfare", "Monitoring and end points"),)),
    (19, "Protocol registration", None, (("registration", "Where it was registered"),)),
    (20, "Data access", None, (("data_access", "Where raw data are to be had"),)),
)
