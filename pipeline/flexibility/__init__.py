"""Cognitive flexibility: trials to criteria, error types and the metrics made of them.

The door is :func:`score`; :func:`epoch_trials` cuts the cells of an experiment out of its result,
:func:`switch_aligned` lines trials up at the changes of the rule, :func:`cross_table` sets the
error schemes side by side, and :func:`learning_phases` gives the recording's time to phases of
learning.
"""

from pipeline.experiment.task import Task
from pipeline.flexibility.cross_table import cross_table, scheme_agreement
from pipeline.flexibility.epochs import EpochTrials, epoch_trials
from pipeline.flexibility.phases import learning_phases, learning_strata
from pipeline.flexibility.reading import read_trials
from pipeline.flexibility.schemes import ERROR_TYPES, SCHEMES, describe_scheme
from pipeline.flexibility.scoring import Scores, score
from pipeline.flexibility.switches import switch_aligned

__all__ = [
    "ERROR_TYPES",
    "SCHEMES",
    "EpochTrials",
    "Scores",
    "Task",
    "cross_table",
    "describe_scheme",
    "epoch_trials",
    "learning_phases",
    "learning_strata",
    "read_trials",
    "scheme_agreement",
    "score",
    "switch_aligned",
]
