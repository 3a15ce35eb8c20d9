"""The task's declaration: expressions, criterion, refusals."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import yaml
from pydantic import ValidationError

from pipeline.experiment.task import Criterion, Task
from pipeline.flexibility import Task as TaskOfTheRoom

EXAMPLES = sorted((Path(__file__).parents[1] / "config" / "tasks").glob("*.yaml"))


def task(**changes) -> Task:
    return Task.model_validate(
        {"rules": {"light": "follow cue"}, "criterion": {"consecutive": 10}, **changes}
    )


@pytest.mark.parametrize(
    ("expression", "table"),
    [
        ("follow cue", {"left": "left", "right": "right"}),
        ("avoid cue", {"left": "right", "right": "left"}),
        ("choose left", {"left": "left", "right": "left", "": "left"}),
        ("  choose   right ", {"left": "right", "right": "right", "": "right"}),
        ("reverse light", {"left": "right", "right": "left"}),
        ("reverse side", {"left": "right", "right": "right", "": "right"}),
        ("map left -> right, right -> left", {"left": "right", "right": "left"}),
        ("map right->right,left->right", {"left": "right", "right": "right"}),
    ],
)
def test_expression_becomes_table_of_correct_sides(expression, table):
    rules = {"light": "follow cue", "side": "choose left", "asked": expression}
    assert task(rules=rules).correct_sides("asked") == table


def test_cues_need_not_be_sides():
    tones = task(
        cues=["low tone", "high tone"],
        rules={"a": "map low tone -> left, high tone -> right", "b": "reverse a"},
    )
    assert tones.correct_sides("b") == {"low tone": "right", "high tone": "left"}


def test_three_sides():
    three = task(sides=["front", "middle", "rear"], rules={"x": "choose middle", "y": "follow cue"})
    assert three.correct_sides("x")["front"] == "middle"
    with pytest.raises(ValidationError, match="expected two sides"):
        task(sides=["front", "middle", "rear"], rules={"x": "avoid cue"})


@pytest.mark.parametrize(
    ("rules", "message"),
    [
        ({"x": "folow cue"}, r"rule 'x': found 'folow cue'; expected .*did you mean 'follow cue'"),
        ({"x": "choose lefft"}, r"'lefft', one of left, right \(did you mean 'left'\?\)"),
        ({"x": "choose"}, "expected 'follow cue'"),
        ({"x": ""}, "expected 'follow cue'"),
        ({"x": "follow the cue"}, "expected 'follow cue'"),
        ({"x": "reverse y"}, "expected a known rule in place of 'y'"),
        ({"x": "reverse y", "y": "reverse x"}, "does not lead back to itself"),
        ({"x": "reverse x"}, "does not lead back to itself"),
        ({"x": "map left -> right"}, "a side for the cue 'right' too"),
        ({"x": "map left right"}, "expected CUE -> SIDE in place of 'left right'"),
        ({"x": "map left -> right, left -> left"}, "cue 'left' once"),
        ({"x": "map lift -> right, right -> left"}, "known cue in place of 'lift'"),
        ({"x": "__import__('os').getcwd()"}, "expected 'follow cue'"),
        ({}, "at least 1"),
    ],
)
def test_bad_rules_are_refused_with_a_hint(rules, message):
    with pytest.raises(ValidationError, match=message):
        task(rules=rules)


def test_all_bad_rules_are_named_at_once():
    with pytest.raises(ValidationError) as caught:
        task(rules={"x": "folow cue", "y": "choose up"}, rule_before_session="z")
    for name in ("'x'", "'y'", "rule_before_session: found 'z'"):
        assert name in str(caught.value)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"warmup_trials": 3}, "did you mean 'warm_up_trials'"),
        ({"sides": ["left"]}, "two sides or more"),
        ({"sides": ["left", "left"]}, "each name once"),
        ({"sides": ["a,b", "c"]}, "without comma"),
        ({"response_window_s": 0}, "greater than 0"),
        ({"unscored_rules": ["light"]}, "both name 'light'"),
        ({"rules": {"light": {"expresion": "follow cue"}}}, "did you mean 'expression'"),
        ({"schemes": {"widge_sequences": {}}}, "did you mean 'widge_sequence'"),
        ({"schemes": {"floresco_block": {"block": 4}}}, "cannot occur in a block of 4"),
        ({"criterion": {"consecutive": 10, "m": 7, "of": 8}}, "either 'consecutive'"),
        ({"criterion": {"m": 7}}, "either 'consecutive'"),
        ({"criterion": {}}, "either 'consecutive'"),
        ({"criterion": {"m": 9, "of": 8}}, "can never be met"),
        ({"criterion": {"consecutive": 0}}, "greater than or equal to 1"),
        ({"cues": ["A", "B"]}, "expected cues that are sides"),
    ],
)
def test_bad_fields_are_refused(changes, message):
    with pytest.raises(ValidationError, match=message):
        task(**changes)


def test_dimensions_default_to_what_the_rule_reads():
    rules = {
        "light": {"expression": "follow cue", "dimension": "light"},
        "dark": "reverse light",
        "away": "avoid cue",
        "left": "choose left",
    }
    declared = task(rules=rules)
    assert [declared.dimension(name) for name in rules] == ["light", "light", "cue", "side"]


def test_criterion_says_itself():
    assert str(Criterion(consecutive=10)) == "10 consecutive correct"
    assert str(Criterion(m=7, of=8)) == "7 correct of 8"


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
def test_examples_validate_and_survive_the_round_trip_through_json(path):
    declared = Task.model_validate(yaml.safe_load(path.read_text(encoding="utf-8")))
    resolved = json.loads(json.dumps(declared.model_dump(mode="json")))
    assert Task.model_validate(resolved) == declared


def test_there_are_examples():
    assert {path.stem for path in EXAMPLES} >= {"light_side", "nosepoke_widge", "reversal"}


def test_every_field_is_described_in_the_schema():
    schema = Task.model_json_schema()
    models = [schema, *schema["$defs"].values()]
    bare = [
        f"{model['title']}.{name}"
        for model in models
        for name, field in model["properties"].items()
        if not field.get("description")
    ]
    assert not bare
    rule = schema["properties"]["rules"]["additionalProperties"]["anyOf"]
    assert {"type": "string"} in rule, "editors must accept a rule written as its expression"


def test_the_room_exports_the_task():
    assert TaskOfTheRoom is Task
