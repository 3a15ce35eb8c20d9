"""docs/reference/configuration.md, written from the typed config and the schemas of the tables.

Every key with its type, default, unit, allowed values, meaning and an example: what the models of
:mod:`pipeline.experiment.config` declare, and nothing else.
"""

from __future__ import annotations

import json
import re
import types
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from pipeline.commands.new_config import ALTERNATIVES, EXAMPLES, GIVEN
from pipeline.commands.reference_examples import INNER
from pipeline.commands.reference_tables import tables_section
from pipeline.experiment.config import Config

#: how a name ends, and the unit that it states; the first that fits
_UNITS = (
    ("_per_s", "1/s"),
    ("_cm_s", "cm/s"),
    ("_mg_per_kg", "mg/kg"),
    ("_log2", "log2"),
    ("_ppm", "ppm"),
    ("_hz", "Hz"),
    ("_ms", "ms"),
    ("_db", "dB"),
    ("_um", "um"),
    ("_sd", "robust SD"),
    ("_trials", "trials"),
    ("_days", "days"),
    ("_within_h", "h"),
    ("_s", "s"),
)
#: units of keys whose names state none
_OTHER_UNITS = {
    "lfp.bands": "Hz",
    "lfp.phase_amplitude.seconds": "s",
    "design.phases.NAME.seconds": "s",
    "design.phases.NAME.days": "days",
    "movement.cm_per_unit": "cm",
}
_PLAIN = {str: "text", int: "whole number", float: "number", bool: "`true` or `false`"}
_BOUNDS = {"ge": "at least", "gt": "above", "le": "at most", "lt": "below"}
_INTRODUCTION = """# Configuration

Written by `make references` from the typed config; a test keeps it in step. One file,
`config.yaml`, and the tables that it names describe an experiment. Paths are relative to the
config file. Everything but `experiment`, `tables` and `design` has a default; unknown keys are
errors that name the nearest known one.

Check a config and its tables without running anything:

```sh
.venv/bin/python -m pipeline check ~/my_experiment/config.yaml
```

`NAME` in a key stands for a name of your own; `[]` for one entry of a list. An example stands as
it is written after the key.
"""


@dataclass(frozen=True, kw_only=True)
class Key:
    """One key of the config.

    Attributes
    ----------
    path : str
        ``design.phases.NAME.seconds``.
    field : FieldInfo
        Its declaration.
    model : type
        The model that declares it.
    """

    path: str
    field: FieldInfo
    model: type[BaseModel]

    @property
    def name(self) -> str:
        """Last part of the path."""
        return self.path.rpartition(".")[2]

    @property
    def unit(self) -> str:
        """Unit, from the name's end; "" for a number without one, and for what is no number."""
        known = _OTHER_UNITS.get(self.path)
        if known is not None or not _is_number(self.field.annotation):
            return known or ""
        return next((unit for end, unit in _UNITS if self.name.endswith(end)), "")

    @property
    def default(self) -> str:
        """Default as YAML, or "required", or "nothing"."""
        if self.field.is_required():
            return "required"
        value = self.field.get_default(call_default_factory=True)
        if value in (None, "", (), {}):
            return "nothing"
        return "as below" if isinstance(value, BaseModel) else f"`{inline(value)}`"

    @property
    def example(self) -> Any:
        """A value that is allowed: an example for this key, else its default; None without."""
        for known in (GIVEN, EXAMPLES, ALTERNATIVES):
            if self.path in known:
                return known[self.path]
        inner = f"{self.model.__name__}.{self.name}"
        if inner in INNER:
            return INNER[inner]
        if self.field.is_required():
            return None
        return self.field.get_default(call_default_factory=True)


def inline(value: Any) -> str:
    """Return a value as YAML on one line, as one writes it by hand."""
    if isinstance(value, dict):
        return "{" + ", ".join(f"{inline(k)}: {inline(v)}" for k, v in value.items()) + "}"
    if isinstance(value, list | tuple):
        return "[" + ", ".join(inline(item) for item in value) + "]"
    if isinstance(value, str):
        plain = re.fullmatch(r"[A-Za-z_./][A-Za-z0-9_ ./@~-]*", value)
        return value if plain else json.dumps(value, ensure_ascii=False)
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return json.dumps(value)


def models_in(annotation: Any) -> list[type[BaseModel]]:
    """Return the models that an annotation names, in order."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return [annotation]
    return [model for part in get_args(annotation) for model in models_in(part)]


def sections(
    model: type[BaseModel] = Config, path: str = ""
) -> Iterator[tuple[str, type[BaseModel], list[Key]]]:
    """Yield every mapping of the config: its path, its model and its keys.

    Parameters
    ----------
    model : type
        Where to begin.
    path : str
        Of the mapping; "" for the whole config.
    """
    start = f"{path}." if path else ""
    keys = [
        Key(path=start + name, field=field, model=model)
        for name, field in model.model_fields.items()
    ]
    yield path, model, keys
    for key in keys:
        for inner in models_in(key.field.annotation):
            yield from sections(inner, key.path + _many(key.field.annotation))


def _many(annotation: Any) -> str:
    """How the entries of a key are written: .NAME of a mapping, [] of a list."""
    origins = {get_origin(part) for part in (annotation, *get_args(annotation))}
    return ".NAME" if dict in origins else "[]" if tuple in origins else ""


def _is_number(annotation: Any) -> bool:
    if annotation in (int, float):
        return True
    return any(_is_number(part) for part in get_args(annotation) if part is not bool)


def type_words(annotation: Any) -> str:
    """Return an annotation in words.

    Raises
    ------
    TypeError
        If the page has no words for it: add them here.
    """
    origin, parts = get_origin(annotation), get_args(annotation)
    if annotation in _PLAIN:
        return _PLAIN[annotation]
    if annotation is Any:
        return "anything"
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return "mapping"
    if origin is Annotated:
        return type_words(parts[0])
    if origin is Literal:
        return " or ".join(f"`{inline(value)}`" for value in parts if value != "")
    if origin in (Union, types.UnionType):
        return ", or ".join(dict.fromkeys(type_words(p) for p in parts if p is not type(None)))
    if origin is dict:
        return f"mapping of names to {_plural(type_words(parts[1]))}"
    if origin is tuple and parts[-1] is Ellipsis:
        return f"list of {_plural(type_words(parts[0]))}"
    if origin is tuple:
        return "[" + ", ".join(type_words(part) for part in parts) + "]"
    raise TypeError(f"no words for the type {annotation!r}")


def _plural(words: str) -> str:
    nouns = {"text": "texts", "number": "numbers", "whole number": "whole numbers"}
    return nouns.get(words, "mappings" if words == "mapping" else words)


def limits(field: FieldInfo) -> str:
    """Return the bounds of a field in words, "" without any."""
    found = []
    for rule in field.metadata:
        for name, words in _BOUNDS.items():
            value = getattr(rule, name, None)
            if isinstance(value, int | float):
                found.append(f"{words} {inline(value)}")
        if getattr(rule, "min_length", None):
            found.append("not empty")
    return ", ".join(found)


def _row(key: Key) -> str:
    stated = [type_words(key.field.annotation), limits(key.field), key.unit and f"in {key.unit}"]
    words = "; ".join(word for word in stated if word)
    shown = key.example not in (None, "", (), {}) and not isinstance(key.example, BaseModel)
    example = f"`{inline(key.example)}`" if shown else ""
    cells = (f"`{key.name}`", key.field.description or "", words, key.default, example)
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"


def page() -> str:
    """Return the whole page."""
    (_, _, top), *rest = sections()
    parts = [
        _INTRODUCTION,
        "| section | holds |",
        "|---|---|",
        *(f"| [`{key.name}`](#{key.name}) | {key.field.description} |" for key in top),
        "| [the tables](#the-tables) | Columns of every table |",
        "",
    ]
    for path, model, keys in rest:
        about = (model.__doc__ or "").strip().partition("\n")[0]
        parts += [
            f"{'##' if '.' not in path else '###'} `{path}`\n",
            f"{about}\n",
            "| key | meaning | type | default | example |",
            "|---|---|---|---|---|",
            *map(_row, keys),
            "",
        ]
    return "\n".join([*parts, tables_section()])
