"""Compare: observations -> outcomes -> contrasts -> verdicts.

The animal (or the cage) is the unit of every test. This room knows nothing of what an outcome
measures: an outcome is its declaration (scale, domain, priority, smallest effect) and its table.

=====================  ============================================================================
module                 does
=====================  ============================================================================
tables, rules          columns and types; what plan and metrics say about an outcome
cells, scales,         observations -> outcomes: intervals, scale, entities, baseline
baselines, outcomes
survival, log_rank,    times to an event: Kaplan-Meier, pseudo-values, permuted log-rank
survival_tables
slices, arms           outcomes of one phase as arrays; what varies within and between animals
covariates             baseline and movement as arrays
contrasts              the planned contrasts, their scores per animal, their rows
engines                which test a contrast gets
per_animal, adjusted   t on scores per animal; the same, regressed on a covariate
structure              the design detector: random terms, estimability
mixed, mixed_*         REML, Kenward-Roger, Satterthwaite: the mixed-model core
cell_models            the mixed model of a slice's cells
slice_rows, trends     omnibus tests; dose trends
sensitivity            adjusted for movement or sex; first session only
companions, families   permutation p values; Holm and Benjamini-Hochberg
guards, scale_flags    reasons that come first, remarks; crossing, floor and ceiling
verdicts               the verdict table
comparison             puts the above together
curves, clusters,      spectra and time courses: cluster permutation over animals
curve_tables
literature             published directions: shown in the report, used by nothing
calibrated             designs whose calibration is out of range
reading                the cohort's tables, read back
=====================  ============================================================================
"""

from pipeline.compare.comparison import Comparison, compare
from pipeline.compare.mixed import ModelFit, fit
from pipeline.compare.outcomes import Outcomes, analysis_values, build_outcomes
from pipeline.compare.per_animal import Estimate, Group, estimate
from pipeline.compare.reading import read_contrasts, read_outcomes, read_verdicts

__all__ = [
    "Comparison",
    "Estimate",
    "Group",
    "ModelFit",
    "Outcomes",
    "analysis_values",
    "build_outcomes",
    "compare",
    "estimate",
    "fit",
    "read_contrasts",
    "read_outcomes",
    "read_verdicts",
]
