"""What outcomes, conditions and animals are called in the report, from the declarations alone."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from pipeline.experiment.plan import AnalysisPlan, PlanBound
from pipeline.metric import SCALE_UNITS, Metric

#: plurals that are not made with an s
_PLURALS = {"mouse": "mice", "animal": "animals"}


#: bands and the like that are read letter by letter
_ABBREVIATIONS = {"hfo": "HFO"}


def spoken(label: str) -> str:
    """A label as it is read: ``set_shifting`` becomes ``set shifting``."""
    return _ABBREVIATIONS.get(label, label.replace("_", " "))


def capital(text: str) -> str:
    """First letter large, the others as they are."""
    return text[:1].upper() + text[1:]


def plural(noun: str) -> str:
    """``contexts``, ``sexes``, ``cohorts``: of a noun as it is spoken."""
    if noun in _PLURALS:
        return _PLURALS[noun]
    if noun.endswith(("s", "x", "ch", "sh")):
        return f"{noun}es"
    return f"{noun}s"


def small(text: str) -> str:
    """First letter small, unless the word is an abbreviation (``LFP power``)."""
    return text if text[1:2].isupper() else text[:1].lower() + text[1:]


@dataclass(frozen=True, kw_only=True)
class OutcomeId:
    """The parts of ``metric[/band][@region[~region_b]]``; "" where a part is absent."""

    metric: str
    band: str = ""
    region: str = ""
    region_b: str = ""


def parse(outcome: str) -> OutcomeId:
    """Take an outcome id apart.

    Parameters
    ----------
    outcome : str
        ``coherence/theta@mPFC~CA1``.

    Returns
    -------
    OutcomeId
    """
    head, _, place = outcome.partition("@")
    metric, _, band = head.partition("/")
    region, _, region_b = place.partition("~")
    return OutcomeId(metric=metric, band=band, region=region, region_b=region_b)


@dataclass(frozen=True, kw_only=True)
class Names:
    """Words for everything that the tables name by an id.

    Attributes
    ----------
    plan : AnalysisPlan
        Conditions, contexts, species, declared outcomes.
    metrics : Mapping of str to Metric
        The registry.
    """

    plan: AnalysisPlan
    metrics: Mapping[str, Metric]

    def label(self, outcome: str) -> str:
        """``theta band power, mPFC``, as it stands inside a sentence."""
        parts = parse(outcome)
        if outcome in self.plan.declared:
            return small(self.plan.declared[outcome].label)
        metric = self.metrics.get(parts.metric)
        words = [spoken(parts.band)] if parts.band else []
        words.append(small(metric.label) if metric else spoken(parts.metric))
        place = "–".join(filter(None, (parts.region, parts.region_b)))
        return " ".join(words) + (f", {place}" if place else "")

    def in_sentence(self, outcome: str) -> str:
        """``theta band power in mPFC``."""
        parts = parse(outcome)
        words, _, place = self.label(outcome).partition(", ")
        if not place or outcome in self.plan.declared:
            return self.label(outcome)
        if parts.region_b:
            return f"{words} between {parts.region} and {parts.region_b}"
        return f"{words} in {place}"

    def title(self, outcome: str) -> str:
        """``Theta band power, mPFC``."""
        return capital(self.label(outcome))

    def scale(self, outcome: str) -> str:
        """Scale on which the outcome is compared; linear when nobody declared one."""
        if outcome in self.plan.declared:
            return self.plan.declared[outcome].scale
        metric = self.metrics.get(parse(outcome).metric)
        return metric.scale if metric else "linear"

    def unit(self, outcome: str) -> str:
        """Unit of a difference on the outcome's scale."""
        unit = SCALE_UNITS.get(self.scale(outcome), "")
        if unit:
            return unit
        if outcome in self.plan.declared:
            return self.plan.declared[outcome].value_unit
        metric = self.metrics.get(parse(outcome).metric)
        return metric.value_unit if metric else ""

    def description(self, outcome: str) -> str:
        """The metric's one-line description, "" for outcomes that the lab declared."""
        metric = self.metrics.get(parse(outcome).metric)
        return "" if metric is None or outcome in self.plan.declared else metric.description

    def baseline_rule(self, outcome: str) -> str:
        """``change`` or ``none``: the config's rule, else the declaration's."""
        parts = parse(outcome)
        for key in (outcome, outcome.partition("@")[0], parts.metric):
            if key in self.plan.baseline:
                return self.plan.baseline[key]
        if outcome in self.plan.declared:
            return self.plan.declared[outcome].baseline
        metric = self.metrics.get(parts.metric)
        return metric.baseline if metric else "none"

    def bound(self, outcome: str) -> PlanBound:
        """Smallest effects of interest; the most specific declaration wins."""
        for key in (outcome, outcome.partition("@")[0], parse(outcome).metric):
            if key in self.plan.smallest_effect:
                return self.plan.smallest_effect[key]
        return PlanBound()

    def animals(self) -> tuple[str, str]:
        """Singular and plural of what is counted: ``("rat", "rats")``, or cages."""
        if self.plan.unit == "cage":
            return "cage", "cages"
        species = self.plan.species or "animal"
        return species, plural(species)

    def reference(self, condition: str) -> str:
        """Condition that this one is compared with, "" for a reference itself."""
        for entry in self.plan.conditions:
            if entry.name == condition:
                return entry.reference or ""
        return ""
