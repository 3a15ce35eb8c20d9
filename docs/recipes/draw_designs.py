"""Draw the design of every recipe from its config and tables into docs/recipes/pictures.

Run ``python docs/recipes/draw_designs.py`` from the checkout. One row per kind of animal (who gets
what, in which order), one column per visit or dose, each session with its contexts, its phases and
its doses. A test holds the pictures to the folders.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from pathlib import Path
from xml.sax.saxutils import escape

from pipeline.experiment import Experiment, load_experiment
from pipeline.experiment.config import NO_CONDITION
from pipeline.experiment.model import Administration, Epoch, Session

HERE = Path(__file__).resolve().parent
PICTURES = HERE / "pictures"

WIDTH, MARGIN, LABEL, GAP, ROW, HEAD, FOOT = 860, 8, 116, 14, 52, 26, 30
FONT = 'font-family="sans-serif" font-size="11"'
INK = "#1a1a1a"
#: fills of contexts (light) and of phases (strong), told apart by lightness too
CONTEXTS = ("#ffffff", "#d9d9d9", "#bdbdbd")
PHASES = ("#8fb8de", "#0b5394", "#b45f06", "#38761d")

Visit = Session | Administration


def text(x: float, y: float, words: str, *, anchor: str = "start", bold: bool = False) -> str:
    """One line of text."""
    weight = ' font-weight="bold"' if bold else ""
    return (
        f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" fill="{INK}" {FONT}{weight}>'
        f"{escape(words)}</text>"
    )


def box(x: float, y: float, width: float, height: float, fill: str, *, line: bool = True) -> str:
    """One rectangle."""
    stroke = f' stroke="{INK}" stroke-width="0.8"' if line else ""
    return (
        f'<rect x="{x:.1f}" y="{y:.1f}" width="{width:.1f}" height="{height:.1f}" '
        f'fill="{fill}"{stroke}/>'
    )


def visits_of(experiment: Experiment, animal: str) -> list[Visit]:
    """An animal's sessions, and its doses outside sessions, in the order of time."""
    sessions: list[Visit] = [s for s in experiment.included if s.animal == animal]
    doses = [d for d in experiment.administrations if d.animal == animal and not d.session]
    return sorted(
        [*sessions, *doses], key=lambda visit: (str(visit.date), isinstance(visit, Session))
    )


def doses_in(experiment: Experiment, visit: Visit) -> list[Administration]:
    """The doses of a session, or the dose itself."""
    if isinstance(visit, Administration):
        return [visit]
    return [dose for dose in experiment.administrations if dose.session == visit.name]


def condition_of(experiment: Experiment, dose: Administration) -> str:
    """Condition at a test dose, the role of any other."""
    for anchor in experiment.anchors.values():
        if anchor.administration == dose and dose.role == "test":
            return anchor.condition
    return dose.role


def levels_of(experiment: Experiment, animal: str) -> list[str]:
    """Levels of the lab's own modifiers that an animal has."""
    own = [q.modifier for q in experiment.plan.questions if q.modifier in experiment.plan.factors]
    session = next(s for s in experiment.included if s.animal == animal)
    return [session.factors.get(modifier, "") for modifier in own]


def kinds(experiment: Experiment) -> list[list[str]]:
    """Animals that are treated alike, in the order of the tables."""
    alike: dict[tuple, list[str]] = {}
    for animal in dict.fromkeys(session.animal for session in experiment.included):
        pattern = tuple(
            (
                tuple(condition_of(experiment, dose) for dose in doses_in(experiment, visit)),
                tuple(c.context for c in visit.contexts) if isinstance(visit, Session) else (),
            )
            for visit in visits_of(experiment, animal)
        )
        alike.setdefault((pattern, *levels_of(experiment, animal)), []).append(animal)
    return list(alike.values())


def length_s(experiment: Experiment) -> float:
    """The longest session that is drawn to scale, in s; 1 where none has times."""
    ends = [
        e.stop_s or 0.0 for session in experiment.included for e in experiment.epochs[session.name]
    ]
    ends += [c.stop_s or 0.0 for session in experiment.included for c in session.contexts]
    return max([1.0, *ends])


def columns(experiment: Experiment, animal: str) -> list[tuple[float, float]]:
    """Left edge and width of every visit; doses outside sessions are narrow."""
    weights = [
        1.0 if isinstance(visit, Session) else 0.45 for visit in visits_of(experiment, animal)
    ]
    room = WIDTH - 2 * MARGIN - LABEL - GAP * (len(weights) - 1)
    x, found = float(MARGIN + LABEL), []
    for weight in weights:
        width = room * weight / sum(weights)
        found.append((x, width))
        x += width + GAP
    return found


def fill_of(experiment: Experiment, phase: str) -> str:
    """Colour of a phase: the light one is the baseline's."""
    if phase == experiment.plan.baseline_phase:
        return PHASES[0]
    others = [p for p in experiment.config.design.phases if p != experiment.plan.baseline_phase]
    return PHASES[1 + others.index(phase) % (len(PHASES) - 1)]


def draw_session(
    experiment: Experiment, session: Session, x: float, y: float, width: float
) -> list[str]:
    """Contexts above, phases below, doses as triangles with their condition."""
    scale = width / length_s(experiment)
    order = experiment.plan.contexts
    parts = []

    def span(start: float | None, stop: float | None) -> tuple[float, float]:
        left = x + scale * (start or 0.0)
        return left, (x + width if stop is None else x + scale * stop) - left

    for interval in session.contexts:
        left, wide = span(interval.start_s, interval.stop_s)
        fill = CONTEXTS[order.index(interval.context) % len(CONTEXTS)]
        parts.append(box(left, y + 16, wide, 12, fill))
    epochs: Sequence[Epoch] = experiment.epochs[session.name]
    for epoch in epochs:
        if experiment.anchors[epoch.anchor].condition != NO_CONDITION:  # not what follows a sham
            left, wide = span(epoch.start_s, epoch.stop_s)
            fill = fill_of(experiment, epoch.phase)
            parts.append(box(left, y + 31, wide, 7, fill, line=False))
    doses = doses_in(experiment, session)
    for dose in doses:
        middle = x + (scale * dose.time_s if dose.time_s is not None else 6)
        said = "" if len(doses) > 1 else condition_of(experiment, dose)
        parts += dose_mark(dose, middle, y, said, right=x + width)
    if len(doses) > 1:
        given = ", ".join("sham" if dose.role == "sham" else dose.drug for dose in doses)
        parts.append(text(x, y + 4, given))
    return parts


def dose_mark(
    dose: Administration, middle: float, y: float, said: str, *, right: float
) -> list[str]:
    """A triangle that points at the time of the dose (open for sham and pretreatment)."""
    points = f"{middle - 4:.1f},{y + 8} {middle + 4:.1f},{y + 8} {middle:.1f},{y + 16}"
    fill = INK if dose.role == "test" else "#ffffff"
    mark = f'<polygon points="{points}" fill="{fill}" stroke="{INK}" stroke-width="0.8"/>'
    if middle + 7 * len(said) > right:
        return [mark, text(middle - 6, y + 8, said, anchor="end")]
    return [mark, text(middle + 6, y + 8, said)]


def header(experiment: Experiment, animal: str, day: date | None) -> list[str]:
    """Days since the animal's first dose, over the columns."""
    parts = []
    for visit, (x, width) in zip(
        visits_of(experiment, animal), columns(experiment, animal), strict=True
    ):
        days = (visit.date - day).days if day and visit.date else None
        words = "" if days is None else "day 0" if days == 0 else f"day {days:+d}"
        words += "" if isinstance(visit, Session) else " (dose)"
        parts.append(text(x + width / 2, MARGIN + 12, words, anchor="middle", bold=True))
    return parts


def legend(experiment: Experiment, y: float) -> list[str]:
    """What the fills mean."""
    x, parts = float(MARGIN), []
    marks = [
        (box, CONTEXTS[i % len(CONTEXTS)], 12, f"context {name}")
        for i, name in enumerate(experiment.plan.contexts)
    ]
    marks += [
        (box, fill_of(experiment, name), 7, f"phase {name}")
        for name in experiment.config.design.phases
    ]
    for shape, fill, height, words in marks:
        parts.append(shape(x, y + 12 - height, 16, height, fill))
        parts.append(text(x + 21, y + 11, words))
        x += 21 + 6.3 * len(words) + 18
    return parts


def draw(experiment: Experiment) -> str:
    """Return the design as SVG.

    Parameters
    ----------
    experiment : Experiment
        As loaded.

    Returns
    -------
    str
        The same for the same folder, to the byte.
    """
    rows = kinds(experiment)
    height = MARGIN + HEAD + ROW * len(rows) + FOOT
    first = rows[0][0]
    doses = [
        dose.date for visit in visits_of(experiment, first) for dose in doses_in(experiment, visit)
    ]
    parts = header(experiment, first, doses[0])
    for number, animals in enumerate(rows):
        y = MARGIN + HEAD + ROW * number
        cages = {s.cage for s in experiment.included if s.animal in animals} - {""}
        parts.append(text(MARGIN, y + 18, f"like {animals[0]}", bold=True))
        words = f"{len(animals)} animals" if len(animals) > 1 else "1 animal"
        words += f", {len(cages)} cages" if experiment.plan.unit == "cage" else ""
        parts.append(text(MARGIN, y + 31, words))
        parts += [text(MARGIN, y + 44, level) for level in levels_of(experiment, animals[0])]
        for visit, (x, width) in zip(
            visits_of(experiment, animals[0]), columns(experiment, animals[0]), strict=True
        ):
            if isinstance(visit, Session):
                parts += draw_session(experiment, visit, x, y, width)
            else:
                said = condition_of(experiment, visit)
                parts += dose_mark(visit, x + 6, y + 12, said, right=x + width + GAP)
    parts += legend(experiment, MARGIN + HEAD + ROW * len(rows) + 6)
    title = escape(f"The design: {experiment.plan.title}")
    body = "\n".join([box(0, 0, WIDTH, height, "#ffffff", line=False), *parts])
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" '
        f'width="{WIDTH}" height="{height}" role="img" aria-label="{title}">\n'
        f"<title>{title}</title>\n{body}\n</svg>\n"
    )


def main() -> None:
    """Write the picture of every recipe."""
    PICTURES.mkdir(exist_ok=True)
    for config in sorted(HERE.glob("*/config.yaml")):
        picture = draw(load_experiment(config))
        (PICTURES / f"{config.parent.name}.svg").write_text(picture, encoding="utf-8")


if __name__ == "__main__":
    main()
