"""docs/api/: one page per room with what its door offers, for use from Python.

The pages hold directives only; Sphinx takes the text from the docstrings when it builds the site.
"""

from __future__ import annotations

import importlib
import inspect
import re
from types import ModuleType
from typing import Any

#: room -> how its page is headed
ROOMS = {
    "experiment": "Config and tables to an experiment",
    "simulate": "Recordings, logs and sessions with known truth",
    "ingest": "Recordings, units, logs and movement as a lab keeps them",
    "lfp": "LFP: from raw recordings to spectra per epoch",
    "spikes": "Sorted units per session and epoch",
    "flexibility": "Trials, errors and strategies of set-shifting",
    "compare": "Observations to outcomes, contrasts and verdicts",
    "report": "Figures, pages and the methods text",
}
#: modules before and between the rooms
MODULES = ("errors", "files", "metric", "intervals", "registry")
_DOCUMENTED = re.compile(r":func:`~?(pipeline\.[\w.]+)`")


def door(room: str) -> list[str]:
    """Return the dotted names that a room's door offers, in the order of the door.

    A room without ``__all__`` names its functions in the docstring of its package.
    """
    module = importlib.import_module(f"pipeline.{room}")
    named = getattr(module, "__all__", None)
    if named is None:
        return _DOCUMENTED.findall(module.__doc__ or "")
    return [f"pipeline.{room}.{name}" for name in named]


def _module(dotted: str) -> ModuleType:
    """Import a module of this package, and no other."""
    inside = dotted.removeprefix("pipeline.")
    return importlib.import_module(f"pipeline.{inside}")


def own_names(module: str) -> list[str]:
    """Return the public classes and functions that a module defines, in the order of its text."""
    found = _module(module)
    own = [
        (inspect.getsourcelines(thing)[1], name)
        for name, thing in vars(found).items()
        if not name.startswith("_")
        and (inspect.isclass(thing) or inspect.isfunction(thing))
        and thing.__module__ == module
    ]
    return [f"{module}.{name}" for _, name in sorted(own)]


def _thing(dotted: str) -> Any:
    holder, _, name = dotted.rpartition(".")
    return getattr(_module(holder), name)


def _directive(dotted: str, module: str) -> list[str]:
    """Return the directive of a class or function; what another room defines is not indexed."""
    thing = _thing(dotted)
    kind = "autoclass" if inspect.isclass(thing) else "autofunction"
    own = thing.__module__.startswith(module)
    return [f".. {kind}:: {dotted}", *([] if own else ["   :no-index:"]), ""]


def _page(title: str, module: str, about: str, names: list[str]) -> str:
    described = [name for name in names if callable(_thing(name))]
    constants = [name.rpartition(".")[2] for name in names if name not in described]
    lines = [f"# {title}\n", f"{about}\n"]
    if constants:
        lines.append("Constants: " + ", ".join(f"`{name}`" for name in constants) + ".\n")
    lines += ["```{eval-rst}", f".. currentmodule:: {module}", ""]
    for dotted in described:
        lines += _directive(dotted, module)
    return "\n".join([*lines[:-1], "```", ""])


def pages() -> dict[str, str]:
    """Return the text of every page by file name."""
    found = {
        f"{room}.md": _page(
            f"`pipeline.{room}`",
            f"pipeline.{room}",
            f"{title}. Written by `make references` from the room's door.",
            door(room),
        )
        for room, title in ROOMS.items()
    }
    names = [name for module in MODULES for name in own_names(f"pipeline.{module}")]
    found["foundations.md"] = _page(
        "Below the rooms",
        "pipeline",
        "Modules that every room may use: "
        + ", ".join(f"`pipeline.{module}`" for module in MODULES)
        + ". Written by `make references`.",
        names,
    )
    rows = [f"| [`pipeline.{room}`]({room}.md) | {title} |" for room, title in ROOMS.items()]
    found["index.md"] = "\n".join(
        [
            "# Python API\n",
            "Every room of `pipeline/` can be imported without Snakemake; what stands here is its "
            "door, which stays as it is. Written by `make references`.\n",
            "| room | what it does |",
            "|---|---|",
            *rows,
            "| [below the rooms](foundations.md) | errors, files, metrics, intervals |",
            "",
            "```{toctree}",
            ":hidden:",
            "",
            *found,
            "```",
            "",
        ]
    )
    return found
