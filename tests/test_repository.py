"""The repository keeps its promises: pins agree, schemas are in step, rooms import upwards only."""

from __future__ import annotations

import ast
import io
import json
import re
import tokenize
import tomllib
from pathlib import Path

import pytest
import yaml

from pipeline.commands.schemas import FOLDER, schemas
from pipeline.experiment.config import Config
from pipeline.registry import ROOMS, metrics, registered

REPOSITORY = Path(__file__).resolve().parents[1]
NAMED = re.compile(r"^([A-Za-z0-9_.-]+)(.*)$")


def lines(name: str) -> list[str]:
    text = (REPOSITORY / name).read_text()
    return [line for line in text.splitlines() if line and not line.startswith("#")]


def pins() -> dict[str, str]:
    found = re.findall(
        r"^([a-z0-9-]+)==([^ \\;]+)", (REPOSITORY / "requirements/lock.txt").read_text(), re.M
    )
    return dict(found)


def test_every_named_package_has_a_floor_and_a_pin():
    for file in ("requirements/main.in", "requirements/dev.in"):
        for line in lines(file):
            name, bounds = NAMED.match(line).groups()
            assert ">=" in bounds, f"{file}: {name} has no floor"
            assert name in pins(), f"{name} is not in the lock"


def test_the_lock_is_hashed_and_names_no_index():
    text = (REPOSITORY / "requirements/lock.txt").read_text()
    assert not re.search(r"https?://|file:|--index|--extra-index|--find-links", text)
    for requirement in re.split(r"\n(?=[a-z0-9])", text):
        assert "--hash=sha256:" in requirement, requirement[:60]


def test_conda_gets_the_same_versions():
    environment = yaml.safe_load((REPOSITORY / "environment.yml").read_text())
    stated = {}
    for entry in environment["dependencies"]:
        for line in entry["pip"] if isinstance(entry, dict) else [entry]:
            name, _, version = line.replace("==", "=").partition("=")
            stated[name] = version
    python = stated.pop("python")
    assert python in ("3.11", "3.12", "3.13")
    stated.pop("pip")
    named = [
        NAMED.match(line)[1] for f in ("main", "dev") for line in lines(f"requirements/{f}.in")
    ]
    assert stated == {name: pins()[name] for name in named}


def test_the_schemas_for_editors_are_in_step():
    for name, schema in schemas().items():
        committed = json.loads((FOLDER / name).read_text())
        assert committed == json.loads(json.dumps(schema)), (
            f"run: python -m pipeline schemas ({name})"
        )


def described(model, path=""):
    """Yield the fields of a model and of the models inside it that have no description."""
    for name, field in model.model_fields.items():
        if not field.description:
            yield f"{path}{name}"
        for inner in (field.annotation, *getattr(field.annotation, "__args__", ())):
            if isinstance(inner, type) and hasattr(inner, "model_fields"):
                yield from described(inner, f"{path}{name}.")


def test_every_key_of_the_config_is_described():
    assert list(described(Config)) == []


def test_every_metric_is_defined_and_sourced():
    assert len(metrics()) >= 6
    for metric in metrics().values():
        for text in (metric.label, metric.description, metric.definition, metric.reference):
            assert text.strip(), metric.name
        assert "\n" not in metric.description


#: rooms from the top of the house to the bottom (design: a room imports from rooms above it)
ORDER = (
    "errors",
    "files",
    "metric",
    "intervals",
    "experiment",
    "simulate",
    "ingest",
    "lfp",
    "spikes",
    "flexibility",
    "registry",
    "compare",
    "report",
    "steps",
    "commands",
)
FILES = sorted((REPOSITORY / "pipeline").rglob("*.py"))


@pytest.mark.parametrize("path", FILES, ids=lambda p: str(p.relative_to(REPOSITORY)))
def test_rooms_import_from_rooms_above_only(path):
    parts = path.relative_to(REPOSITORY / "pipeline").with_suffix("").parts
    room = parts[0]
    if room in ("__init__", "__main__"):
        return
    assert room in ORDER, f"{room} has no place in the house"
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ImportFrom):
            modules = [node.module or ""]
        elif isinstance(node, ast.Import):
            modules = [alias.name for alias in node.names]
        else:
            continue
        for module in modules:
            if module.startswith("pipeline."):
                other = module.split(".")[1]
                assert ORDER.index(other) <= ORDER.index(room), f"{room} imports {module}"


@pytest.mark.parametrize("path", FILES, ids=lambda p: str(p.relative_to(REPOSITORY)))
def test_modules_stay_short_and_run_nothing_from_data(path):
    text = path.read_text()
    assert len(text.splitlines()) < 400
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
            assert node.func.id not in ("eval", "exec"), path
        if isinstance(node, ast.Import):
            assert "pickle" not in [alias.name for alias in node.names], path
        if isinstance(node, ast.ExceptHandler):
            assert node.type is not None, f"{path}: bare except, line {node.lineno}"


def test_adding_a_metric_touches_one_file():
    """Every metric module is found by its place alone: no list names it."""
    on_disk = {
        path.stem
        for room in ROOMS
        for path in (REPOSITORY / "pipeline" / room / "metrics").glob("[!_]*.py")
    }
    assert {
        entry.compute.__module__.rsplit(".", 1)[1] for entry in registered().values()
    } == on_disk


def test_no_column_of_the_lab_can_take_the_place_of_a_derived_one():
    """The reserved names cover every column that the cohort joins, but for the lab's own ones."""
    from pipeline.experiment.tables import RESERVED, SCHEMAS
    from pipeline.steps.cohort import OBSERVATION_COLUMNS

    assert set(OBSERVATION_COLUMNS) - set(SCHEMAS["sessions"]) <= RESERVED


def test_the_picture_and_the_map_name_every_room():
    picture = (REPOSITORY / "docs/developers/rooms.svg").read_text()
    words = (REPOSITORY / "ARCHITECTURE.md").read_text()
    for room in ORDER:
        assert re.search(rf">(?:[^<]* )?{room}(?: [^<]*)?<", picture), f"{room} is not drawn"
        assert f"`{room}`" in words, f"{room} is not on the map"
    for rule in re.findall(
        r"^rule (\w+):",
        "".join(p.read_text() for p in (REPOSITORY / "workflow").rglob("*.smk")),
        re.M,
    ):
        assert rule in ("sample", "check") or rule in picture, f"rule {rule} is not drawn"


def test_version_and_licence_are_the_same_wherever_they_stand():
    project = tomllib.loads((REPOSITORY / "pyproject.toml").read_text())["project"]
    citation = yaml.safe_load((REPOSITORY / "CITATION.cff").read_text())
    assert citation["version"] == project["version"]
    assert citation["license"] == project["license"] == "BSD-3-Clause"
    assert (REPOSITORY / "LICENSE").read_text().startswith("BSD 3-Clause License")
    assert f"## {project['version']}" in (REPOSITORY / "CHANGELOG.md").read_text()


def test_files_that_the_architecture_names_exist():
    words = (REPOSITORY / "ARCHITECTURE.md").read_text() + (
        REPOSITORY / "CONTRIBUTING.md"
    ).read_text()
    for name in re.findall(r"`((?:pipeline|docs|workflow|tests)/[^`<>*]+)`", words):
        assert (REPOSITORY / name).exists(), name
    for name in re.findall(r"`(test_\w+(?:\*\w*)?\.py)`", words):
        assert list((REPOSITORY / "tests").glob(name)), name


#: so many lines in a row that say something, the same in two places, are one function too few
REPEATED = 9


def said_lines(text):
    """Yield (line, tokens) of a module's code: no comments, docstrings, imports, declarations."""
    tree = ast.parse(text)
    left_out: set[int] = set()
    for node in ast.walk(tree):
        documented = (ast.Module, ast.ClassDef, ast.FunctionDef)
        parts = [node] if isinstance(node, ast.Import | ast.ImportFrom) else []
        if isinstance(node, documented) and ast.get_docstring(node, clean=False) is not None:
            parts.append(node.body[0])
        # what sibling metrics declare is alike, and must stand in each of them
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "METRIC":
            parts.append(node)
        left_out |= {line for p in parts for line in range(p.lineno, p.end_lineno + 1)}
    lines: dict[int, list[str]] = {}
    silent = (tokenize.COMMENT, tokenize.NL, tokenize.NEWLINE, tokenize.INDENT, tokenize.DEDENT)
    for token in tokenize.generate_tokens(io.StringIO(text).readline):
        if token.type not in silent and token.start[0] not in left_out:
            lines.setdefault(token.start[0], []).append(token.string)
    return [(line, " ".join(tokens)) for line, tokens in sorted(lines.items())]


def repeated_blocks(texts):
    """Where blocks of code stand that stand elsewhere too."""
    places: dict[tuple[str, ...], list[str]] = {}
    for name, text in texts.items():
        lines = said_lines(text)
        for start in range(len(lines) - REPEATED + 1):
            block = tuple(said for _, said in lines[start : start + REPEATED])
            if sum(map(len, block)) >= 28 * REPEATED:  # fields and columns are short
                places.setdefault(block, []).append(f"{name}:{lines[start][0]}")
    return [found for found in places.values() if len(found) > 1]


def test_no_block_of_code_stands_twice():
    texts = {str(path.relative_to(REPOSITORY)): path.read_text() for path in FILES}
    assert repeated_blocks(texts) == []


def test_a_block_that_stands_twice_is_found():
    said = [f"    value_{i} = some_function(of_this, and_of_that, {i})" for i in range(8)]
    block = "\n".join(said)
    first = f'"""One."""\ndef one():\n{block}\n'
    second = f'"""Two."""\n\n\ndef two():  # a comment\n    """What it does."""\n\n{block}\n'
    assert repeated_blocks({"a": first, "b": second}) == [["a:3", "b:7"]]
    assert repeated_blocks({"a": first, "b": second.replace("value_4", "other")}) == []
