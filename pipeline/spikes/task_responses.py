"""What the units of a cell do around the events of its trials.

Events are the cue, the choice, the outcome and the change of the rule. When they happened is read
from the trial table (:func:`trial_events`):

* the choice is ``t_choice``, where that is blank the cue and ``latency_choice``; an omission has
  none;
* the outcome is ``t_reward``. A trial without a reward has no such time: its outcome is taken to be
  known when the reward would have come, at its choice and the session's median of
  ``t_reward - t_choice``, for errors aligned to another moment than correct choices would differ
  from them by that alone. A log without any time of a reward has its outcomes at the choices; they
  cannot be told from the choices then, and ``choice`` stands for both;
* the rule has changed at the first outcome under the new rule, for nothing tells the animal before
  (:mod:`pipeline.spikes.events`).

What an event shows ends at the next event of any kind and begins with the last one, so that no
response to the choice is taken for one to the cue. All responses are held against the time before
the cue of the same trial, which begins only when the response window of the event before is over.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from pipeline.spikes.events import (
    EventResponse,
    event_response,
    last_before,
    next_after,
    peri_event_counts,
    peri_event_rate,
    window_counts,
)
from pipeline.spikes.response_test import sign_flip_p
from pipeline.spikes.units import EpochUnits

if TYPE_CHECKING:
    import pandas as pd

Floats = NDArray[np.float64]

EVENTS = ("cue", "choice", "outcome", "rule_change")
#: rules change rarely: so many changes in a cell are enough for a response to them
LEAST_CHANGES = 3


@dataclass(frozen=True, eq=False, kw_only=True)
class TrialEvents:
    """When the events of the trials happened; NaN where they did not.

    Attributes
    ----------
    cue, choice, outcome, rule_change : ndarray, shape (n_trials,)
        Seconds on the session clock. ``rule_change`` stands at one trial of each set but the first.
    own_outcome : bool
        Whether outcomes have other times than choices.
    """

    cue: Floats
    choice: Floats
    outcome: Floats
    rule_change: Floats
    own_outcome: bool

    @property
    def all_s(self) -> Floats:
        """All events of all trials: what an event shows ends at the next of them."""
        return np.concatenate([self.cue, self.choice, self.outcome])

    def limits(self, times_s: Floats) -> dict[str, Floats]:
        """Where what events show begins and ends, as :func:`peri_event_counts` takes it."""
        return {
            "not_before_s": last_before(times_s, self.all_s),
            "not_after_s": next_after(times_s, self.all_s),
        }

    def quiet(self, response_s: tuple[float, float]) -> Floats:
        """When the response to the last event before each cue is over."""
        return last_before(self.cue, self.all_s) + max(response_s[1], 0.0)


@dataclass(frozen=True, eq=False, kw_only=True)
class CellResponses:
    """Rates of the units of a cell around the events of its trials.

    Attributes
    ----------
    unit_id, region : list of str
        All units of the cell.
    events : tuple of str
        Of :data:`EVENTS`, those that happened often enough.
    time_s : ndarray, shape (n_bins,)
        Centres of the bins, seconds from the event.
    rate_hz : dict of str to ndarray, shape (n_units, n_bins)
        By event. NaN where no event shows a bin. Late bins rest on slow trials only.
    n_events : dict of str to int
        Events whose response and baseline were both wholly seen.
    response : dict of str to EventResponse
        By event, against the time before the cue.
    p : dict of str to ndarray, shape (n_units,)
        By event, of the unit's response (:mod:`pipeline.spikes.response_test`).
    baseline_hz : ndarray, shape (n_units,)
        Rate before the cue.
    seconds : float
        Of the cell.
    """

    unit_id: list[str]
    region: list[str]
    events: tuple[str, ...]
    time_s: Floats
    rate_hz: dict[str, Floats]
    n_events: dict[str, int]
    response: dict[str, EventResponse]
    p: dict[str, Floats]
    baseline_hz: Floats
    seconds: float


def trial_events(trials: pd.DataFrame) -> TrialEvents:
    """When cue, choice, outcome and change of the rule happened in each trial.

    Parameters
    ----------
    trials : pandas.DataFrame
        Trials of :class:`pipeline.flexibility.Scores`, in order of time.

    Returns
    -------
    TrialEvents
        See the module.
    """
    nothing = np.full(len(trials), np.nan)

    def column(name: str) -> Floats:
        return trials[name].to_numpy(dtype=float, na_value=np.nan) if name in trials else nothing

    cue, choice, rewarded = column("t_cue"), column("t_choice"), column("t_reward")
    choice = np.where(np.isnan(choice), cue + column("latency_choice"), choice)
    choice = np.where((trials["outcome"] == "omission").to_numpy(), np.nan, choice)
    rewarded = np.where(np.isnan(choice), np.nan, rewarded)
    waits = (rewarded - choice)[np.isfinite(rewarded)]
    wait = float(np.median(waits)) if len(waits) else 0.0
    outcome = np.where(np.isnan(rewarded), choice + wait, rewarded)
    sets = trials["set_index"].to_numpy()
    told = np.flatnonzero(np.isfinite(outcome) & (sets > 1))
    first = told[np.unique(sets[told], return_index=True)[1]]
    rule_change = nothing.copy()
    rule_change[first] = outcome[first]
    return TrialEvents(
        cue=cue, choice=choice, outcome=outcome, rule_change=rule_change, own_outcome=wait > 0
    )


def cell_responses(
    units: EpochUnits, trials: pd.DataFrame, *, options: Mapping[str, Any]
) -> CellResponses | None:
    """Rates and responses of a cell's units around the events of its trials.

    Parameters
    ----------
    units : EpochUnits
        Of the cell.
    trials : pandas.DataFrame
        Scored trials of the whole session (:class:`pipeline.flexibility.Scores`): the events of the
        cell are those inside its intervals, and trials beside it are limits.
    options : mapping
        The config's ``spikes.task``.

    Returns
    -------
    CellResponses or None
        None without units, or where no event happens ``minimum_trials`` times (a change of the
        rule: 3 times) with both windows seen.
    """
    if not units.unit_id:
        return None
    found = trial_events(trials)
    scored = trials["set_index"].to_numpy() > 0
    response_s, baseline_s = tuple(options["response_s"]), tuple(options["baseline_s"])
    inside = {"intervals": units.intervals}
    before, seen = window_counts(
        units.spike_times,
        np.where(scored, found.cue, np.nan),
        window_s=baseline_s,
        not_before_s=found.quiet(response_s),
        not_after_s=next_after(found.cue, found.all_s),
        **inside,
    )
    if not seen.any():
        return None
    base = np.where(seen, found.cue, np.nan)
    rates: dict[str, Floats] = {}
    responses: dict[str, EventResponse] = {}
    p: dict[str, Floats] = {}
    time_s = np.empty(0)
    for event in EVENTS:
        if event == "outcome" and not found.own_outcome:
            continue
        times = np.where(scored, getattr(found, event), np.nan)
        answer = event_response(
            units.spike_times,
            times,
            response_s=response_s,
            baseline_s=baseline_s,
            baseline_events_s=base,
            **found.limits(times),
            **inside,
        )
        least = LEAST_CHANGES if event == "rule_change" else options["minimum_trials"]
        if answer is None or answer.n_events < least:
            continue
        after, shown = window_counts(
            units.spike_times, times, window_s=response_s, **found.limits(times), **inside
        )
        scale = (response_s[1] - response_s[0]) / (baseline_s[1] - baseline_s[0])
        both = shown & seen
        p[event] = sign_flip_p(
            after[:, both] - scale * before[:, both], permutations=options["relabelled"]
        )
        aligned = peri_event_counts(
            units.spike_times,
            times,
            window_s=tuple(options["window_s"]),
            bin_s=options["bin_s"],
            **found.limits(times),
            **inside,
        )
        time_s = (aligned.edges_s[:-1] + aligned.edges_s[1:]) / 2
        rates[event], responses[event] = peri_event_rate(aligned), answer
    if not responses:
        return None
    return CellResponses(
        unit_id=units.unit_id,
        region=units.region,
        events=tuple(responses),
        time_s=time_s,
        rate_hz=rates,
        n_events={event: answer.n_events for event, answer in responses.items()},
        response=responses,
        p=p,
        baseline_hz=before.sum(axis=1) / (seen.sum() * (baseline_s[1] - baseline_s[0])),
        seconds=units.seconds,
    )
