"""Which modules of the package a step can run: what its function uses, at any depth.

Names are followed, not imports: a step that imports a constant of another step does not run that
step. Found from the sources, so that nothing is imported (a step's libraries take seconds).
Function annotations are not followed; those of classes are, for pydantic reads them.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

PACKAGE = Path(__file__).resolve().parents[1] / "pipeline"


@dataclass
class Module:
    """What a module's names stand for: its own statements, or names of other modules."""

    own: dict[str, list[ast.AST]] = field(default_factory=dict)
    imported: dict[str, tuple[str, str]] = field(default_factory=dict)
    always: list[ast.AST] = field(default_factory=list)


def file_of(module: str) -> Path | None:
    """The source of a module of the package; None for what is no module of it."""
    if not module.startswith("pipeline"):
        return None
    place = PACKAGE.parent.joinpath(*module.split("."))
    files = (place.with_suffix(".py"), place / "__init__.py")
    return next((path for path in files if path.is_file()), None)


@cache
def read(path: Path) -> Module:
    """Read a module's names."""
    module = Module()
    tree = ast.parse(path.read_text())
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom):
            for alias in node.names:
                module.imported[alias.asname or alias.name] = (node.module or "", alias.name)
        elif isinstance(node, ast.Import):
            for alias in node.names:
                module.imported[alias.asname or alias.name] = (alias.name, "")
    for node in tree.body:
        if isinstance(node, ast.FunctionDef | ast.ClassDef):
            module.own.setdefault(node.name, []).append(node)
        elif isinstance(node, ast.Assign | ast.AnnAssign | ast.AugAssign):
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            for name in (n.id for t in targets for n in ast.walk(t) if isinstance(n, ast.Name)):
                module.own.setdefault(name, []).append(node)
        elif not isinstance(node, ast.Import | ast.ImportFrom | ast.Expr):
            module.always.append(node)
    return module


def used(node: ast.AST) -> Iterator[tuple[str, str]]:
    """The names in a piece of code, with the attribute that is taken of each ("" for none)."""
    if isinstance(node, ast.FunctionDef | ast.Lambda):
        inner = [node.body] if isinstance(node, ast.Lambda) else [*node.body, *node.decorator_list]
        inner += [d for d in (*node.args.defaults, *node.args.kw_defaults) if d is not None]
        for one in inner:
            yield from used(one)
        return
    if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
        yield node.value.id, node.attr
        return
    if isinstance(node, ast.Name):
        yield node.id, ""
    for child in ast.iter_child_nodes(node):
        yield from used(child)


def modules_run(start: Path, function: str) -> dict[Path, str]:
    """The modules that a function of a module can run, each with one name that is used of it."""
    found: dict[Path, str] = {}
    seen: set[tuple[Path, str]] = set()
    waiting = [(start, function)]
    while waiting:
        path, name = waiting.pop()
        if (path, name) in seen:
            continue
        seen.add((path, name))
        module = read(path)
        nodes = module.own.get(name, [])
        if nodes and path not in found:
            found[path] = name
            nodes = [*nodes, *module.always]
        for node in nodes:
            for word, attribute in used(node):
                if word in module.own:
                    waiting.append((path, word))
                elif word in module.imported:
                    waiting += _targets(*module.imported[word], attribute)
        if not nodes and name in module.imported:  # handed on, as an __init__ does
            waiting += _targets(*module.imported[name], "")
    return found


def _targets(module: str, name: str, attribute: str) -> list[tuple[Path, str]]:
    """Where an imported name (and what is taken of it, if it is a module) is to be looked for."""
    home = _lazy_home(module, name)
    if home:
        return [(home, name)]
    inside = file_of(f"{module}.{name}") if name else file_of(module)
    if inside is not None and attribute:
        return [(inside, attribute)]
    path = file_of(module)
    return [(path, name)] if path is not None and name else []


def _lazy_home(module: str, name: str) -> Path | None:
    """The module that a room loads a name from when it is asked for it (the room's table)."""
    path = file_of(module)
    if path is None:
        return None
    for table in ("_HOME", "_HOMES"):
        for node in read(path).own.get(table, []):
            homes = ast.literal_eval(node.value)
            if name in homes:
                return file_of(f"{module}.{homes[name]}")
    return None
