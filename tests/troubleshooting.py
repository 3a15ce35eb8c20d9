"""The page docs/troubleshooting.md as data, and the messages that the program can give.

A heading of the page is a message as it is printed, in backquotes; ``…`` stands for what differs
from case to case (a file, a row, a number).
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[1]
PAGE = REPOSITORY / "docs" / "troubleshooting.md"
#: stands in a template for a value that is put in
VALUE = "\0"
#: what is called with a message for the lab
ERRORS = ("InputError", "CellError", "FilesChangedError")


@dataclass(frozen=True)
class Entry:
    """One entry: the group it stands in, the literal parts of its message, and its text."""

    group: str
    parts: tuple[str, ...]
    text: str

    def fits(self, message: str) -> bool:
        """Whether a message (or a template of messages) has all parts, in this order."""
        at = 0
        for part in self.parts:
            found = message.find(part, at)
            if found < 0:
                return False
            at = found + len(part)
        return True


@cache
def entries() -> tuple[Entry, ...]:
    """All entries of the page."""
    found, group = [], ""
    for block in re.split(r"(?m)^(?=##+ )", PAGE.read_text(encoding="utf-8")):
        heading, _, text = block.partition("\n")
        if heading.startswith("### "):
            said = re.fullmatch(r"### `(.+)`", heading)
            assert said, f"a heading is a message in backquotes: {heading}"
            parts = tuple(" ".join(part.split()) for part in said[1].split("…"))
            found.append(Entry(group, tuple(filter(None, parts)), text.strip()))
        elif heading.startswith("## "):
            group = heading.removeprefix("## ")
    return tuple(found)


def has_entry(message: str) -> bool:
    """Whether the page has an entry for a message."""
    return any(entry.fits(folded(message)) for entry in entries())


def folded(message: str) -> str:
    """A message in one line, as the headings are."""
    return " ".join(message.split())


@cache
def nodes(path: Path) -> tuple[ast.AST, ...]:
    """All nodes of a module, parsed once."""
    return tuple(ast.walk(ast.parse(path.read_text(encoding="utf-8"))))


@cache
def constants() -> dict[str, str]:
    """Texts that modules share by a name in capitals (TRUNCATED)."""
    found = {}
    for path in (REPOSITORY / "pipeline").rglob("*.py"):
        for node in nodes(path)[0].body:
            if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name):
                text = text_of(node.value, shared=False)
                if text:
                    found[node.targets[0].id] = text
    return found


def _put_in(node: ast.AST, shared: bool) -> str:
    """What stands in a template for one part of an f-string."""
    if isinstance(node, ast.Constant):
        return str(node.value)
    inside = node.value if isinstance(node, ast.FormattedValue) else node
    if shared and isinstance(inside, ast.Name):
        return constants().get(inside.id, VALUE)
    return VALUE


def text_of(node: ast.AST, *, shared: bool = True) -> str | None:
    """The text of an expression, VALUE where a value is put in; None if it is no text."""
    if isinstance(node, ast.Constant):
        return node.value if isinstance(node.value, str) else None
    if isinstance(node, ast.JoinedStr):
        return "".join(_put_in(part, shared) for part in node.values)
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add):
        sides = [text_of(side, shared=shared) for side in (node.left, node.right)]
        return None if sides == [None, None] else "".join(s or VALUE for s in sides)
    return None


def texts(path: Path) -> Iterator[str]:
    """All texts of a module that could be of a message."""
    for node in nodes(path):
        text = text_of(node) if isinstance(node, ast.Constant | ast.JoinedStr | ast.BinOp) else None
        if text and " " in text:
            yield text


def refusals(path: Path) -> Iterator[str]:
    """Messages with which a module refuses: of its errors and of its problems."""
    for node in nodes(path):
        if not isinstance(node, ast.Call):
            continue
        name = getattr(node.func, "id", getattr(node.func, "attr", ""))
        given = [text_of(one) or _named(one) for one in node.args]
        if name == "Problem" and len(given) >= 4:
            # as Problem.__str__ prints it
            yield f"{given[0]}: {given[1]}: found {given[2]}; {given[3]}"
        elif name in ERRORS and given and given[0].strip(VALUE):
            yield given[0]


def _named(node: ast.AST) -> str:
    return constants().get(node.id, VALUE) if isinstance(node, ast.Name) else VALUE
