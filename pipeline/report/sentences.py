"""Plain sentences for verdicts; every number in them comes from the results tables.

The same functions feed the answer, the verdict matrix, the captions and the alternative texts of
the figures, so that they cannot disagree. A direction is only ever read from an estimate's sign.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from pipeline.compare.verdicts import (
    INCONCLUSIVE,
    NEGLIGIBLE,
    NO_EFFECT,
    ONE_CONTEXT,
    PILL,
    PROCESS,
)
from pipeline.experiment.plan import AnalysisPlan
from pipeline.metric import Metric
from pipeline.report.amounts import (
    amount,
    amount_in_words,
    bound_text,
    certainty,
    ci_text,
)
from pipeline.report.counted import total, who
from pipeline.report.lookup import Contrasts, Effect, Evidence, text
from pipeline.report.names import Names, capital, parse, plural, small, spoken
from pipeline.report.numbers import (
    SPACE,
    count,
    decimals,
    finite,
    interval,
    listing,
)
from pipeline.report.reasons import Reasons

if TYPE_CHECKING:
    import pandas as pd


def verdict_sentence(
    verdict: Mapping[str, Any],
    contrasts: pd.DataFrame | Contrasts,
    plan: AnalysisPlan,
    metrics: Mapping[str, Metric],
) -> str:
    """Say one verdict in plain words, with estimate, interval, adjusted p and n.

    Parameters
    ----------
    verdict : mapping
        A row of verdicts.tsv.
    contrasts : pandas.DataFrame or Contrasts
        contrasts.tsv, or its index when many sentences are written.
    plan : AnalysisPlan
        Labels, species, smallest effects, alpha.
    metrics : Mapping of str to Metric
        The registry: labels, scales, units.

    Returns
    -------
    str
        Plain text, one to three sentences. Units and numbers are joined by no-break spaces.

    Raises
    ------
    InputError
        If contrasts.tsv lacks a column.
    """
    table = contrasts if isinstance(contrasts, Contrasts) else Contrasts(contrasts)
    speaker = Speaker(verdict, table.of(verdict), Names(plan=plan, metrics=metrics))
    return speaker.sentence()


def strongest(evidence: Evidence, verdict: Mapping[str, Any]) -> Effect | None:
    """The difference of differences that the verdict names, else the largest one."""
    named = evidence.difference(text(verdict["interaction_level"]))
    if named is not None:
        return named
    known = [effect for effect in evidence.differences if finite(effect.estimate)]
    return max(known, key=lambda effect: abs(effect.estimate), default=None)


class Speaker:
    """Sentence of one verdict: holds what all its clauses need.

    Parameters
    ----------
    verdict : mapping
        A row of verdicts.tsv.
    evidence : Evidence
        The contrasts that it was read from.
    names : Names
        Labels.
    """

    def __init__(self, verdict: Mapping[str, Any], evidence: Evidence, names: Names) -> None:
        self.verdict = verdict
        self.evidence = evidence
        self.names = names
        self.outcome = text(verdict["outcome"])
        self.drug = spoken(text(verdict["condition"]))
        self.what = names.in_sentence(self.outcome)
        self.modifier = spoken(text(verdict["modifier"]))
        self.bound = names.bound(self.outcome)
        self.drug_effect = self._drug_effect()
        self.difference = strongest(evidence, verdict)
        self.why = Reasons.of(text(verdict["why"]))

    def _drug_effect(self) -> Effect | None:
        """The main effect; with one level only, the simple effect is all there is."""
        if self.evidence.main is not None:
            return self.evidence.main
        return self.evidence.simple[0] if len(self.evidence.simple) == 1 else None

    def sentence(self) -> str:
        """The verdict in words, see :func:`verdict_sentence`."""
        kind = text(self.verdict["verdict"])
        writers = {
            PROCESS: self._process,
            PILL: self._pill,
            NO_EFFECT: self._no_effect,
            ONE_CONTEXT: self._one_context,
            INCONCLUSIVE: self._inconclusive,
        }
        if kind not in writers:
            return f"{capital(self.drug)}, {self.what}: {kind or 'no verdict'}."
        return writers[kind]()

    # -- the five verdicts ---------------------------------------------------------------------

    def _process(self) -> str:
        found = self.difference
        start = f"The effect of {self.drug} on {self.what} depends on {self.modifier}"
        if found is None:
            return f"{start}."
        return f"{start}: {self.change(found)}{self._also(found)}."

    def change(self, found: Effect) -> str:
        """How the effect in one level differs from that in the reference, with its certainty."""
        at, reference = spoken(found.level), spoken(found.reference_level)
        there, base = self.evidence.at(found.level), self.evidence.at(found.reference_level)
        size, sure = amount(found, self.names), certainty(found, self.names)
        begin = f"it was {amount_in_words(base, self.names)} in {reference}" if base else ""
        match text(self.verdict["pattern"]):
            case "amplified" if base and there and base.estimate * found.estimate < 0:
                # From next to nothing, to the other side: neither "further" nor "weaker".
                near = f" ({ci_text(base, self.names)})"
                grown = amount(there, self.names)
                return f"{begin}{near} and {grown} in {at}: a difference of {size} ({sure})"
            case "amplified" if base:
                return f"{begin} and a further {size} in {at} ({sure})"
            case "attenuated" if base:
                return f"{begin} and weaker in {at}, by {size} ({sure})"
            case "reversed" if base and there:
                turned = amount_in_words(there, self.names)
                return (
                    f"{begin} and the other way in {at}, {turned}: a difference of {size} ({sure})"
                )
            case pattern if pattern == NEGLIGIBLE:
                limit = self.bound.interaction
                least = f" ({bound_text(limit, self.outcome, self.names)})" if limit else ""
                return (
                    f"in {at} it differed from that in {reference} by {size} ({sure}), but by less "
                    f"than the smallest difference of interest{least}"
                )
        lead = f"{begin}; " if begin else ""
        return f"{lead}in {at} it differed from that in {reference} by {size} ({sure})"

    def _also(self, named: Effect) -> str:
        """Further levels that differ; the verdict names only one."""
        others = [
            f"{spoken(effect.level)} ({amount(effect, self.names)}; "
            f"{certainty(effect, self.names, with_n=False)})"
            for effect in self.evidence.differences
            if effect.level != named.level and effect.p_adjusted < self.names.plan.alpha
        ]
        return f"; it also differed in {listing(others)}" if others else ""

    def _pill(self) -> str:
        first = f"{capital(self.drug)} changed {self.what}"
        if self.drug_effect is not None:
            first += f" by {self._average(self.drug_effect)}"
        limit = self.bound.interaction
        if limit is None or self.difference is None:
            return f"{first}, without a difference of interest between {plural(self.modifier)}."
        size = bound_text(limit, self.outcome, self.names)
        reference = spoken(self.difference.reference_level)
        others = f"{'the' if self._n_levels() == 2 else 'any'} other {self.modifier}"
        return f"{first}, with no difference of {size} or more between {reference} and {others}."

    def _no_effect(self) -> str:
        limit = self.bound.drug
        size = bound_text(limit, self.outcome, self.names) if limit else ""
        drug, where = capital(self.drug), self.everywhere("any")
        if text(self.verdict["pattern"]) == NEGLIGIBLE:
            where = self.everywhere("every")
            less = f"less than {size}" if size else "less than the smallest effect of interest"
            first = f"{drug} changed {self.what}, but by {less} {where}"
        else:
            by = f" by as much as {size}" if size else ""
            first = f"{drug} did not change {self.what}{by} {where}"
        if self.drug_effect is not None:
            first += f": the difference was {self._average(self.drug_effect)}"
        return f"{first}{self._though_small()}.{self._read_with()}"

    def _though_small(self) -> str:
        """Levels in which an effect that is too small to matter is significant."""
        if text(self.verdict["pattern"]) != NEGLIGIBLE or self._n_levels() < 2:
            return ""
        alpha = self.names.plan.alpha
        said = [
            f"{spoken(effect.level)} {amount(effect, self.names)} "
            f"({certainty(effect, self.names, with_n=False)})"
            for effect in self.evidence.simple
            if effect.p_adjusted < alpha
        ]
        main = self.evidence.main
        if not said or (main is not None and main.p_adjusted < alpha):
            return ""
        return f"; in {listing(said)}"

    def _read_with(self) -> str:
        """Which other outcomes show what a mean hides, where it did not change."""
        metric = self.names.metrics.get(parse(self.outcome).metric)
        if metric is None or self.outcome in self.names.plan.declared:
            return ""
        beside = [self.names.metrics[n].label for n in metric.read_with if n in self.names.metrics]
        if not beside:
            return ""
        listed = listing(map(small, beside))
        ones = f"{metric.entity}s".replace("_", " ")
        return f" Single {ones} may have changed, in opposite directions: see {listed}."

    def _one_context(self) -> str:
        found = self.drug_effect
        if found is None:
            return f"{capital(self.drug)} changed {self.what}, seen in one {self.modifier} only."
        size, sure = amount(found, self.names), certainty(found, self.names)
        return (
            f"{capital(self.drug)} changed {self.what} by {size} ({sure}). It is measured in "
            f"{spoken(found.level)} only, so one {self.modifier} cannot tell pill from process."
        )

    # -- inconclusive, by reason ---------------------------------------------------------------

    @property
    def question(self) -> str:
        """What an inconclusive verdict leaves open: ``whether ketamine changes theta ...``."""
        about_drug = f"whether {self.drug} changes {self.what}"
        barred = self.why.unestimable or self.why.confounded or self.why.few
        if not self.evidence.differences or (self.why.drug_open and not barred):
            return about_drug
        return f"whether the effect of {self.drug} on {self.what} depends on {self.modifier}"

    def _inconclusive(self) -> str:
        why = self.why
        numbers = self._numbers()
        question = capital(self.question)
        if why.unestimable:
            return f"{question} cannot be estimated: {why.unestimable}."
        if why.confounded:
            return f"{question} cannot be told from this design: {why.confounded}{numbers}."
        if why.few:
            return f"{question}, {self.these()} are too few to tell: {why.few}{numbers}."
        tail = self.needed() + why.undeclared_sentence
        if why.interaction_open and not why.drug_open and self.drug_effect is not None:
            found = self._average(self.drug_effect, with_n=False)
            more = f": {self._open_difference(self.difference)}" if self.difference else ""
            return (
                f"{capital(self.drug)} changed {self.what} by {found}, but whether that depends on "
                f"{self.modifier}, {self.these()} cannot tell{more}.{tail}"
            )
        other = f" ({why.other})" if why.other else ""
        return f"{question}, {self.these()} cannot tell{other}{numbers}.{tail}"

    def needed(self) -> str:
        """Which interval it would take to exclude an effect of interest, and which there is.

        A sentence to append; "" where no smallest effect was declared or every interval is inside.
        The interval is that of the two one-sided tests by which a verdict reads equivalence
        (Schuirmann 1987, J Pharmacokinet Biopharm 15:657).
        """
        if self.why.drug_open:
            bound, effects = self.bound.drug, self.evidence.simple
            what, of = "a drug effect", "the drug effect"
        elif self.why.interaction_open:
            bound, effects = self.bound.interaction, self.evidence.differences
            what, of = "a difference", "the difference"
        else:
            return ""
        if bound is None:
            return ""
        outside = [
            effect
            for effect in effects
            if finite(effect.ci90_low)
            and finite(effect.ci90_high)
            and not -bound < effect.ci90_low <= effect.ci90_high < bound
        ]
        if not outside:
            return ""
        widest = max(outside, key=lambda effect: max(-effect.ci90_low, effect.ci90_high))
        size = bound_text(bound, self.outcome, self.names)
        low, high = widest.ci90_low, widest.ci90_high
        digits = decimals((low, high), scale=self.names.scale(self.outcome))
        every = f" in every {self.modifier}" if len(effects) > 1 else ""
        return (
            f" To exclude {what} of {size} or more, the 90{SPACE}% interval of {of} must lie "
            f"within \N{PLUS-MINUS SIGN}{size}{every}; in {spoken(widest.level)} it is "
            f"{interval(low, high, digits)}."
        )

    def _open_difference(self, found: Effect) -> str:
        sure = certainty(found, self.names, with_n=False)
        return (
            f"in {spoken(found.level)} the effect differed from that in "
            f"{spoken(found.reference_level)} by {amount(found, self.names)} ({sure})"
        )

    def _numbers(self) -> str:
        """Both estimates, after a colon; "" when there is none."""
        parts = []
        if self.drug_effect is not None:
            parts.append(f"the effect was {self._average(self.drug_effect, with_n=False)}")
        if self.difference is not None:
            parts.append(self._open_difference(self.difference))
        return f": {'; '.join(parts)}" if parts else ""

    # -- clauses -------------------------------------------------------------------------------

    def _average(self, effect: Effect, *, with_n: bool = True) -> str:
        where = "on average " if self.evidence.main is effect and self._n_levels() > 1 else ""
        reference = spoken(effect.reference_condition)
        against = f"against {reference} " if reference else ""
        sure = certainty(effect, self.names, with_n=with_n)
        return f"{amount(effect, self.names)} {where}{against}({sure})"

    def _n_levels(self) -> int:
        return len({effect.level for effect in self.evidence.simple})

    def everywhere(self, each: str) -> str:
        """``in every context``, ``in any context``; with one level only, ``in home cage``."""
        levels = {effect.level for effect in self.evidence.simple}
        only = spoken(next(iter(levels))) if len(levels) == 1 else ""
        return f"in {only or f'{each} {self.modifier}'}"

    def these(self) -> str:
        """``these 8 rats (7 with both)``; cages where they are the experimental unit."""
        if self.drug_effect is not None and finite(total(self.drug_effect, self.names)):
            return who(self.drug_effect, self.names)
        singular, plural_ = self.names.animals()
        n = self.verdict["n_animals"]
        if not finite(n) or self.names.plan.unit == "cage":
            return f"these {plural_}"
        return ("this " if round(n) == 1 else "these ") + count(n, singular, plural_)
