"""Config and tables to an experiment: anchors, conditions, phases, epochs, plan."""

from pipeline.experiment.design import anchor_rows, session_rows
from pipeline.experiment.load import examine, load_config, load_experiment
from pipeline.experiment.model import Experiment
from pipeline.experiment.plan import AnalysisPlan
from pipeline.experiment.task import Task

__all__ = [
    "AnalysisPlan",
    "Experiment",
    "Task",
    "anchor_rows",
    "examine",
    "load_config",
    "load_experiment",
    "session_rows",
]
