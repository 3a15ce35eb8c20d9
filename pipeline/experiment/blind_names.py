"""What a blind experiment may not say: names of drugs and conditions in labels, ids and paths.

Labels of the lab enter results as they are written, so that a session called ``r1_psilocybin``
would undo the codes. All such places are listed at once; abbreviations cannot be recognised.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal, get_origin

from pydantic import BaseModel

from pipeline.errors import InputError, Problem
from pipeline.experiment.blinding import (
    KEY_FILE,
    RECORD_FILE,
    is_hidden,
    key_path,
    read_key,
    read_record,
    record_path,
)
from pipeline.experiment.config import NO_CONDITION, Config
from pipeline.experiment.tables import Row

#: a name of so many letters or fewer counts only where no letter stands beside it
_SHORT = 3
#: config keys that name conditions and drugs, and are not shown while blind
_HIDDEN_KEYS = ("design.conditions", "design.reference_condition")
#: columns that are not shown while blind, or only repeat what another table says
_HIDDEN_COLUMNS = {
    "administrations": ("animal", "session", "drug", "route", "role"),
    "contexts": ("session",),
    "channels": ("session", "animal"),
    "recordings": ("session",),
    "behaviours": ("session",),
    "measurements": ("session", "animal"),
}


class HiddenNames:
    """Names that a blind run may not show.

    Parameters
    ----------
    names : iterable of str
        Conditions and drugs, as written.
    """

    def __init__(self, names: Iterable[str]) -> None:
        self._names = {_folded(name): name for name in sorted(names) if _folded(name)}
        self._patterns = {
            folded: re.compile(rf"(?<![^\W\d_]){re.escape(_plain(name))}(?![^\W\d_])")
            for folded, name in self._names.items()
            if len(folded) <= _SHORT
        }

    @property
    def names(self) -> tuple[str, ...]:
        """The names, without those that differ in case or marks only."""
        return tuple(self._names.values())

    def inside(self, text: str) -> str:
        """Return the first name that stands in a text, "" for none.

        Case, blanks and marks do not count ("Psilo-cybin" holds psilocybin). Names of up to three
        letters or digits count where no letter stands beside them ("r1_LSD2", not "also_LSDX").
        """
        whole, plain = _folded(text), _plain(text)
        for folded, name in self._names.items():
            pattern = self._patterns.get(folded)
            if pattern.search(plain) if pattern else folded in whole:
                return name
        return ""


def _plain(text: str) -> str:
    return unicodedata.normalize("NFKC", text).casefold()


def _folded(text: str) -> str:
    return "".join(letter for letter in _plain(text) if letter.isalnum())


def hidden_names(config: Config, drugs: Iterable[str] = ()) -> HiddenNames:
    """Return the names of conditions and substances of an experiment.

    Parameters
    ----------
    config : Config
        Declares conditions, their drugs and pretreatments.
    drugs : iterable of str
        Further drugs, as the administrations name them.
    """
    names = {*config.design.conditions, *drugs}
    for spec in config.design.conditions.values():
        for substance in (spec, spec.pretreatment):
            if substance is not None:
                drug = substance.drug
                names.update((drug,) if isinstance(drug, str) else drug)
    return HiddenNames(names - {"", NO_CONDITION})


def blinding_problems(
    config_path: Path, config: Config, rows: Mapping[str, Sequence[Row]]
) -> list[Problem]:
    """List what stands against a blind run, or against opening one without a record.

    Parameters
    ----------
    config_path : Path
        The config; key and record lie beside it.
    config : Config
        As read.
    rows : mapping of str to sequence of Row
        Tables by kind.

    Returns
    -------
    list of Problem
        Every label, id and path that names a drug or a condition, with row and column.
    """
    problems = _broken_files(config_path)
    if problems:
        return problems
    if not config.statistics.blind:
        return _opened_without_record(config_path)
    if not is_hidden(config, config_path):
        return []
    drugs = [row.values["drug"] for row in rows.get("administrations", ())]
    hidden = hidden_names(config, drugs)
    file = config_path.name
    return [
        *_names_like_codes(config, file),
        *_in_config(config, hidden, file),
        *_kept_columns(config, file),
        *_task_columns(config, file),
        *_in_tables(rows, hidden),
    ]


def _broken_files(config_path: Path) -> list[Problem]:
    """A key or record that is none, or a record that belongs to another key."""
    key, record = key_path(config_path), record_path(config_path)
    try:
        found = read_record(record) if record.exists() else None
        secret = read_key(key) if key.exists() else None
    except InputError as error:
        return [Problem(config_path.name, "statistics.blind", "", str(error))]
    if found and secret and found["key_sha256"] != secret.sha256:
        expected = (
            f"the record of the codes that {KEY_FILE} orders; this one is of another key (one "
            "experiment per folder; was an earlier record left here?)"
        )
        return [Problem(RECORD_FILE, "key_sha256", repr(found["key_sha256"]), expected)]
    return []


def _opened_without_record(config_path: Path) -> list[Problem]:
    if not key_path(config_path).exists() or record_path(config_path).exists():
        return []
    expected = (
        f"true: {KEY_FILE} says that a blind run was begun here. To open it, leave the key true "
        f"and run: python -m pipeline unblind {config_path} (it writes {RECORD_FILE}, which opens "
        "the run)"
    )
    return [Problem(config_path.name, "statistics.blind", "false", expected)]


def _names_like_codes(config: Config, file: str) -> list[Problem]:
    """A condition called B would be taken for the code B."""
    return [
        Problem(
            file,
            f"design.conditions.{name}",
            repr(name),
            "a longer name: one or two capital letters are the codes of a blind run",
        )
        for name in config.design.conditions
        if re.fullmatch(r"[A-Z]{1,2}", name)
    ]


def _in_config(config: Config, hidden: HiddenNames, file: str) -> Iterator[Problem]:
    for place, text in _texts(config, ""):
        name = hidden.inside(text)
        if name:
            yield _problem(file, place, text, name)


def _texts(value: Any, place: str) -> Iterator[tuple[str, str]]:
    """Yield every text of the config that the lab chose, with its key."""
    if place in _HIDDEN_KEYS:
        return
    if isinstance(value, BaseModel):
        if getattr(value, "modifier", "") == "pretreatment":  # not asked while blind
            return
        for key, field in type(value).model_fields.items():
            if get_origin(field.annotation) is not Literal:
                yield from _texts(getattr(value, key), f"{place}.{key}".lstrip("."))
    elif isinstance(value, Mapping):
        for key, item in value.items():
            yield place, str(key)
            yield from _texts(item, f"{place}.{key}")
    elif isinstance(value, list | tuple):
        for index, item in enumerate(value):
            yield from _texts(item, f"{place}.{index}")
    elif isinstance(value, str):
        yield place, value


def _kept_columns(config: Config, file: str) -> list[Problem]:
    """Cells of logs are not searched, so that none may be carried along unread."""
    return [
        Problem(
            file,
            f"behaviour.formats.{name}.keep",
            repr(list(mapping.keep)),
            "none while blind: these columns go into the results as they are",
        )
        for name, mapping in config.behaviour.formats.items()
        if mapping.keep
    ]


def _task_columns(config: Config, file: str) -> list[Problem]:
    """A log's own names of its task go into the tables of trials; codes of the config may."""
    return [
        Problem(
            file,
            f"behaviour.formats.{name}.columns.task",
            repr(mapping.columns["task"]),
            f"while blind, names for its cells in behaviour.formats.{name}.values.task, or no such "
            "column: what a log calls its task goes into the results as it is",
        )
        for name, mapping in config.behaviour.formats.items()
        if "task" in mapping.columns and "task" not in mapping.values
    ]


def _in_tables(rows: Mapping[str, Sequence[Row]], hidden: HiddenNames) -> Iterator[Problem]:
    for kind, table in rows.items():
        skipped = _HIDDEN_COLUMNS.get(kind, ())
        for column in table[0].extra if table else ():
            name = hidden.inside(column)
            if name:
                yield _problem(table[0].file, f"row 1, column {column}", column, name)
        for row in table:
            for column, cell in {**row.values, **dict(row.extra)}.items():
                name = hidden.inside(cell) if isinstance(cell, str) else ""
                if name and column not in skipped:
                    yield _problem(row.file, f"row {row.line}, column {column}", cell, name)


def _problem(file: str, place: str, found: str, name: str) -> Problem:
    expected = f"nothing that names {name!r}: it would stand in the results of a blind run"
    return Problem(file, place, repr(found), expected)
