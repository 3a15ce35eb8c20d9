"""The generated references and the glossary are in step with the code, whole, and true of it."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from types import CodeType
from typing import Annotated, Any

import pytest
from pydantic import TypeAdapter, ValidationError

from pipeline.commands import reference
from pipeline.commands.reference_config import inline, sections, type_words
from pipeline.commands.reference_examples import INNER
from pipeline.commands.reference_outcomes import DOMAINS, domain_page
from pipeline.commands.reference_tables import COLUMN_WORDS, ROWS, cell_words
from pipeline.compare import verdicts
from pipeline.experiment.config import Config
from pipeline.experiment.tables import SCHEMAS, Column
from pipeline.metric import Metric
from pipeline.registry import ROOMS, metrics, registered
from pipeline.report.bibliography import cited, with_keys

REPOSITORY = Path(__file__).resolve().parents[1]
DOCS = REPOSITORY / "docs"
KEYS = {key.path: key for _, _, keys in sections() for key in keys}
#: references that name no work: the definition is the pipeline's own, or a plain proportion
OWN = ("Definition of", "Own detector", "in use; docs/", "docs/", "depends on the scheme: docs/")


PAGES = reference.pages()


@pytest.mark.parametrize("name", list(PAGES))
def test_the_committed_pages_are_in_step(name):
    assert (DOCS / name).read_text(encoding="utf-8") == PAGES[name], (
        f"run: make references ({name})"
    )


def test_no_page_is_left_over():
    written = {name for name in PAGES if name.endswith(".md")}
    there = {
        f"{folder}/{path.name}"
        for folder in ("reference", "api")
        for path in (DOCS / folder).glob("*.md")
    }
    assert there == written


# --- config ------------------------------------------------------------------------------------


def allowed(key) -> TypeAdapter:
    """What the key's declaration lets through, its validators of other keys apart."""
    return TypeAdapter(Annotated[key.field.annotation, key.field])


def test_every_example_is_allowed():
    wrong = {}
    for path, key in KEYS.items():
        # A task is named by its file here; the loader reads it before the model sees it.
        if key.example is None or path == "flexibility.task":
            continue
        try:
            allowed(key).validate_python(key.example)
        except ValidationError as error:
            wrong[path] = str(error)
    assert wrong == {}


def test_an_example_that_is_not_allowed_would_be_found():
    with pytest.raises(ValidationError):
        allowed(KEYS["design.minimum_epoch_s"]).validate_python(-1)
    with pytest.raises(ValidationError):
        allowed(KEYS["design.unit"]).validate_python("litter")


def test_every_key_has_an_example():
    sections_only = set(Config.model_fields)
    without = [
        path
        for path, key in KEYS.items()
        if key.example in (None, "", (), {}) and path not in sections_only
    ]
    assert without == []


def test_every_example_is_of_a_key():
    named = {f"{key.model.__name__}.{key.name}" for key in KEYS.values()}
    assert set(INNER) <= named


def test_every_key_is_described_with_its_type():
    assert len(KEYS) > 200
    for path, key in KEYS.items():
        assert key.field.description, path
        assert type_words(key.field.annotation), path


def test_a_value_is_written_as_yaml():
    import yaml

    values = [{"a": [1, 2.5]}, "band_power/theta@mPFC", "T#:", "1", "", True, None, {"": "x"}]
    for value in values:
        assert yaml.safe_load(inline(value)) == value
    assert inline(30.0) == "30"


def read_in(code: CodeType) -> Iterator[str]:
    """Yield what compiled code reads: names, attributes, arguments, keys.

    The body of a class declares, it does not read: only its methods count. Prose is no key.
    """
    strings: list[str] = []
    if "__qualname__" not in code.co_names:
        strings += [*code.co_names, *code.co_varnames]
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield from read_in(constant)
        elif "__qualname__" not in code.co_names:
            several = constant if isinstance(constant, tuple | frozenset) else (constant,)
            strings += [text for text in several if isinstance(text, str)]
    for text in strings:
        yield from text.split(".") if re.fullmatch(r"[\w.]+", text) else ()


@cache
def words_of_the_code() -> frozenset[str]:
    """Names that the package reads; made-up data and the texts of the references apart."""
    paths = [
        path
        for path in (REPOSITORY / "pipeline").rglob("*.py")
        if "simulate" not in path.parts
        and not path.name.startswith(("reference", "new_config", "table_words"))
    ]
    codes = (compile(path.read_text(encoding="utf-8"), path.name, "exec") for path in paths)
    return frozenset(word for code in codes for word in read_in(code))


def test_every_option_is_read_somewhere():
    # `reporting` is shown as it stands: by section, not by key.
    unread = [
        path
        for path, key in KEYS.items()
        if not path.startswith("reporting.") and key.name not in words_of_the_code()
    ]
    assert unread == []


def test_an_option_that_nothing_reads_would_be_found():
    assert "no_such_option" not in words_of_the_code()
    assert "minimum_epoch_s" in words_of_the_code()


def test_every_column_has_a_meaning_and_every_meaning_a_column():
    assert {table: set(schema) for table, schema in SCHEMAS.items()} == {
        table: set(words) for table, words in COLUMN_WORDS.items()
    }
    assert set(ROWS) == set(SCHEMAS)
    for schema in SCHEMAS.values():
        for column in schema.values():
            assert cell_words(column)


def test_cells_of_a_choice_are_named_by_the_reader_itself():
    role = SCHEMAS["administrations"]["role"]
    assert cell_words(role) == "one of test, pretreatment, sham"
    with pytest.raises(TypeError, match="no words"):
        cell_words(Column(lambda cell: cell))


# --- metrics -----------------------------------------------------------------------------------


@pytest.mark.parametrize("metric", metrics().values(), ids=lambda metric: metric.name)
def test_a_metric_says_what_it_is_and_when_it_fails(metric: Metric):
    assert metric.definition.strip()
    assert metric.formula.strip()
    assert "\n" not in metric.formula
    assert metric.fails_when
    for sentence in metric.fails_when:
        assert sentence[0].isupper(), sentence
        assert sentence.endswith("."), sentence
    assert any("o value" in sentence for sentence in metric.fails_when), "when has it no value?"
    assert cited([with_keys(metric.reference)]) or metric.reference.startswith(OWN)


def option(path: str) -> Any:
    """Return the default of an option; KeyError if there is none of this name."""
    key = KEYS[path]
    return None if key.field.is_required() else key.field.get_default(call_default_factory=True)


def test_failure_modes_name_options_that_exist_with_their_defaults():
    heads = "|".join(Config.model_fields)
    checked = 0
    for metric in metrics().values():
        for text in (*metric.fails_when, metric.formula):
            for path, number in re.findall(
                rf"\b((?:{heads})(?:\.[a-z_]+)+)(?:\s\(([\d.]+)[ )])?", text
            ):
                default = option(path)
                if number:
                    checked += 1
                    assert float(number) == float(default), (metric.name, path, default)
    assert checked > 20


def test_failure_modes_name_metrics_that_exist():
    #: words with a lower line that are no metrics: keys, columns, scores of a model
    other = {
        *(part for path in KEYS for part in path.split(".")),
        *(column for schema in SCHEMAS.values() for column in schema),
        *("n_effective", "criterion_run_included", "t_choice", "t_cue", "t_reward", "t_init"),
        *("error_chain", "initial_run", "floresco_block", "rule_consistent", "widge_sequence"),
        *("latency_choice", "max_error"),
    }
    for metric in metrics().values():
        for text in metric.fails_when:
            for word in re.findall(r"(?<![\w.])[a-z0-9]+(?:_[a-z0-9]+)+", text):
                assert word in metrics() or word in other, (metric.name, word)


def names_in(path: Path) -> set[str]:
    """Words of a test module's code: in strings, names and imports; docstrings apart."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    prose = {
        id(node.body[0].value)
        for node in ast.walk(tree)
        if isinstance(node, ast.Module | ast.FunctionDef | ast.ClassDef)
        and node.body
        and isinstance(node.body[0], ast.Expr)
    }
    found: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in prose:
            found.update(re.findall(r"\w+", node.value))
        elif isinstance(node, ast.Name):
            found.add(node.id)
        elif isinstance(node, ast.Attribute):
            found.add(node.attr)
        elif isinstance(node, ast.ImportFrom | ast.Import):
            found.update(part for alias in node.names for part in alias.name.split("."))
    return found


@cache
def named_by_tests(room: str) -> frozenset[str]:
    """What the test modules of a room name."""
    paths = list((REPOSITORY / "tests").glob(f"test_{room}_*.py"))
    assert paths, f"no test module of {room}"
    return frozenset().union(*(names_in(path) for path in paths))


@pytest.mark.parametrize("name", list(registered()))
def test_a_test_of_its_room_recovers_the_metric(name):
    module = registered()[name].compute.__module__
    room = next(room for room in ROOMS if f".{room}." in module)
    assert name in named_by_tests(room), (
        f"{name}: no tests/test_{room}_*.py names it; write one that recovers a known truth"
    )


def test_a_metric_without_a_test_would_be_found(tmp_path):
    module = tmp_path / "test_x.py"
    module.write_text(
        '"""Of no_such_metric."""\ndef test_it():\n    """no_such_metric"""\n    a = 1'
    )
    assert "no_such_metric" not in names_in(module)
    module.write_text("from pipeline.lfp.metrics import such_metric\n")
    assert "such_metric" in names_in(module)
    assert not any("no_such_metric" in named_by_tests(room) for room in ROOMS)


def test_every_domain_has_a_page_with_its_metrics():
    assert {metric.domain for metric in metrics().values()} == set(DOMAINS)
    for domain in DOMAINS:
        headings = re.findall(r"^## `(\w+)`$", domain_page(domain), flags=re.MULTILINE)
        assert headings == [m.name for m in metrics().values() if m.domain == domain]


# --- glossary ----------------------------------------------------------------------------------

#: the vocabulary of the design
VOCABULARY = (
    *("experiment", "animal", "session", "administration", "role", "anchor", "condition"),
    *("context", "dosing context", "modifier", "phase", "stage", "epoch", "observation"),
    *("outcome", "contrast", "verdict"),
)


@cache
def glossary() -> dict[str, str]:
    """Words of the glossary and what is said of each."""
    text = (DOCS / "glossary.md").read_text(encoding="utf-8")
    entries = re.split(r"^### ", text, flags=re.MULTILINE)[1:]
    parts = (entry.partition("\n") for entry in entries)
    return {word: said.partition("\n## ")[0].strip() for word, _, said in parts}


def patterns() -> set[str]:
    """What the verdicts' patterns can be: the strings that :func:`verdicts._pattern` returns."""
    tree = ast.parse(Path(verdicts.__file__).read_text(encoding="utf-8"))
    function = next(
        n for n in ast.walk(tree) if isinstance(n, ast.FunctionDef) and n.name == "_pattern"
    )
    returned = {
        node.value
        for part in ast.walk(function)
        if isinstance(part, ast.Return)
        for node in ast.walk(part)
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
    }
    return (returned - {"estimate"}) | {verdicts.NEGLIGIBLE}


def test_the_glossary_has_the_vocabulary_and_every_verdict():
    known = {
        verdicts.PROCESS,
        verdicts.NO_EFFECT,
        verdicts.PILL,
        verdicts.ONE_CONTEXT,
        verdicts.INCONCLUSIVE,
    }
    assert patterns() == {"reversed", "amplified", "attenuated", "negligible"}
    assert set(glossary()) >= {*VOCABULARY, *known, *patterns()}


def test_every_word_of_the_glossary_is_explained_shortly():
    assert len(glossary()) > 40
    for word, said in glossary().items():
        assert said.endswith("."), word
        assert len(said.split()) <= 60, word
