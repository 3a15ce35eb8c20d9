"""Tests of single units call 5 % where nothing changed: from spike times on, exact binomial limits.

Kinds of trains that the tests of each module do not have; seeds are fixed. The rates of thousands
of units stand in docs/spikes_null.md (``benchmarks/spikes_null.py``).
"""

import numpy as np
import pytest
from scipy.stats import binom

from benchmarks import spikes_null

#: of each kind
N = 400


def rates(part, kind, n=N):
    """Hits and number of every test of a part, for trains of one kind."""
    rng = np.random.default_rng([20261121, spikes_null.KINDS.index(kind)])
    found = {}
    for _ in range(n // 100):
        for name, p in part(kind, rng, n=100):
            found.setdefault(name, spikes_null.Rate()).add(p)
    return found


def within_limits(rate, tail=0.001):
    hits, n = rate.hits, rate.n
    return binom.cdf(hits, n, 0.05) > tail and binom.sf(hits - 1, n, 0.05) > tail


@pytest.mark.parametrize("kind", ["gamma", "wandering", "both"])
def test_no_change_of_rate_from_spike_times_on(kind):
    found = rates(spikes_null.modulation_p, kind)
    assert found["modulation, linear trend"].n == N
    assert within_limits(found["modulation, linear trend"])
    if kind == "both":  # a trend that is not asked for is called a change
        assert not within_limits(found["modulation, no trend"])
    else:
        assert within_limits(found["modulation, no trend"])


@pytest.mark.parametrize("kind", ["gamma", "wandering"])
def test_no_locking_of_regular_and_of_wandering_units(kind):
    found = rates(spikes_null.locking_p, kind, n=200)
    assert found["locking over blocks"].n == 800
    assert within_limits(found["locking over blocks"])


@pytest.mark.parametrize("kind", ["gamma", "both"])
def test_no_code_of_the_task_from_spike_times_on(kind):
    found = rates(spikes_null.task_p, kind, n=200)
    for name, rate in found.items():
        if (name, kind) not in spikes_null.UNCLAIMED:
            assert within_limits(rate), (name, rate)
    assert found["selectivity, rule"].n == 200
    assert found["decoding, rule"].n == 200 // spikes_null.PER_POPULATION


def test_trains_are_what_they_are_called():
    """Mean counts in halves, irregularity, and memory of the trains that the nulls rest on."""
    rng = np.random.default_rng(2)
    seconds, n = 2000.0, 60
    made = {kind: spikes_null.make_trains(kind, rng, n=n, seconds=seconds) for kind in (
        "poisson", "gamma", "drifting", "wandering", "bursts",
    )}  # fmt: skip
    variation = {
        kind: np.mean([np.std(np.diff(train)) / np.mean(np.diff(train)) for train in trains])
        for kind, trains in made.items()
    }
    assert variation["poisson"] == pytest.approx(1.0, abs=0.03)
    assert variation["gamma"] == pytest.approx(0.5, abs=0.02)
    assert variation["bursts"] > 1.5
    rate = np.mean([len(train) for train in made["poisson"]]) / seconds
    assert rate == pytest.approx(7 / np.log(8), rel=0.2)  # mean of 1 to 8 Hz, log-uniform
    halves = np.array([np.histogram(train, [0, 1000, 2000])[0] for train in made["drifting"]])
    shift = np.abs(halves[:, 1] - halves[:, 0]) / halves.sum(axis=1)
    assert shift.mean() == pytest.approx(0.125, abs=0.02)
    course = spikes_null.rate_courses("wandering", rng, n=400, steps=60)
    assert course.std() == pytest.approx(0.3, rel=0.05)
    after = np.mean(course[:, 12:] * course[:, :-12]) / np.mean(course**2)
    assert after == pytest.approx(np.exp(-1), abs=0.05)


def test_command_prints_and_writes_what_it_found(tmp_path, capsys):
    import json

    arguments = ["--units", "100", "--seed", "3", "--kinds", "poisson"]
    assert spikes_null.main(arguments, results=tmp_path) in (0, 1)
    content = json.loads((tmp_path / "spikes_null.json").read_text())
    tests = content["tests"]
    assert tests["modulation, linear trend"]["poisson"]["n"] == 100
    assert tests["Rayleigh"]["poisson"]["claimed"] is False
    said = capsys.readouterr().out
    assert all(f"| {name} " in said for name in tests)


def test_limits_are_exact():
    # of 400, a true rate of 4 to 6 %: 5 hits and fewer, or 42 and more, are beyond 99.9 %
    beyond = [hits for hits in range(401) if spikes_null.outside(hits, 400)]
    low = [hits for hits in beyond if hits < 20]
    high = [hits for hits in beyond if hits > 20]
    assert binom.cdf(max(low), 400, 0.04) <= 0.0005 < binom.cdf(max(low) + 1, 400, 0.04)
    assert binom.sf(min(high) - 1, 400, 0.06) <= 0.0005 < binom.sf(min(high) - 2, 400, 0.06)
