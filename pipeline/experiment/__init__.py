"""Config and tables to an experiment: anchors, conditions, phases, epochs, plan.

The room's door. Names are looked up when they are first used (PEP 562): the per-session jobs need
the task and a few options, and neither the config's models nor the tables' readers.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pipeline.experiment.design import anchor_rows, session_rows
    from pipeline.experiment.load import examine, load_config, load_experiment
    from pipeline.experiment.model import Experiment
    from pipeline.experiment.plan import AnalysisPlan
    from pipeline.experiment.task import Task

_HOME = {
    "AnalysisPlan": "plan",
    "Experiment": "model",
    "Task": "task",
    "anchor_rows": "design",
    "examine": "load",
    "load_config": "load",
    "load_experiment": "load",
    "session_rows": "design",
}

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


def __getattr__(name: str) -> Any:
    """Import the module that holds a public name."""
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOME[name]}"), name)
