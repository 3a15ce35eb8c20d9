"""Observations that are refused, each with what was found and what was expected."""

from __future__ import annotations

import cohorts
import pytest
from cohorts import metric, metrics, observation, observations

from pipeline.compare import build_outcomes
from pipeline.errors import InputError

PLAIN = metrics(metric(baseline="none"))


def build(*rows, known=PLAIN):
    return build_outcomes(observations(*rows), cohorts.plan(), known)


def test_missing_columns_are_named():
    table = observations(observation()).drop(columns=["seconds", "condition"])
    with pytest.raises(InputError, match="columns condition, seconds are missing"):
        build_outcomes(table, cohorts.plan(), PLAIN)


def test_a_value_without_step_is_refused():
    with pytest.raises(InputError, match="session S1, metric power: found no step"):
        build(observation(step=float("nan")))


def test_an_unknown_metric_is_refused():
    with pytest.raises(InputError, match="found 'power'; expected a metric of the registry"):
        build(observation(), known={})


def test_a_doubled_value_is_refused():
    with pytest.raises(InputError, match=r"session S1, metric power.*two values for interval 1"):
        build(observation(value=1.0), observation(value=2.0))


def test_two_conditions_in_one_cell_are_refused():
    with pytest.raises(InputError, match="two values of a design column"):
        build(observation(interval=1), observation(interval=2, condition="psilocybin"))


def test_percent_are_refused_on_the_logit_scale():
    known = metrics(metric(scale="logit", baseline="none"))
    with pytest.raises(InputError, match=r"found 75 on the logit scale.*percent"):
        build(observation(value=75.0), known=known)
