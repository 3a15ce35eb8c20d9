"""Figures of error types: stacked means, the animals' own, and the five schemes side by side."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pipeline.flexibility.schemes import SCHEMES
from pipeline.report.assembly import Specification, concatenated, figure, layered, stacked
from pipeline.report.behaviour import Slice, in_order
from pipeline.report.highlight import of_animal, place_of
from pipeline.report.lookup import rows_of
from pipeline.report.marks import rounded
from pipeline.report.names import Names, spoken
from pipeline.report.numbers import finite
from pipeline.report.style import BAND, INK, MUTED, condition_colours

if TYPE_CHECKING:
    import pandas as pd

#: type -> letter and fill; the letter stands in the bar, so that colour is never needed. The fills
#: of ticks stand out on the light and on the dark page.
TYPES: dict[str, tuple[str, str]] = {
    "first_trial": ("1", "#c3c9d1"),
    "perseverative": ("P", "#8b4fc0"),
    "post_perseverative": ("Q", "#b0609f"),
    "regressive": ("R", "#d07f3c"),
    "never_reinforced": ("N", "#4f9480"),
}
#: filled so dark that the letter must be white
_DARK = ("perseverative", "post_perseverative")
_ROW, _BAR = 26, 16
_WIDE, _NARROW, _HIGH = 250, 108, 150


def type_label(name: str) -> str:
    """``P perseverative``: the letter in the bars, and the type."""
    letter = TYPES[name][0] if name in TYPES else name[:1].upper()
    return f"{letter}{chr(160)}{spoken(name)}"


def error_types_chart(part: Slice, names: Names) -> Specification:
    """Draw the stacked means and, type by type, the animals' own; a row per context."""
    types = in_order(part.means["type"], TYPES)
    top = max(1.0, float(part.animals["errors"].max())) * 1.05
    total = part.means.groupby(["condition", "context"])["errors"].sum().max() or 1.0
    charts = []
    places: list[int | None] = []
    for context in part.contexts:
        places += [place_of(context, names)] * (1 + len(types))
        means = part.means[part.means["context"] == context]
        own = part.animals[part.animals["context"] == context]
        title = "All types" + (f", {spoken(context)}" if len(part.contexts) > 1 else "")
        charts.append(
            _stack(means, part, types, names, reach=1.1 * total, title=title, legend=True)
        )
        charts += [
            _points(own[own["type"] == kind], means[means["type"] == kind], part, names, top=top,
                    title=type_label(kind), first=kind == types[0])
            for kind in types
        ]  # fmt: skip
    return figure(
        concatenated(
            charts,
            columns=1 + len(types),
            spacing=16,
            scales={"color": "independent"},
            places=places,
        )
    )


def _labels(part: Slice) -> list[str]:
    return [spoken(name) for name in part.conditions]


def _segments(means: pd.DataFrame, part: Slice, types: tuple[str, ...]) -> list[dict[str, Any]]:
    """Ends of the stacked bars."""
    value = means.groupby(["condition", "type"])["errors"].mean()
    rows = []
    for condition in part.conditions:
        at = 0.0
        for kind in types:
            width = float(value.get((condition, kind), 0.0))
            rows.append(
                {
                    "c": spoken(condition),
                    "t": type_label(kind),
                    "k": TYPES.get(kind, (kind[:1].upper(), BAND))[0],
                    "from": rounded(at),
                    "to": rounded(at + width),
                    "mid": rounded(at + width / 2),
                    "w": rounded(width),
                    "d": kind in _DARK,
                }
            )
            at += width
    return rows


def _stack(
    means: pd.DataFrame,
    part: Slice,
    types: tuple[str, ...],
    names: Names,
    *,
    reach: float,
    title: str,
    legend: bool,
    width: float = _WIDE,
    axis: bool = True,
) -> Specification:
    import altair as alt

    records = _segments(means, part, types)
    shown = [type_label(kind) for kind in types]
    colour = alt.Color(
        "t:N",
        title=None,
        scale=alt.Scale(domain=shown, range=[TYPES.get(kind, ("", BAND))[1] for kind in types]),
        legend=alt.Legend(orient="bottom", columns=2, symbolType="square", labelLimit=180)
        if legend
        else None,
    )
    y = alt.Y(
        "c:N",
        title=None,
        sort=_labels(part),
        scale=alt.Scale(domain=_labels(part)),
        axis=alt.Axis(domain=False, ticks=False, labelPadding=6) if axis else None,
    )
    x = alt.X(
        "from:Q",
        title="errors per completed set",
        scale=alt.Scale(domain=[0, reach], nice=False),
        axis=alt.Axis(tickCount=4, grid=True),
    )
    base = alt.Chart(alt.InlineData(values=records))
    bars = base.mark_bar(height=_BAR, stroke=INK, strokeWidth=0.4).encode(
        x=x, x2=alt.X2("to:Q"), y=y, color=colour
    )
    # a letter takes about eight pixels
    letters = [
        base.transform_filter(f"datum.w > {8 * reach / width:.4g} && {wanted}")
        .mark_text(fontSize=10, fontWeight="bold", color=ink)
        .encode(x=alt.X("mid:Q"), y=y, text=alt.Text("k:N"))
        for wanted, ink in (("datum.d", "#ffffff"), ("!datum.d", "#111111"))
    ]
    return layered(
        bars,
        *letters,
        width=width,
        height=_ROW * len(part.conditions),
        title=alt.TitleParams(title, frame="group", fontSize=11),
    )


def _points(
    own: pd.DataFrame,
    means: pd.DataFrame,
    part: Slice,
    names: Names,
    *,
    top: float,
    title: str,
    first: bool,
) -> Specification:
    import altair as alt

    place = {name: index for index, name in enumerate(part.conditions)}
    colours = condition_colours(names.plan)
    points = [
        {"i": place[row["condition"]], "a": row["unit"], "v": rounded(row["errors"]),
         "f": colours.get(row["condition"], BAND)}
        for row in sorted(rows_of(own), key=lambda r: place[r["condition"]])
    ]  # fmt: skip
    averages = [
        {"i": place[row["condition"]] + 0.28, "v": rounded(row["errors"]),
         "l": _kept(row["errors_low"], top), "h": _kept(row["errors_high"], top)}
        for row in rows_of(means)
    ]  # fmt: skip
    labels = "[" + ",".join(f"'{_quoted(name)}'" for name in _labels(part)) + "][datum.value]"
    x = alt.X(
        "i:Q",
        title=None,
        scale=alt.Scale(domain=[-0.5, len(place) - 0.3], nice=False),
        axis=alt.Axis(
            values=list(place.values()),
            labelExpr=labels,
            labelAngle=-40,
            labelOverlap=False,
            ticks=False,
            domain=False,
        ),
    )
    y = alt.Y(
        "v:Q",
        title="errors per completed set" if first else None,
        scale=alt.Scale(domain=[0, top], nice=False),
        axis=alt.Axis(tickCount=5, labels=first, ticks=False, domain=False),
    )
    each = alt.Chart(alt.InlineData(values=points))
    mean = alt.Chart(alt.InlineData(values=averages))
    return layered(
        of_animal(each.mark_line(color=MUTED, strokeWidth=0.7, opacity=0.45), "a").encode(
            x=x, y=y, detail=alt.Detail("a:N")
        ),
        of_animal(each.mark_circle(size=26, opacity=0.85), "a").encode(
            x=x, y=y, color=alt.Color("f:N", scale=None, legend=None)
        ),
        mean.mark_rule(color=INK, strokeWidth=1.5).encode(x=x, y=alt.Y("l:Q"), y2=alt.Y2("h:Q")),
        mean.mark_square(color=INK, size=22, opacity=1).encode(x=x, y=y),
        width=_NARROW,
        height=_HIGH,
        title=alt.TitleParams(title, frame="group", fontSize=11),
    )


def _kept(value: float, top: float) -> float | None:
    """An end of an interval inside the panel."""
    return rounded(min(max(value, 0.0), top)) if finite(value) else None


def _quoted(text: str) -> str:
    return text.replace("\\", "\\\\").replace("'", "\\'")


# -- schemes -----------------------------------------------------------------------------------


def schemes_chart(part: Slice, agreement: pd.DataFrame, names: Names) -> Specification:
    """Draw the types under each scheme, and how far the schemes agree."""
    schemes = in_order([*agreement["scheme"], *agreement["other"]], SCHEMES)
    types = in_order(part.means["type"], TYPES)
    means = part.means.groupby(["scheme", "condition", "type"], as_index=False)["errors"].mean()
    reach = 1.08 * float(means.groupby(["scheme", "condition"])["errors"].sum().max()) or 1.0
    # the scheme with most types carries the legend, once for all
    stacks = [
        _stack(means[means["scheme"] == scheme], part, types, names, reach=reach, title=scheme,
               legend=scheme == schemes[0], width=122, axis=scheme == schemes[0])
        for scheme in schemes
    ]  # fmt: skip
    upper = concatenated(stacks, columns=len(stacks), spacing=14, scales={"color": "shared"})
    return figure(stacked([upper, _matrix(schemes, agreement)], spacing=22))


def _matrix(schemes: tuple[str, ...], agreement: pd.DataFrame) -> Specification:
    """Both triangles: same type below the diagonal, both perseverative above it."""
    import altair as alt

    records = []
    for row in rows_of(agreement):
        first, second = sorted((row["scheme"], row["other"]), key=schemes.index)
        for x, y, value in ((first, second, row["agreement"]), (second, first, row["overlap"])):
            known = finite(value)
            records.append(
                {"x": x, "y": y, "v": rounded(value) if known else 0,
                 "w": f"{100 * value:.0f} %" if known else "–"}
            )  # fmt: skip
    order = list(schemes)
    x = alt.X("x:N", title=None, sort=order, scale=alt.Scale(domain=order),
              axis=alt.Axis(orient="top", labelAngle=0, domain=False, ticks=False))  # fmt: skip
    y = alt.Y("y:N", title=None, sort=order, scale=alt.Scale(domain=order),
              axis=alt.Axis(domain=False, ticks=False, labelPadding=6))  # fmt: skip
    cells = alt.Chart(alt.InlineData(values=records))
    diagonal = alt.Chart(alt.InlineData(values=[{"x": name, "y": name} for name in order]))
    return layered(
        cells.mark_rect(color=BAND, stroke=None).encode(
            x=x,
            y=y,
            opacity=alt.Opacity("v:Q", legend=None, scale=alt.Scale(domain=[0, 1], range=[0, 0.6])),
        ),
        diagonal.mark_text(text="\N{EM DASH}", color=MUTED).encode(x=x, y=y),
        cells.mark_text(color=INK, fontSize=11).encode(x=x, y=y, text=alt.Text("w:N")),
        width=112 * len(order),
        height=24 * len(order),
        title=alt.TitleParams(
            "Below the diagonal: same type; above: perseverative under both, of those under either",
            frame="group",
            fontSize=11,
        ),
    )
