"""Blinding: codes instead of conditions, until a record says who opened them, and when.

With ``statistics.blind: true`` every step after the sessions' own sees a coded experiment:
conditions are letters, ordered by a keyed hash (HMAC-SHA-256; RFC 2104) of their names, so that
neither the order of the config nor a public hash tells which letter is the vehicle. The key is a
random file beside the config. Drugs, doses, routes, roles, pretreatments and the number of earlier
drug doses are blanked, and no condition is anybody's reference. The record that
``python -m pipeline unblind`` writes opens the codes, not the config: see docs/blinding.md for what
this protects and what it does not.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import os
import secrets
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from string import ascii_uppercase
from typing import Any

from pipeline.errors import InputError
from pipeline.experiment.config import Config
from pipeline.experiment.model import Administration, Experiment
from pipeline.experiment.plan import AnalysisPlan, PlanCondition, PlanQuestion

#: files beside the config: the secret key of the codes, and the record that opens them
KEY_FILE = "blinding.key"
RECORD_FILE = "unblinding.json"
#: what a record must hold, for the run to be opened by it
RECORD_KEYS = ("format", "unblinded_at", "by", "codes", "key_sha256", "config", "tables", "code")
_KEY_BYTES = 32
#: the question whose levels are substances: it cannot be asked of codes
_NAMES_SUBSTANCES = "pretreatment"


@dataclass(frozen=True)
class Key:
    """The secret of the codes.

    Attributes
    ----------
    secret : bytes
        32 random bytes.
    made_at : str
        UTC time of the first blind run, ISO 8601.
    """

    secret: bytes
    made_at: str

    @property
    def sha256(self) -> str:
        """Fingerprint of the secret; 256 random bits cannot be guessed back from it."""
        return hashlib.sha256(self.secret).hexdigest()


def key_path(config_path: Path) -> Path:
    """Return where the key of an experiment lies."""
    return config_path.parent / KEY_FILE


def record_path(config_path: Path) -> Path:
    """Return where the record of unblinding lies."""
    return config_path.parent / RECORD_FILE


def utc_now() -> str:
    """Return the time to the second, such as 2026-03-01T09:30:00Z."""
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def write_once(path: Path, content: str, *, mode: int = 0o644) -> bool:
    """Write a file unless one is there; it appears whole, and is never replaced.

    Parameters
    ----------
    path : Path
        The file.
    content : str
        What to write, as UTF-8.
    mode : int
        Permissions.

    Returns
    -------
    bool
        False if the file was there already: it is left as it was.
    """
    part = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
    _create(part, content, mode)
    try:
        os.link(part, path)  # fails if the path exists, unlike a rename
    except FileExistsError:
        return False
    except OSError:  # a file system without hard links, such as many network shares
        try:
            _create(path, content, mode)
        except FileExistsError:
            return False
    finally:
        part.unlink()
    return True


def _create(path: Path, content: str, mode: int) -> None:
    """Write a new file; FileExistsError if there is one."""
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
    with os.fdopen(descriptor, "w", encoding="utf-8") as stream:
        stream.write(content)


def read_key(path: Path) -> Key:
    """Read a key.

    Raises
    ------
    InputError
        If the file holds no key: without it the codes cannot be told again.
    """
    words = dict(
        line.partition(" ")[::2]
        for line in path.read_text(encoding="utf-8").splitlines()
        if not line.startswith("#")
    )
    try:
        key = Key(bytes.fromhex(words["key"]), words["made"])
    except (KeyError, ValueError):
        key = Key(b"", "")
    if len(key.secret) != _KEY_BYTES:
        raise InputError(
            f"{path}: found no key; expected the lines 'made TIME' and 'key' with {2 * _KEY_BYTES} "
            "hexadecimal digits, as the first blind run wrote them (was the file edited? restore "
            "it: without it nobody can tell which code is which condition in earlier results)"
        )
    return key


def key_of(config_path: Path) -> Key:
    """Read the key beside a config; the first blind run makes it.

    Raises
    ------
    InputError
        If the file is no key, or none can be written there.
    """
    path = key_path(config_path)
    text = (
        "# Orders the codes of a blind run. Keep it; keep it out of version control, and away\n"
        "# from whoever should stay blind.\n"
        f"made {utc_now()}\nkey {secrets.token_hex(_KEY_BYTES)}\n"
    )
    try:
        if not path.exists():
            write_once(path, text, mode=0o600)
    except OSError as error:
        raise InputError(
            f"{path}: found no key, and none can be written ({error.strerror}); expected a folder "
            "that the first blind run may write to: the key lies beside the config"
        ) from None
    return read_key(path)


def read_record(path: Path) -> dict[str, Any]:
    """Read the record of unblinding.

    Raises
    ------
    InputError
        If the file is no such record.
    """
    try:
        record = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise InputError(f"{path.name}: found no JSON ({error}); was it edited?") from None
    missing = [name for name in RECORD_KEYS if name not in record] if record else RECORD_KEYS
    if missing:
        raise InputError(
            f"{path.name}: {', '.join(missing)} missing; expected the record that "
            "`python -m pipeline unblind` writes (was it edited, or written by hand?)"
        )
    return record


def is_hidden(config: Config, config_path: Path) -> bool:
    """Return whether conditions are to be shown by code: blind, and no record opens it."""
    return config.statistics.blind and not record_path(config_path).exists()


def codes_of(conditions: Iterable[str], key: bytes) -> dict[str, str]:
    """Give every condition a letter, in the order of the keyed hashes of the names.

    Parameters
    ----------
    conditions : iterable of str
        Names; their order does not matter.
    key : bytes
        The secret.

    Returns
    -------
    dict of str to str
        Condition -> "A", "B", ..., "Z", "AA", "AB", ...; in the order of the codes.
    """
    names = sorted(
        set(conditions), key=lambda name: hmac.digest(key, name.encode("utf-8"), "sha256")
    )
    return {name: _letters(index) for index, name in enumerate(names)}


def _letters(index: int) -> str:
    """Name the columns of a spreadsheet: 0 is A, 25 is Z, 26 is AA."""
    before, last = divmod(index, len(ascii_uppercase))
    return (_letters(before - 1) if before else "") + ascii_uppercase[last]


def shown(experiment: Experiment, *, make_key: bool = True) -> Experiment:
    """Return the experiment that cohort and report may see: coded while blind, else itself.

    Parameters
    ----------
    experiment : Experiment
        As loaded. Its config stays as it is: what of it may be shown, :func:`shown_config` says.
    make_key : bool
        False shows ``?`` for every condition while there is no key, instead of making one.

    Returns
    -------
    Experiment
        With ``plan.blind`` set while blind.
    """
    if experiment.plan.blind or not is_hidden(experiment.config, experiment.config_path):
        return experiment
    conditions = experiment.config.design.conditions
    if not make_key and not key_path(experiment.config_path).exists():
        return coded(experiment, dict.fromkeys(conditions, "?"))
    key = key_of(experiment.config_path)
    return coded(experiment, codes_of(conditions, key.secret))


def coded(experiment: Experiment, codes: Mapping[str, str]) -> Experiment:
    """Replace conditions by codes, and blank what would tell them.

    Times, sessions, animals, contexts, phases, periods and days since the last dose stay; sham
    control periods stay ``none``. The number of earlier drug doses goes, because 0 in a second
    period says that the first one was a vehicle.

    Parameters
    ----------
    experiment : Experiment
        As loaded.
    codes : mapping of str to str
        Condition -> code, of every declared condition.
    """
    anchors = {
        name: replace(
            anchor,
            administration=_nameless(anchor.administration),
            condition=codes.get(anchor.condition, anchor.condition),
            pretreatment="",
            previous_condition=codes.get(anchor.previous_condition, anchor.previous_condition),
            n_prior_doses=None,
        )
        for name, anchor in experiment.anchors.items()
    }
    return replace(
        experiment,
        administrations=tuple(map(_nameless, experiment.administrations)),
        anchors=anchors,
        plan=coded_plan(experiment.plan, codes),
    )


def _nameless(administration: Administration) -> Administration:
    return replace(administration, drug="", dose_mg_per_kg=None, route="", role="")


def coded_plan(plan: AnalysisPlan, codes: Mapping[str, str]) -> AnalysisPlan:
    """Return the plan of a blind comparison: no condition is anybody's reference.

    Parameters
    ----------
    plan : AnalysisPlan
        The open plan.
    codes : mapping of str to str
        Condition -> code, of every condition of the plan.
    """
    conditions = tuple(
        PlanCondition(name=code, reference=None, drug="", is_reference=False)
        for code in sorted(codes.values(), key=lambda code: (len(code), code))
    )
    questions = tuple(q for q in plan.questions if q.modifier != _NAMES_SUBSTANCES)
    by_context = PlanQuestion(
        modifier="context", reference=plan.contexts[0], levels=plan.contexts, phases=plan.phases
    )
    changes = {"conditions": conditions, "questions": questions or (by_context,), "blind": True}
    return plan.model_copy(update=changes)


def shown_config(experiment: Experiment) -> dict[str, Any]:
    """Return the resolved settings that a report may list, as nested plain data.

    The tables' places are left out; while blind, so is whatever declares a substance, and what
    the lab wrote of its animals and of conduct, for free text may name one.
    """
    settings = experiment.config.model_dump(mode="json", exclude={"tables"})
    if experiment.plan.blind:
        del settings["reporting"]
        design = settings["design"]
        del design["conditions"], design["reference_condition"]
        design["questions"] = [
            question
            for question in design["questions"]
            if question["modifier"] != _NAMES_SUBSTANCES
        ]
    return settings
