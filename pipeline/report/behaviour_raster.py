"""Rasters of sessions: every trial by outcome and error type, with the rules behind it.

Type is told by the height and place of a tick, so that colour is never needed. Ticks of one kind
are one broken line and correct choices are bars over their runs: a mark per trial would make the
page several times larger.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from pipeline.report.assembly import Specification, figure, layered
from pipeline.report.behaviour import BehaviourFigure, in_order
from pipeline.report.behaviour_errors import TYPES, type_label
from pipeline.report.highlight import of_animal
from pipeline.report.names import Names, spoken
from pipeline.report.numbers import count, listing
from pipeline.report.style import BAND, INK, MUTED, condition_colours

if TYPE_CHECKING:
    import altair as alt
    import pandas as pd

#: pixels: of a session's row, of its rule strip, and of the head of a condition
_ROW, _STRIP, _HEAD = 28, 9, 22
_WIDTH = 690
#: rows that are drawn of a large cohort: two screens high; each takes about 8 kB of the page, and
#: of hundreds nobody would compare one with another
MANY_SESSIONS = 48
#: kind -> top and bottom of its tick below the row's start, in pixels
_TICKS: dict[str, tuple[float, float]] = {
    "perseverative": (11, 23),
    "post_perseverative": (14, 23),
    "regressive": (17, 23),
    "never_reinforced": (11, 16),
    "first_trial": (11, 13.5),
    "untyped": (20, 23),
}
_COLOURS = {"first_trial": MUTED, "untyped": MUTED}
#: tints of the rules, light enough for dark letters on them
_TINTS = ("#ccd6e0", "#e6d9bf", "#b9c9b4", "#dcc4d3", "#a9bccd", "#cfc6b8")
_LETTERS = "#111111"
_KEY = ("perseverative", "post_perseverative", "regressive", "never_reinforced", "first_trial",
        "untyped")  # fmt: skip


def raster_figure(trials: pd.DataFrame, scheme: str, names: Names) -> Iterator[BehaviourFigure]:
    """Yield the raster of all sessions with scored trials.

    Parameters
    ----------
    trials : pandas.DataFrame
        trials.tsv.gz.
    scheme : str
        Error scheme that the ticks follow.
    names : Names
        Labels and plan.
    """
    scored = _numbered(trials)
    if scored.empty:
        return
    sessions = scored["session"].nunique()
    animals = scored["animal"].nunique()
    species = names.animals() if names.plan.unit == "animal" else ("animal", "animals")
    drawn = scored[scored["animal"].isin(drawn_animals(scored))]
    shown, rows = drawn["animal"].nunique(), drawn["session"].nunique()
    few = rows < sessions
    phases = listing(f"the {spoken(name)} phase" for name in names.plan.phases)
    yield BehaviourFigure(
        name="rasters",
        kind="Rasters",
        title=f"All trials of {count(rows, 'session')}" if few else "All trials of all sessions",
        caption=(
            f"One row per session (n = {count(animals, *species)}, {count(sessions, 'session')}, "
            f"{count(len(scored), 'scored trial')}). "
            + (_chosen_words(shown, animals, rows, species) if few else "")
            + "Strips name the rule, vertical lines its changes. Low bars: runs of correct "
            "choices; ticks: errors, whose height and place tell the type under "
            f"{scheme}; hollow circles: omissions. A line under a row: trials in {phases}. "
            "Trials are shown, animals are tested: the tests stand with the outcomes above."
        ),
        data=_data(scored, scheme),
        draw=lambda: raster_chart(drawn, scheme, names),
    )


def drawn_animals(scored: pd.DataFrame, *, many: int = MANY_SESSIONS) -> tuple[str, ...]:
    """Animals whose sessions get a row: all, or some by a rule that knows no outcome.

    Of animals that had the same conditions, each group gets its share, evenly spaced in the order
    of their names: every second animal of all might be every animal of one condition.

    Parameters
    ----------
    scored : pandas.DataFrame
        With ``animal``, ``session`` and ``condition``.
    many : int
        With no more sessions all animals are drawn; else as many as have about so many sessions.
    """
    sessions = scored.drop_duplicates("session")
    had = {
        str(animal): tuple(sorted(own["condition"].astype(str)))
        for animal, own in sessions.groupby("animal", sort=True)
    }
    if len(sessions) <= many:
        return tuple(had)
    wanted = max(1, many * len(had) // len(sessions))
    groups: dict[tuple[str, ...], list[str]] = {}
    for animal, conditions in had.items():
        groups.setdefault(conditions, []).append(animal)
    # the first of every group, then the others by their place in it: shares as large as the groups
    places = sorted(
        (place / len(members), conditions)
        for conditions, members in groups.items()
        for place in range(len(members))
    )
    taken = Counter(conditions for _, conditions in places[:wanted])
    return tuple(
        sorted(
            groups[conditions][index * len(groups[conditions]) // n]
            for conditions, n in taken.items()
            for index in range(n)
        )
    )


def _chosen_words(shown: int, animals: int, rows: int, species: tuple[str, str]) -> str:
    """Say who is drawn, by which rule, and where the others are."""
    return (
        f"Drawn: {shown} of {count(animals, *species)} ({count(rows, 'session')}), evenly spaced "
        "in the order of their names among those that had the same conditions; all are in the "
        "figure's data and in the tests. "
    )


def _numbered(trials: pd.DataFrame) -> pd.DataFrame:
    """Scored trials, each once, numbered within their session; ``condition`` is the session's."""
    scored = trials[trials["set_index"] > 0]
    scored = scored.assign(compared=scored["phase"].fillna("") != "")
    scored = scored.drop_duplicates(["session", "scored_trial"])
    known = scored[scored["condition"].fillna("") != ""]
    condition = known.groupby("session")["condition"].last()
    return scored.assign(
        n=scored.groupby("session").cumcount() + 1,
        condition=scored["session"].map(condition).fillna(""),
    )


def _data(scored: pd.DataFrame, scheme: str) -> pd.DataFrame:
    columns = ["session", "animal", "condition", "phase", "context", "trial", "set_index", "rule",
               "outcome", f"error_{scheme}"]  # fmt: skip
    return scored[columns]


def _kinds(rows: pd.DataFrame, scheme: str) -> pd.Series:
    """Kind of tick of each trial: the error's type, or its outcome."""
    label = rows[f"error_{scheme}"].astype(str).where(rows["outcome"] == "error", rows["outcome"])
    label = label.astype(str)
    return label.where(~((rows["outcome"] == "error") & (label == "none")), "untyped")


def raster_chart(scored: pd.DataFrame, scheme: str, names: Names) -> Specification:
    """Draw the rows, grouped by condition, animals in order."""
    import altair as alt

    from pipeline.compare.slices import units_of

    scored = scored.assign(unit=units_of(scored, names.plan).astype(str))
    declared = [entry.name for entry in names.plan.conditions]
    colours = condition_colours(names.plan)
    rules = in_order(dict.fromkeys(scored["rule"].astype(str)), ())
    tint = {rule: _TINTS[index % len(_TINTS)] for index, rule in enumerate(rules)}
    longest = int(scored["n"].max())
    scale = _WIDTH / longest
    marks = _Marks(scheme, tint, scale, set(names.plan.phases))
    top = marks.key(_kinds(scored, scheme), longest)
    for condition in in_order(scored["condition"], declared):
        group = scored[scored["condition"] == condition]
        head = spoken(condition) or "no condition"
        marks.texts.append({"x": 0.5, "y": top + 13, "t": head, "s": "head"})
        top += _HEAD
        for _, rows in group.groupby(["animal", "session"], sort=True):
            marks.session(rows, top, colours.get(condition, BAND))
            top += _ROW
        top += 6
    x = alt.X("x:Q", title="trial", scale=alt.Scale(domain=[0.5, longest + 0.5], nice=False),
              axis=alt.Axis(tickCount=8, orient="bottom"))  # fmt: skip
    y = alt.Y("y:Q", title=None, axis=None, scale=alt.Scale(domain=[top, 0], nice=False))
    content = layered(*marks.layers(x, y), width=_WIDTH, height=top)
    return figure(content | {"padding": {"left": 8, "right": 8, "top": 5, "bottom": 5}})


class _Marks:
    """Marks of the raster, gathered row by row; y in pixels, x in trials."""

    def __init__(self, scheme: str, tint: dict[str, str], scale: float, phases: set[str]) -> None:
        self.scheme, self.tint, self.scale, self.phases = scheme, tint, scale, phases
        self.strips: list[dict[str, Any]] = []
        self.texts: list[dict[str, Any]] = []
        self.ticks: dict[str, list[dict[str, Any]]] = {}
        self.omissions: list[dict[str, Any]] = []
        self.rows: list[dict[str, Any]] = []

    def _stroke(self, kind: str, x: float, y: float, to_x: float, to_y: float) -> None:
        """Add one stroke to the broken line of a kind."""
        line = self.ticks.setdefault(kind, [])
        line += [{"x": x, "y": y}, {"x": to_x, "y": to_y}, {"x": to_x, "y": None}]

    def session(self, rows: pd.DataFrame, top: float, colour: str) -> None:
        """One session: its name, rules, changes and trials."""
        name, whose = str(rows["session"].iloc[0]), str(rows["unit"].iloc[0])
        self.texts.append({"x": 0.5, "y": top + 14, "t": name, "s": "row", "a": whose})
        n = rows["n"].to_numpy()
        self.rows.append(
            {"x": 0.5, "to": int(n.max()) + 0.5, "y": top - 1, "yy": top + _ROW - 1, "a": whose}
        )
        for _, own in rows.groupby("set_index", sort=True):
            first, last = int(own["n"].iloc[0]), int(own["n"].iloc[-1])
            rule = str(own["rule"].iloc[0])
            self.strips.append(
                {"x": first - 0.5, "to": last + 0.5, "y": top, "yy": top + _STRIP,
                 "f": self.tint[rule]}
            )  # fmt: skip
            words = spoken(rule)
            if (last - first + 1) * self.scale > 4.6 * len(words) + 3:
                self.texts.append({"x": first, "y": top + 4.8, "t": words, "s": "rule"})
            if first > 1:
                self._stroke("change", first - 0.5, top, first - 0.5, top + 24)
        kinds = _kinds(rows, self.scheme).to_numpy()
        self._runs("correct", kinds == "correct", n, top + 22)
        for kind, (high, low) in _TICKS.items():
            for x in n[kinds == kind]:
                self._stroke(kind, int(x), top + high, int(x), top + low)
        self.omissions += [{"x": int(x), "y": top + 16} for x in n[kinds == "omission"]]
        inside = rows["phase"].isin(self.phases).to_numpy()
        self._runs(f"phase {colour}", inside, n, top + 25)

    def _runs(self, kind: str, mask: Any, n: Any, y: float) -> None:
        """Bars over the runs of trials of one kind."""
        start = None
        for position, held in enumerate([*mask, False]):
            if held and start is None:
                start = n[position]
            elif not held and start is not None:
                self._stroke(kind, float(start) - 0.5, y, float(n[position - 1]) + 0.5, y)
                start = None

    def key(self, kinds: pd.Series, longest: int) -> float:
        """Samples of the ticks above the rows, in as many lines as they need; return the end."""
        met = set(kinds)
        x, y = 1.0, 4.0
        pixel = 1 / self.scale
        names = [("correct", "correct"), *((k, type_label(k)[2:]) for k in _KEY if k in TYPES),
                 ("untyped", "error without a type"), ("omission", "omission")]  # fmt: skip
        for kind, words in names:
            if kind not in met:
                continue
            wide = (28 + 5.3 * len(words)) * pixel
            if x + wide > longest:
                x, y = 1.0, y + 20
            if kind == "correct":
                self._stroke(kind, x, y + 22, x + 9 * pixel, y + 22)
            elif kind == "omission":
                self.omissions.append({"x": x + 4 * pixel, "y": y + 16})
            else:
                high, low = _TICKS[kind]
                self._stroke(kind, x + 4 * pixel, y + high, x + 4 * pixel, y + low)
            self.texts.append({"x": x + 13 * pixel, "y": y + 17, "t": words, "s": "key"})
            x += wide
        return y + 30

    def layers(self, x: alt.X, y: alt.Y) -> list[alt.Chart]:
        """All layers, the ground first."""
        import altair as alt

        def chart(values: list[dict[str, Any]]) -> alt.Chart:
            return alt.Chart(alt.InlineData(values=values))

        made = [
            chart(self.strips)
            .mark_rect()
            .encode(
                x=x, x2=alt.X2("to:Q"), y=y, y2=alt.Y2("yy:Q"), color=alt.Color("f:N", scale=None)
            )
        ]
        for kind, line in self.ticks.items():
            numbered = [row | {"o": index} for index, row in enumerate(line)]
            colour = _COLOURS.get(kind, TYPES.get(kind, ("", BAND))[1])
            width = 1.5
            if kind == "change":
                colour, width = INK, 0.8
            elif kind == "correct":
                width = 2.0
            elif kind.startswith("phase "):
                colour, width = kind.removeprefix("phase "), 1.6
            made.append(
                chart(numbered)
                .mark_line(color=colour, strokeWidth=width, strokeCap="butt")
                .encode(x=x, y=y, order=alt.Order("o:Q"))
            )
        made.append(
            chart(self.omissions)
            .mark_point(size=16, strokeWidth=1.1, color=INK, filled=False, opacity=1)
            .encode(x=x, y=y)
        )
        looks: dict[str, dict[str, Any]] = {
            "row": {"align": "right", "dx": -6, "fontSize": 10, "color": INK},
            "head": {"align": "left", "fontSize": 12, "fontWeight": "bold", "color": INK},
            "rule": {"align": "left", "fontSize": 8, "color": _LETTERS, "dx": 1},
            "key": {"align": "left", "fontSize": 10, "color": INK, "baseline": "middle"},
        }
        for style, look in looks.items():
            own = [row for row in self.texts if row["s"] == style]
            words = chart(own).mark_text(**{"baseline": "middle"} | look)
            words = of_animal(words, "a") if style == "row" else words
            made.append(words.encode(x=x, y=y, text=alt.Text("t:N")))
        # unseen, until a reader of the page highlights an animal
        frames = of_animal(chart(self.rows).mark_rect(opacity=0, filled=False, color=INK), "a")
        made.append(frames.encode(x=x, x2=alt.X2("to:Q"), y=y, y2=alt.Y2("yy:Q")))
        return made
