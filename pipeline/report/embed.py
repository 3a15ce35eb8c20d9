"""Putting charts into a page: pictures, specifications, the library, and the page's own policy."""

from __future__ import annotations

import base64
import hashlib
import json
import re
from collections import Counter
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any
from xml.etree import ElementTree

from pipeline.errors import InputError
from pipeline.files import replacing
from pipeline.report.crowded import join_marks, packed

if TYPE_CHECKING:
    from jinja2 import Environment
    from markupsafe import Markup

TEMPLATES = Path(__file__).with_name("templates")
#: the bundle carries no notice of its own; the licence asks for one where it is passed on
_NOTICE = (
    "/*! Vega, Vega-Lite and Vega-Embed: Copyright (c) 2013-2025 University of Washington "
    "Interactive Data Lab and contributors; BSD-3-Clause, "
    "https://github.com/vega/vega/blob/main/LICENSE */"
)
_SVG = "{http://www.w3.org/2000/svg}"
#: how an image inside a drawing must begin
_PNG = "data:image/png;base64,"
#: attributes that only Vega's own screen-reader labels and pointer handling need; the page gives
#: each figure one label, and its style sheet sets the font
_SPARE = (
    "role",
    "aria-roledescription",
    "aria-hidden",
    "aria-label",
    "pointer-events",
    "font-family",
    "stroke-miterlimit",
    "class",
)
#: attributes that a group's members inherit, so that one on the group may stand for those of all:
#: first the ones that only words have; opacity and transform are not inherited but add up
_OF_WORDS = ("font-size", "font-weight", "font-style", "text-anchor")
_OF_MARKS = (
    "fill",
    "fill-opacity",
    "stroke",
    "stroke-width",
    "stroke-opacity",
    "stroke-dasharray",
    "stroke-dashoffset",
    "stroke-linecap",
    "stroke-linejoin",
)
_INHERITED = frozenset(_OF_WORDS + _OF_MARKS)
#: attributes that hold places, and numbers in them with more than hundredths
_PLACES = frozenset(("d", "transform", "x", "y", "x1", "x2", "y1", "y2", "width", "height"))
#: class of the marks of a panel that shows one context, and the context's place in the plan
_PANEL = re.compile(r"\bp\d+_c(\d+)_group\b")
_LONG = re.compile(r"-?\d+\.\d{3,}(?![\de])")


def environment() -> Environment:
    """The template engine: everything is escaped, an unknown name is an error."""
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    return Environment(
        loader=FileSystemLoader(TEMPLATES, encoding="utf-8"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )


def template_text(name: str) -> str:
    """A style sheet or script of the templates folder."""
    return (TEMPLATES / name).read_text(encoding="utf-8")


def inline_json(value: Any) -> Markup:
    """JSON that may stand inside a script element: ``<``, ``>``, ``&`` are written as escapes.

    No text of a label can therefore end the element, whatever it says.
    """
    from jinja2.utils import htmlsafe_json_dumps

    return htmlsafe_json_dumps(
        value, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False
    )


def inline_svg(svg: str, *, choices: bool = False) -> Markup:
    """Picture for the page: parsed, stripped of what the page does not need, written again.

    Parameters
    ----------
    svg : str
        As vl-convert draws it.
    choices : bool
        Whether to keep what the page highlights animals and contexts by: for drawings that stay
        drawings.

    Returns
    -------
    markupsafe.Markup
        An ``<svg>`` element without width and height (the style sheet scales it), escaped anew by
        the XML writer.

    Raises
    ------
    InputError
        If the text is no SVG, or holds a script, a link, or an image that is not a PNG inside it.
    """
    from markupsafe import Markup

    try:
        root = ElementTree.fromstring(svg)
    except ElementTree.ParseError as error:
        raise InputError(f"a figure's SVG cannot be read: {error}; was it written whole?") from None
    refused = {"script", "a", "foreignObject", "use"}
    found = refused & {element.tag.removeprefix(_SVG) for element in root.iter()}
    if found:
        raise InputError(f"a figure's SVG holds {', '.join(sorted(found))}; expected marks only")
    for image in root.iter(f"{_SVG}image"):
        _keep_inside(image)
    width = root.attrib.pop("width", "")
    root.attrib.pop("height", None)
    if choices:
        _keep_choices(root)
    _strip(root)
    join_marks(root, of_animals=choices)
    _hoist(root)
    _flatten(root)
    root.set("style", f"max-width:{width}px;--wide:{width}px")
    root.set("aria-hidden", "true")  # the figure around it has the label
    ElementTree.register_namespace("", _SVG[1:-1])
    return Markup(ElementTree.tostring(root, encoding="unicode"))


def _keep_choices(root: ElementTree.Element) -> None:
    """Keep whose a mark is, and of which context a panel: what the page highlights by.

    Figures carry both as :mod:`pipeline.report.highlight` says. The ground of such a panel stays,
    for the page to frame it.
    """
    for element in root.iter():
        whose = element.attrib.get("aria-label")
        if whose and element.attrib.get("aria-roledescription", "").endswith(" mark"):
            element.set("data-a", whose)
        found = _PANEL.search(element.attrib.get("class", ""))
        if found:
            element.set("data-c", found[1])
            for ground in element.findall(f"./{_SVG}g/{_SVG}path[@class='background']"):
                ground.set("fill", "none")


def _keep_inside(image: ElementTree.Element) -> None:
    """Let a picture stay that is a PNG within the SVG, its cells with sharp edges."""
    links = [name for name in image.attrib if name.rpartition("}")[2] == "href"]
    address = image.attrib.pop(links[0], "") if len(links) == 1 else ""
    if not address.startswith(_PNG):
        raise InputError("a figure's SVG holds an image from elsewhere; expected a PNG inside it")
    image.set("href", address)
    image.set("style", "image-rendering:pixelated")


def _strip(element: ElementTree.Element) -> None:
    """Take off what nobody sees: it is a third of a drawing, and a report holds many."""
    for name in _SPARE:
        element.attrib.pop(name, None)
    if element.attrib.get("opacity") == "1":
        del element.attrib["opacity"]
    element[:] = [child for child in element if _seen(child)]
    for child in element:
        _strip(child)
    for name in _PLACES & set(element.attrib):
        element.set(name, _LONG.sub(_hundredths, element.attrib[name]))
    if element.attrib.get("transform") == "translate(0,0)":
        del element.attrib["transform"]


def _hoist(group: ElementTree.Element) -> frozenset[str]:
    """Write what the members of a group say alike once, on the group: a quarter of a drawing.

    Only what every member states itself moves (or needs not, as a shape needs no font size), so
    that none inherits what it did not say. The marks that the page highlights keep their filling,
    by which its style sheet knows areas from lines.

    Returns
    -------
    frozenset of str
        Attributes that nothing outside this group can change within it.
    """
    stated = [_hoist(child) if child.tag == f"{_SVG}g" else _states(child) for child in group]
    if group.tag == f"{_SVG}g" and stated:
        for name in sorted(_INHERITED.intersection(*stated).difference(group.keys())):
            held = Counter(child.attrib[name] for child in group if name in child.attrib)
            if not held:
                continue
            shared = held.most_common(1)[0][0]
            group.set(name, shared)
            for child in group:
                if name == "fill" and "data-a" in child.attrib:
                    continue
                if child.attrib.get(name) == shared:
                    del child.attrib[name]
    return _INHERITED.intersection(*stated).union(group.keys())


def _flatten(element: ElementTree.Element) -> None:
    """Take away groups that say nothing, or of one member only; a panel keeps its own, framed."""
    children = []
    for child in element:
        _flatten(child)
        spare = child.tag == f"{_SVG}g" and _INHERITED.issuperset(child.keys())
        if not spare or "data-c" in element.attrib or (child.attrib and len(child) != 1):
            children.append(child)
            continue
        for member in child:
            member.attrib.update(child.attrib | member.attrib)
            children.append(member)
    element[:] = children


def _states(leaf: ElementTree.Element) -> frozenset[str]:
    """What a mark takes from no group: what it says, and what nothing of its kind can show."""
    if leaf.tag in (f"{_SVG}image", f"{_SVG}defs"):
        return _INHERITED
    return frozenset(leaf.attrib if leaf.tag == f"{_SVG}text" else (*leaf.attrib, *_OF_WORDS))


def _seen(element: ElementTree.Element) -> bool:
    if element.tag != f"{_SVG}path":
        return True
    if element.get("display") == "none" or element.get("d") in ("M0,0h0v0h0Z", ""):
        return False
    # the ground of a group, without colour: all of a drawing's paths name theirs
    return "background" not in element.get("class", "") or bool(
        {"fill", "stroke"} & set(element.attrib)
    )


def _hundredths(found: re.Match[str]) -> str:
    """A place in pixels: a screen shows no more than hundredths."""
    text = f"{float(found[0]):.2f}".rstrip("0").rstrip(".")
    return "0" if text == "-0" else text


@cache
def vega_library() -> str:
    """Vega, Vega-Lite and Vega-Embed as one script, from vl-convert; nothing is downloaded."""
    import vl_convert

    # what vl-convert says of its types demands a snippet; it has one of its own
    library = vl_convert.javascript_bundle()  # type: ignore[call-arg]
    if "</script" in library.lower() or "<!--" in library:
        raise InputError("the chart library cannot stand inside a page; is vl-convert too new?")
    return f"{_NOTICE}\n{library}"


def script_hash(script: str) -> str:
    """A script's entry in the page's content security policy."""
    digest = hashlib.sha256(script.encode()).digest()
    return f"'sha256-{base64.b64encode(digest).decode()}'"


def policy(*scripts: str, files: str = "") -> str:
    """Content security policy of a page: its own scripts by hash, and nothing from the network.

    Even a label that escaped every escaping could neither run nor send anything.

    Parameters
    ----------
    *scripts : str
        Inline scripts of the page.
    files : str
        Source expression for script files beside the page, "" for none.
    """
    sources = " ".join([*(script_hash(script) for script in scripts), files]).strip() or "'none'"
    return (
        f"default-src 'none'; script-src {sources}; style-src 'unsafe-inline'; "
        "img-src data:; base-uri 'none'; form-action 'none'"
    )


def read_specification(path: Path) -> Any:
    """A figure's specification, its large data sets as columns."""
    return packed(json.loads(path.read_text(encoding="utf-8")))


def write_page(path: Path, text: str) -> None:
    """Write a page or script, whole or not at all."""
    with replacing(path) as part:
        part.write_text(text, encoding="utf-8", newline="\n")
