"""Compare: observations -> outcomes -> contrasts -> verdicts.

The animal (or the cage) is the unit of every test. This room knows nothing of what an outcome
measures: an outcome is its declaration (scale, domain, priority, smallest effect) and its table.

==================  ===============================================================================
module              does
==================  ===============================================================================
tables, rules       columns and types; what plan and metrics say about an outcome
cells, scales,      observations -> outcomes: intervals, scale, entities, baseline
baselines, outcomes
slices, arms        outcomes of one phase as arrays; what varies within and between animals
contrasts           the planned contrasts, their scores per animal
per_animal          the engine of planned contrasts (an engine returns an ``Estimate``)
companions          permutation p values
families            Holm
guards, verdicts    reasons that come first; the verdict table
comparison          puts the above together
==================  ===============================================================================

Further engines (a mixed model for missing cells and covariates, survival for censored times) are
modules beside ``per_animal``: they take the same slice or arms and return the same ``Estimate``;
``contrasts.make_contrast`` is the one place that chooses.
"""

from pipeline.compare.comparison import Comparison, compare
from pipeline.compare.outcomes import Outcomes, analysis_values, build_outcomes

__all__ = ["Comparison", "Outcomes", "analysis_values", "build_outcomes", "compare"]
