"""One door from a config file to a checked Experiment; every problem is listed at once."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import yaml
from pydantic import ValidationError

from pipeline.errors import ExperimentError, Problem, refuse
from pipeline.experiment.anchors import find_anchors, read_administrations
from pipeline.experiment.blind_names import blinding_problems
from pipeline.experiment.config import NO_CONDITION, Config
from pipeline.experiment.epochs import check_phases, derive_epochs
from pipeline.experiment.measurements import read_measurements, unmeasured
from pipeline.experiment.model import Experiment
from pipeline.experiment.order import (
    administrations_in_order,
    measurements_in_order,
    sessions_in_order,
)
from pipeline.experiment.plain_files import read_whole
from pipeline.experiment.plans import build_plan, check_plan, doubtful_levels, references_of
from pipeline.experiment.sessions import build_sessions
from pipeline.experiment.sorting_options import KINDS
from pipeline.experiment.strict import did_you_mean
from pipeline.experiment.tables import SCHEMAS, Row, read_table


class _UniqueLoader(yaml.SafeLoader):
    """Safe YAML that refuses a key written twice (the first would vanish silently)."""


def _mapping(loader: _UniqueLoader, node: yaml.MappingNode) -> dict[Any, Any]:
    keys = [loader.construct_object(key, deep=True) for key, _ in node.value]
    for index, key in enumerate(keys):
        if key in keys[:index]:
            raise yaml.constructor.ConstructorError(
                None, None, f"key {key!r} is written twice", node.value[index][0].start_mark
            )
    return loader.construct_mapping(node, deep=True)


_UniqueLoader.add_constructor(yaml.resolver.BaseResolver.DEFAULT_MAPPING_TAG, _mapping)


#: values of a config with its aliases written out; more would be built without end
_LARGEST_NODES = 100_000


def _expanded(node: yaml.Node, sizes: dict[yaml.Node, int], within: frozenset[int]) -> int:
    """Number of values below a node with every alias written out; refuses what has no end."""
    if node in sizes:
        return sizes[node]
    if id(node) in within:
        raise yaml.constructor.ConstructorError(
            None, None, "an alias (*) stands within what it stands for", node.start_mark
        )
    below = node.value if isinstance(node, yaml.CollectionNode) else []
    parts = [part for item in below for part in (item if isinstance(item, tuple) else (item,))]
    size = 1 + sum(_expanded(part, sizes, within | {id(node)}) for part in parts)
    if size > _LARGEST_NODES:
        raise yaml.constructor.ConstructorError(
            None, None, f"more than {_LARGEST_NODES} values (an alias of aliases?)", node.start_mark
        )
    sizes[node] = size
    return size


def _construct(text: str) -> Any:
    """Build a document of a subclass of SafeLoader, once it is known to have an end."""
    loader = _UniqueLoader(text)
    try:
        node = loader.get_single_node()
        if node is None:
            return None
        _expanded(node, {}, frozenset())
        return loader.construct_document(node)
    finally:
        loader.dispose()


def read_yaml(path: Path) -> Any:
    """Read a YAML file safely; raises ExperimentError that names file and line."""
    try:
        return _construct(read_whole(path, path.name).decode("utf-8-sig"))
    except FileNotFoundError:
        raise ExperimentError(
            [Problem(path.name, "", f"no file at {path}", "check the path")]
        ) from None
    except UnicodeDecodeError as error:
        raise ExperimentError(
            [Problem(path.name, f"byte {error.start}", "text that is not UTF-8", "save as UTF-8")]
        ) from None
    except RecursionError:
        raise ExperimentError(
            [Problem(path.name, "", "values nested without end", "a flat file of keys is expected")]
        ) from None
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        place = f"line {mark.line + 1}, column {mark.column + 1}" if mark else ""
        what = getattr(error, "problem", None) or str(error)
        raise ExperimentError([Problem(path.name, place, "", f"valid YAML: {what}")]) from None


def load_config(path: Path) -> Config:
    """Read and check config.yaml.

    Parameters
    ----------
    path : Path
        The file; ``flexibility.task`` may name another YAML file relative to it.

    Raises
    ------
    ExperimentError
        With one problem per wrong key, each with what was probably meant.
    """
    raw = read_yaml(path)
    if not isinstance(raw, dict):
        raise ExperimentError([Problem(path.name, "", repr(raw), "a mapping of keys is expected")])
    flexibility = raw.get("flexibility")
    if isinstance(flexibility, dict) and isinstance(flexibility.get("task"), str):
        task = read_yaml(path.parent / flexibility["task"])
        raw = {**raw, "flexibility": {**flexibility, "task": task}}
    try:
        return Config.model_validate(raw)
    except ValidationError as error:
        raise ExperimentError(
            Problem(path.name, _key(item["loc"]), _found(item), _expected(item))
            for item in error.errors(include_url=False)
        ) from None


def _key(location: Sequence[str | int]) -> str:
    return ".".join(str(part) for part in location if part not in KINDS)


def _found(item: Mapping[str, Any]) -> str:
    # a rule of the whole config names its place itself
    if item["type"] in ("missing", "unknown_key") or not item["loc"]:
        return ""
    text = repr(item["input"])
    return text if len(text) <= 200 else f"{text[:200]} ..."


def _expected(item: Mapping[str, Any]) -> str:
    if item["type"] == "missing":
        return "this key is required"
    return str(item["msg"]).removeprefix("Value error, ")


def load_experiment(config_path: Path | str) -> Experiment:
    """Read config and tables, derive anchors, epochs and plan.

    Parameters
    ----------
    config_path : Path or str
        config.yaml; the tables' paths are relative to it.

    Returns
    -------
    Experiment
        Complete and consistent; warnings stand in ``warnings``.

    Raises
    ------
    ExperimentError
        With all problems at once (a broken config hides those of the tables).
    """
    experiment, problems = examine(config_path)
    refuse(problems)
    if experiment is None:
        raise ExperimentError(problems)
    return experiment


def examine(config_path: Path | str) -> tuple[Experiment | None, list[Problem]]:
    """Read and derive as far as possible, so that one look finds every problem.

    Parameters
    ----------
    config_path : Path or str
        config.yaml.

    Returns
    -------
    experiment : Experiment or None
        To be used only if no problem is an error; None where rows could not be read at all (what
        refers to them would be reported a second time).
    problems : list of Problem
        Errors and warnings. A row with an unreadable cell is looked at no further.

    Raises
    ------
    ExperimentError
        If the config itself cannot be read.
    """
    path = Path(config_path)
    config = load_config(path)
    problems = check_phases(config.design, file=path.name)
    rows, unread, whole = _read_tables(path, config)
    if not whole:
        return None, problems + unread

    sessions, found = build_sessions(rows, config)
    sessions = sessions_in_order(sessions)
    by_name = {session.name: session for session in sessions}
    administrations, wrong = read_administrations(rows["administrations"], by_name)
    administrations = administrations_in_order(administrations)
    found += wrong
    references = references_of(config)
    found += _unknown_references(config, path.name)
    anchors, wrong = find_anchors(administrations, config, references)
    found += wrong
    epochs, wrong = derive_epochs(sessions, anchors, administrations, config.design)
    found += wrong
    measurements, wrong = read_measurements(rows.get("measurements", []), by_name, epochs, config)
    found += wrong
    found += unmeasured(rows.get("measurements", []), config, file=path.name)
    plan = build_plan(config, sessions, anchors)
    found += check_plan(plan, config, sessions, file=path.name)
    found += doubtful_levels(plan, sessions, anchors)
    found += blinding_problems(path, config, rows)
    named = {f"{kind}.tsv": getattr(config.tables, kind) or f"{kind}.tsv" for kind in SCHEMAS}
    found = [replace(problem, file=named.get(problem.file, problem.file)) for problem in found]
    problems += unread + [problem for problem in found if not _follows(problem, unread, named)]
    experiment = Experiment(
        config_path=path,
        config=config,
        sessions=tuple(sessions),
        administrations=tuple(administrations),
        anchors=anchors,
        epochs=epochs,
        measurements=tuple(measurements_in_order(measurements)),
        plan=plan,
        warnings=tuple(problem for problem in problems if problem.severity == "warning"),
    )
    return experiment, problems


def _follows(problem: Problem, unread: Sequence[Problem], named: Mapping[str, str]) -> bool:
    """Whether a problem may only follow from a cell that could not be read."""
    rows = {(cell.file, cell.place.split(",")[0]) for cell in unread}
    if (problem.file, problem.place.split(",")[0]) in rows:
        return True
    # an interval without its times overlaps everything
    contexts = named["contexts.tsv"]
    return problem.file == contexts and any(cell.file == contexts for cell in unread)


def _read_tables(path: Path, config: Config) -> tuple[dict[str, list[Row]], list[Problem], bool]:
    """Read every declared table; the last value tells whether each row could be kept."""
    rows: dict[str, list[Row]] = defaultdict(list)
    problems: list[Problem] = []
    whole = True
    for kind in SCHEMAS:
        relative = getattr(config.tables, kind)
        if relative is not None:
            rows[kind], wrong = read_table(path.parent / relative, kind, file=relative)
            kept = {f"row {row.line}" for row in rows[kind]}
            whole = whole and all(problem.place.split(",")[0] in kept for problem in wrong)
            problems += wrong
    return rows, problems, whole


def _unknown_references(config: Config, file: str) -> list[Problem]:
    design = config.design
    stated = {"design.reference_condition": design.reference_condition}
    for name, spec in design.conditions.items():
        if spec.reference is not None:
            stated[f"design.conditions.{name}.reference"] = spec.reference
    problems = [
        Problem(
            file, key, repr(value), f"a declared condition{did_you_mean(value, design.conditions)}"
        )
        for key, value in stated.items()
        if value not in design.conditions
    ]
    problems += [
        Problem(file, f"design.conditions.{name}.reference", repr(name), "another condition")
        for name, spec in design.conditions.items()
        if spec.reference == name
    ]
    return problems


__all__ = ["NO_CONDITION", "load_config", "load_experiment", "read_yaml"]
