"""Is it flexibility, or motor and motivation? What is shown beside the effect on shifting."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class PanelRow:
    """One outcome of the specificity panel.

    Attributes
    ----------
    outcome : str
        Its id.
    label : str
        What the panel calls it.
    asks : str
        What a change of it would speak for.
    about : str
        ``shift``: the effect itself; ``control``: what it could be mistaken for.
    """

    outcome: str
    label: str
    asks: str
    about: str = "control"


#: The panel, in the order of its rows. An effect on the shift speaks for flexibility where the
#: controls are equivalent to no change; a control that was not tested, or is only not significant,
#: says nothing.
PANEL: tuple[PanelRow, ...] = (
    PanelRow(
        outcome="trials_to_criterion",
        label="Trials to criterion",
        asks="the effect itself",
        about="shift",
    ),
    PanelRow(
        outcome="accuracy_by_conflict/conflict",
        label="Accuracy where the rules differ",
        asks="the effect itself",
        about="shift",
    ),
    PanelRow(
        outcome="accuracy_by_conflict/congruent",
        label="Accuracy where both rules agree",
        asks="performance without any need to shift",
    ),
    PanelRow(
        outcome="acquisition_trials_to_criterion",
        label="Trials to criterion, set 1",
        asks="learning without a rule to leave",
    ),
    PanelRow(
        outcome="acquisition_accuracy",
        label="Accuracy, set 1",
        asks="learning without a rule to leave",
    ),
    PanelRow(outcome="omissions", label="Omissions", asks="motivation, sedation"),
    PanelRow(
        outcome="latency_choice/all", label="Latency of the choice", asks="motor speed, vigour"
    ),
    PanelRow(
        outcome="latency_collection/all",
        label="Latency of collection",
        asks="motivation for the reward",
    ),
    PanelRow(outcome="side_bias", label="Side bias", asks="a motor or spatial preference"),
    # no control of the shift in a session of fixed length: more trials per set are fewer sets
    PanelRow(
        outcome="sets_completed",
        label="Sets completed",
        asks="how much was done; follows the shift",
    ),
)


def specificity(outcomes: Iterable[str]) -> tuple[PanelRow, ...]:
    """Return the rows of the panel that an experiment has, in the panel's order.

    Parameters
    ----------
    outcomes : iterable of str
        Ids of the outcomes that were compared.
    """
    found = set(outcomes)
    return tuple(row for row in PANEL if row.outcome in found)
