"""All metrics, found by listing each room's ``metrics`` folder; adding one touches one file."""

from __future__ import annotations

import importlib
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from types import MappingProxyType

from pipeline.metric import Metric, Value

ROOMS = ("ingest", "lfp", "spikes", "flexibility")
_PACKAGE = Path(__file__).resolve().parent
_OUTCOME = re.compile(
    r"(?P<metric>[^/@~]+)(/(?P<band>[^/@~]+))?(@(?P<region>[^/@~]+)(~(?P<region_b>[^/@~]+))?)?"
)


@dataclass(frozen=True)
class Registered:
    """A metric with the function that computes it."""

    metric: Metric
    compute: Callable[..., list[Value]]


@cache
def registered() -> Mapping[str, Registered]:
    """Return every metric by name, rooms in order, alphabetical inside a room.

    Raises
    ------
    ValueError
        If a module lacks METRIC or compute, or two modules declare one name.
    """
    found: dict[str, Registered] = {}
    for room in ROOMS:
        for path in sorted((_PACKAGE / room / "metrics").glob("[!_]*.py")):
            module = importlib.import_module(f"pipeline.{room}.metrics.{path.stem}")
            metric, compute = getattr(module, "METRIC", None), getattr(module, "compute", None)
            if not isinstance(metric, Metric) or not callable(compute):
                raise ValueError(f"{path.name} must define METRIC (a Metric) and compute")
            if metric.name in found:
                raise ValueError(f"{path.name}: the metric {metric.name} is declared twice")
            found[metric.name] = Registered(metric, compute)
    return MappingProxyType(found)


def metrics() -> dict[str, Metric]:
    """Return the declarations by name."""
    return {name: entry.metric for name, entry in registered().items()}


def parse_outcome(outcome: str) -> dict[str, str] | None:
    """Split ``metric[/band][@region[~region_b]]`` into its parts; None if it is not one."""
    match = _OUTCOME.fullmatch(outcome)
    return {key: value or "" for key, value in match.groupdict().items()} if match else None
