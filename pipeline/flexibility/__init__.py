"""Cognitive flexibility: trials to criteria, error types and the metrics made of them.

The door is :func:`score`; :func:`epoch_trials` cuts the cells of an experiment out of its result.
"""

from pipeline.experiment.task import Task
from pipeline.flexibility.epochs import EpochTrials, epoch_trials
from pipeline.flexibility.schemes import ERROR_TYPES, SCHEMES, describe_scheme
from pipeline.flexibility.scoring import Scores, score

__all__ = [
    "ERROR_TYPES",
    "SCHEMES",
    "EpochTrials",
    "Scores",
    "Task",
    "describe_scheme",
    "epoch_trials",
    "score",
]
