"""``python -m pipeline power``: how many animals, how many units, for which answer.

Power is that of the whole analysis: cohorts are simulated from a pilot's variance components, or
stated ones, and judged by the same code as the lab's data. Effect sizes are the smallest effects
that the lab declared, or given here; never those that the pilot happened to show.
"""

from __future__ import annotations

import argparse
import shlex
import sys
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pipeline.commands.power_design import (
    Design,
    Variances,
    parse_counts,
    parse_numbers,
    parse_positive,
    parse_variances,
)
from pipeline.errors import InputError

if TYPE_CHECKING:
    from pipeline.commands.power_components import Components
    from pipeline.commands.power_grid import Request
    from pipeline.commands.power_pilot import Pilot
    from pipeline.commands.power_simulation import Truth
    from pipeline.experiment.plan import PlanBound

#: bootstrap fits of a pilot
REFITS = 1000

_HELP = {
    "pilot": "results folder of a finished run, from which the variances are estimated",
    "outcome": "with --pilot: the outcome, such as band_power/theta@mPFC",
    "condition": "with --pilot: the drug (default: the first of verdicts.tsv)",
    "phase": "with --pilot: the phase (default: the first of verdicts.tsv)",
    "question": "name of the modifier (default: the pilot's first, or context)",
    "variances": "instead of a pilot: animal=0.1,animal:condition=0.05,animal:context=0.05,"
    "cell=0.1,unit=0.7 (session=... too)",
    "drug": "whether each animal gets every condition (default: as in the pilot, or within)",
    "modifier": "whether each animal is measured at every level (default: likewise)",
    "levels": "number of levels of the modifier, such as contexts (default: the pilot's, or 3)",
    "conditions": "number of conditions with the reference (default: the pilot's, or 2)",
    "animals": "animals per group: 4,6,8 or 4:16:2 (default 4,5,6,8,10,12,16)",
    "units": "entities per cell: 5,20 (default: the pilot's, or 20)",
    "unit_variance": "with --pilot: variance between entities, where the run does not tell it",
    "dropout": "share of sessions lost: 0,0.1 (default 0)",
    "smallest_drug": "smallest drug effect of interest (default: as the pilot declared)",
    "smallest_interaction": "smallest difference of differences of interest (default: likewise)",
    "drug_effect": "true drug effects to try (default: the smallest effect)",
    "interaction_effect": "true differences of differences to try (default: the smallest effect)",
    "differing": "whether one level differs from the reference level, or all others (default one)",
    "alpha": "level of the tests (default 0.05)",
    "target": "power wanted (default 0.8)",
    "simulations": "simulated cohorts per point of the grid (default 300)",
    "seed": "of the simulation (default 0)",
    "processes": "worker processes (default 2)",
    "output": "folder for power.html and power.tsv (default results/power)",
}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options of the command."""
    kinds: dict[str, dict[str, Any]] = {
        "pilot": {"type": Path},
        "drug": {"choices": ("within", "between")},
        "modifier": {"choices": ("within", "between")},
        "levels": {"type": int},
        "conditions": {"type": int},
        "unit_variance": {"type": float},
        "dropout": {"default": "0"},
        "smallest_drug": {"type": float},
        "smallest_interaction": {"type": float},
        "differing": {"choices": ("one", "all"), "default": "one"},
        "alpha": {"type": float, "default": 0.05},
        "target": {"type": float, "default": 0.8},
        "simulations": {"type": int, "default": 300},
        "seed": {"type": int, "default": 0},
        "processes": {"type": int, "default": 2},
        "output": {"type": Path, "default": Path("results/power")},
        "animals": {"default": "4,5,6,8,10,12,16"},
    }
    for name, text in _HELP.items():
        option = "--" + name.replace("_", "-")
        parser.add_argument(option, help=text.replace("%", "%%"), **kinds.get(name, {}))


@dataclass(frozen=True, kw_only=True, eq=False)
class Basis:
    """Where the variances come from, and what is planned.

    Attributes
    ----------
    pilot : Pilot or None
        None for stated components.
    components : Components or None
        With a pilot.
    scenarios : tuple of (str, Variances)
        Components to simulate with.
    design : Design
        Planned.
    modifier : str
        Its name.
    """

    pilot: Pilot | None
    components: Components | None
    scenarios: tuple[tuple[str, Variances], ...]
    design: Design
    modifier: str


def power(options: argparse.Namespace, command: Sequence[str]) -> int:
    """Run the command.

    Parameters
    ----------
    options : argparse.Namespace
        Of :func:`add_arguments`.
    command : sequence of str
        Command line, for the record.

    Returns
    -------
    int
        Exit status: 1 where the request cannot be met, with the reason on the error stream.
    """
    from pipeline.commands.power_grid import run
    from pipeline.commands.power_output import write_outputs
    from pipeline.commands.power_words import answers

    try:
        basis = _basis(options)
        request = _request(options, basis)
        target = _between(options.target, "--target", 0.0, 1.0)
    except InputError as error:
        print(error, file=sys.stderr)
        return 1
    unit = basis.pilot.unit if basis.pilot else "animal"
    table = run(request, processes=options.processes, tick=_tick(request))
    said = answers(table, request, target=target, unit=unit)
    line = shlex.join(["python", "-m", "pipeline", *command])
    page, text = write_outputs(
        options.output, table, said, request, basis, target=target, unit=unit, command=line
    )
    for answer in said:
        print(f"{answer.asked.title}\n  {answer.sentence}\n  {answer.needed}")
    differs = int((table["check"] == "differs").sum())
    checked = int((table["check"] != "").sum())
    print(f"Closed form and simulation agree in {checked - differs} of {checked} places.")
    if basis.pilot:
        print(caution(basis.pilot))
    print(f"Written: {page}, {text}")
    return 0


def caution(pilot: Pilot) -> str:
    """Say how far a pilot can be trusted."""
    few = "very uncertain" if pilot.n_smallest < 7 else "uncertain"
    groups = "" if pilot.n == pilot.n_smallest else f", {pilot.n_smallest} in the smallest group"
    return (
        f"The variances rest on {pilot.n} {pilot.unit}s{groups}, and are {few}: before animals are "
        "ordered, read what the 80 % quantile says (the lower edge of the band). Sentences give "
        "the middle, 50 %."
    )


def _tick(request: Request) -> Any:
    def say(done: int, of: int) -> None:
        end = "\n" if done == of else ""
        print(
            f"\r{done} of {of} points, {request.simulations} simulated cohorts each",
            end=end,
            file=sys.stderr,
            flush=True,
        )

    return say if sys.stderr.isatty() else lambda done, of: None


def _basis(options: argparse.Namespace) -> Basis:
    if (options.pilot is None) == (options.variances is None):
        both = "both" if options.pilot is not None else "neither"
        raise InputError(
            f"power: found {both} of --pilot and --variances; expected one of them (a pilot's "
            "results with --outcome, or stated variance components)"
        )
    for name, low in (("levels", 2), ("conditions", 2)):
        value = getattr(options, name)
        if value is not None and not low <= value <= 12:
            raise InputError(f"--{name}: found {value}; expected {low} to 12")
    return _stated(options) if options.pilot is None else _piloted(options)


def _stated(options: argparse.Namespace) -> Basis:
    for name in ("outcome", "condition", "phase", "unit_variance"):
        if getattr(options, name) is not None:
            option = "--" + name.replace("_", "-")
            raise InputError(f"{option}: found with --variances; expected with --pilot only")
    modifier = options.question or "context"
    variances = parse_variances(
        options.variances,
        modifier=modifier,
        session_is_cell=modifier in ("dosing_context", "stage", "timing"),
    )
    design = Design(
        drug=options.drug or "within",
        modifier=options.modifier or "within",
        levels=_named((), options.levels or 3, modifier),
        conditions=_named(("reference", "drug"), options.conditions or 2, "drug"),
    )
    return Basis(
        pilot=None,
        components=None,
        scenarios=(("stated", variances),),
        design=design,
        modifier=modifier,
    )


def _piloted(options: argparse.Namespace) -> Basis:
    from pipeline.commands.power_components import components_of, refuse_untold
    from pipeline.commands.power_pilot import read_pilot
    from pipeline.commands.power_units import unit_variance

    if options.outcome is None:
        raise InputError("--outcome: found none; expected an outcome id with --pilot")
    pilot = read_pilot(
        options.pilot,
        options.outcome,
        condition=options.condition,
        phase=options.phase,
        modifier=options.question,
    )
    before = pilot.design
    design = replace(
        before,
        drug=options.drug or before.drug,
        modifier=options.modifier or before.modifier,
        levels=_named(before.levels, options.levels or len(before.levels), pilot.modifier),
        conditions=_named(before.conditions, options.conditions or before.shape[0], "drug"),
    )
    refuse_untold(before, design)
    unit = options.unit_variance
    if unit is None:
        unit = unit_variance(options.pilot, pilot)
    elif unit < 0:
        raise InputError(f"--unit-variance: found {unit:g}; expected 0 or more")
    components = components_of(pilot, unit=unit, refits=REFITS, seed=options.seed)
    return Basis(
        pilot=pilot,
        components=components,
        scenarios=components.scenarios,
        design=design,
        modifier=pilot.modifier,
    )


def _named(known: Sequence[str], count: int, stem: str) -> tuple[str, ...]:
    """Names of as many levels or conditions as are planned, the known ones first."""
    made_up = [f"{stem} {index + 1}" for index in range(len(known), count)]
    return (*known[:count], *made_up)


def _request(options: argparse.Namespace, basis: Basis) -> Request:
    from pipeline.commands.power_grid import Request
    from pipeline.experiment.plan import PlanBound

    declared = basis.pilot.bound if basis.pilot else PlanBound()
    drug = parse_positive(options.smallest_drug, "--smallest-drug") or declared.drug
    interaction = (
        parse_positive(options.smallest_interaction, "--smallest-interaction")
        or declared.interaction
    )
    if options.simulations < 50 or options.simulations > 20_000:
        raise InputError(f"--simulations: found {options.simulations}; expected 50 to 20000")
    if options.seed < 0:
        raise InputError(f"--seed: found {options.seed}; expected 0 or more")
    bound = PlanBound(drug=drug, interaction=interaction)
    return Request(
        design=basis.design,
        scenarios=basis.scenarios,
        animals=parse_counts(options.animals, option="--animals", smallest=3),
        units=_units(options, basis),
        dropouts=parse_numbers(options.dropout, option="--dropout", low=0.0, high=0.9),
        truths=_truths(options, basis, bound),
        bound=bound,
        alpha=_between(options.alpha, "--alpha", 0.0, 0.5),
        simulations=options.simulations,
        seed=options.seed,
    )


def _between(value: float, option: str, low: float, high: float) -> float:
    if not low < value < high:
        raise InputError(f"{option}: found {value:g}; expected between {low:g} and {high:g}")
    return value


def _units(options: argparse.Namespace, basis: Basis) -> tuple[int, ...]:
    """Entities per cell; several only where their variance is known."""
    piloted = max(1, round(basis.pilot.units)) if basis.pilot else 20
    known = any(variances.unit > 0 for _, variances in basis.scenarios)
    if options.units is None:
        return (piloted,) if known or basis.pilot else (1,)
    units = parse_counts(options.units, option="--units", smallest=1)
    if not known and units != (piloted,):
        cause = (
            f"the pilot has {piloted} per cell and does not tell them apart; add --unit-variance"
            if basis.pilot
            else "add unit=... to --variances"
        )
        raise InputError(
            f"--units: found {options.units}; expected a variance between units as well, else "
            f"their number changes nothing ({cause})"
        )
    return units


def _truths(options: argparse.Namespace, basis: Basis, bound: PlanBound) -> tuple[Truth, ...]:
    """What to simulate: each effect that is declared or given.

    Raises
    ------
    InputError
        If there is none: the pilot's own estimates are no substitute.
    """
    from pipeline.commands.power_simulation import NONE, PILL, PROCESS, Truth

    drug, interaction = (
        parse_numbers(text, option=option, low=1e-9) if text else ((smallest,) if smallest else ())
        for text, option, smallest in (
            (options.drug_effect, "--drug-effect", bound.drug),
            (options.interaction_effect, "--interaction-effect", bound.interaction),
        )
    )
    if not drug and not interaction:
        where = f"outcomes.smallest_effect of {basis.pilot.outcome}" if basis.pilot else "given"
        raise InputError(
            f"power: found no smallest effect {'declared in ' if basis.pilot else ''}{where}; "
            "expected --smallest-drug and --smallest-interaction (or --drug-effect and "
            "--interaction-effect). The pilot's own effects are not used: power at an observed "
            "effect only repeats its p value, and a pilot's effects are too uncertain to plan by"
        )
    truths = [
        Truth(
            name=PROCESS,
            drug=drug[0] if drug else 0.0,
            interaction=effect,
            differing=options.differing,
        )
        for effect in interaction
    ]
    truths += [Truth(name=PILL, drug=effect) for effect in drug]
    truths += [Truth(name=NONE, drug=0.0)] if bound.drug else []
    return tuple(truths)
