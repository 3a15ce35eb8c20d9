"""The commented config.yaml of a new experiment, written from the typed configuration.

Written from the models and not copied from a file, so that no key can be missing, misspelt or
described otherwise than where it is checked.
"""

from __future__ import annotations

import textwrap
from collections.abc import Mapping
from typing import Any

import yaml
from pydantic import BaseModel

from pipeline.experiment.config import Config

_WIDTH = 98
_HEAD = """\
Start of an experiment. Paths are relative to this file. `python -m pipeline check` on this file
lists all that is still missing; unknown keys are errors, with "did you mean".
Everything but experiment, tables and design has a default, and stands here with it: a key may be
left out. null, [] and {} are "nothing"; the comment above then has an example.
"""

#: what the lab must replace: design and names are examples
GIVEN: dict[str, Any] = {
    "experiment.title": "Title of the report",
    "experiment.species": "rat",
    "tables.sessions": "sessions.tsv",
    "tables.administrations": "administrations.tsv",
    "tables.contexts": "contexts.tsv",
    "tables.channels": "channels.tsv",
    "design.conditions": {
        "vehicle": {"drug": ["saline", "vehicle"]},
        "psilocybin": {"drug": "psilocybin", "dose_mg_per_kg": 1},
    },
    "design.reference_condition": "vehicle",
    "design.contexts": ["home_cage", "open_field"],
    "design.questions": [{"modifier": "context", "reference": "home_cage"}],
    "design.phases": {"baseline": [-1800, -120], "acute": [300, 3600]},
}
#: instead of a value: the key stands there behind a #
LEFT_OUT = object()
#: for logs without a recording: doses are given before, and the whole session is one phase
WITHOUT_CLOCK: dict[str, Any] = {
    "design.contexts": ["set_shifting"],
    "design.questions": [],
    "design.phases": {"test": "session"},
    "design.baseline_phase": LEFT_OUT,
}
#: examples of keys that have no default value
EXAMPLES: dict[str, Any] = {
    "tables.recordings": "recordings.tsv",
    "tables.behaviours": "behaviours.tsv",
    "tables.measurements": "measurements.tsv",
    "outcomes.primary": ["band_power/theta@mPFC", "firing_rate@mPFC", "speed"],
    "outcomes.secondary": ["band_power/hfo@mPFC"],
    "outcomes.smallest_effect": {"band_power": {"drug": 1.0, "interaction": 1.0}},
    "outcomes.baseline": {"band_power": "change"},
    "outcomes.declare": {"spine_density": {"label": "Spine density", "value_unit": "1/um"}},
    "recording.line_noise_hz": 50,
    "recording.stream": "imec0.lf",
    "recording.pass_band_hz": 300,
    "spikes.minimum": {"snr": 5},
    "spikes.maximum": {"isi_violations_ratio": 0.5, "amplitude_cutoff": 0.1},
    "flexibility.task": "tasks/light_side.yaml",
    "movement.frame_rate_hz": 30,
    "movement.likelihood_column": "likelihood",
    "movement.minimum_likelihood": 0.9,
    "movement.body_part": "nose",
    "movement.individual": "rat1",
    "movement.series": "position",
    "movement.axes": "yx",
    "movement.cm_per_unit": 0.12,
    "movement.zones": {
        "social": {"rectangle": [0, 0, 150, 300]},
        "object": {"circle": [320, 240, 40]},
    },
    "behaviour.formats": {
        "box": {
            "columns": {"t_cue": "Time", "rule": "Rule", "choice_side": "Choice", "correct": "Hit"},
            "values": {"choice_side": {"L": "left", "R": "right"}, "correct": {"1": True}},
            "sync_event": "Pulse",
        }
    },
    "sync.line": "1",
    "sync.clock": "NI-DAQmx-103.PXIe-6341",
    "reporting.statement": "Pilot of a larger experiment.",
    "reporting.sample_size": "Eight rats, from python -m pipeline power (see power.html).",
    "reporting.inclusion_criteria": "Animals that reached criterion in training, set beforehand.",
    "reporting.randomisation": "Latin squares drawn by computer, by someone who dosed no animal.",
    "reporting.confounders": "All sessions between 9 and 12; order of boxes rotated.",
    "reporting.blinding": "Syringes were coded; code broken after the verdicts were written.",
    "reporting.strain": "Long-Evans rats, Charles River.",
    "reporting.genotype": "Wild type; specific-pathogen-free stock.",
    "reporting.age": "12 to 14 weeks.",
    "reporting.weight": "310 to 380 g.",
    "reporting.history": "Drug-naive; four weeks of training in the task.",
    "reporting.surgery": "Tetrode drive in mPFC and CA1 under isoflurane; ten days of recovery.",
    "reporting.substances": "Psilocybin in saline, 1 ml/kg.",
    "reporting.conduct": "Light phase, recording room, one experimenter.",
    "reporting.rationale": "Doses from the literature on head twitches.",
    "reporting.ethics": "Animal ethics committee of the university, protocol 2024-17.",
    "reporting.housing": "Two per cage, 12 h light, water freely available, 15 g food a day.",
    "reporting.welfare": "Weighed daily; end point at 85 % of weight; none reached it.",
    "reporting.registration": "Analysis registered before unblinding.",
    "reporting.data_access": "On request.",
    "reporting.institution": "University of Bologna",
    "reporting.lab": "Laboratory of behavioural neuroscience",
    "reporting.experimenter": ["Nose, Ada", "Ear, Bo"],
    "reporting.time_zone": "Europe/Rome",
}
#: examples of keys whose default does not show what else they take
ALTERNATIVES: dict[str, Any] = {
    "spikes.sorting": {"run": "spykingcircus2", "group_by": "shank"},
}


def config_text(given: Mapping[str, Any] | None = None) -> str:
    """Return the text of a new config.yaml.

    Parameters
    ----------
    given : mapping of str to object, optional
        Values by dotted key, instead of those of GIVEN.

    Returns
    -------
    str
        YAML in which every key of the configuration stands once, with its description.
    """
    values = {**GIVEN, **(given or {})}
    lines = [f"# {line}" for line in _HEAD.splitlines()]
    for section, field in Config.model_fields.items():
        lines += ["", *_comment(field.description, ""), f"{section}:"]
        model = field.annotation
        if not (isinstance(model, type) and issubclass(model, BaseModel)):
            raise TypeError(f"section {section} of Config: found {model}; expected a model of keys")
        lines += _section(model, section, values)
    return "\n".join(lines) + "\n"


def _section(model: type[BaseModel], section: str, values: Mapping[str, Any]) -> list[str]:
    lines: list[str] = []
    for name, field in model.model_fields.items():
        key = f"{section}.{name}"
        lines += _comment(field.description, "  ")
        default = (
            None if field.is_required() else _plain(field.get_default(call_default_factory=True))
        )
        if values.get(key) is LEFT_OUT:
            lines.append(f"  # {name}: {_flow(default)}")
            continue
        if key in values:
            value = values[key]
        else:
            value = default
            if key in EXAMPLES:
                lines += _example(name, EXAMPLES[key])
            elif key in ALTERNATIVES:
                lines += _example(name, ALTERNATIVES[key])
        lines += _entry(name, value, "  ")
    return lines


def _example(name: str, value: Any) -> list[str]:
    """Return an example as comment; one of several lines as it would stand."""
    text = _flow({name: value})[1:-1]
    if len(text) < _WIDTH - 16:
        return [f"  # Example: {text}"]
    block = yaml.safe_dump({name: _plain(value)}, sort_keys=False, width=_WIDTH)
    return ["  # Example:", *(f"  #   {line}" for line in block.splitlines())]


def _comment(text: str | None, indent: str) -> list[str]:
    if not text:
        return []
    return textwrap.wrap(
        text + ("" if text.endswith((".", "?")) else "."),
        width=_WIDTH,
        initial_indent=f"{indent}# ",
        subsequent_indent=f"{indent}# ",
        break_long_words=False,
        break_on_hyphens=False,
    )


def _entry(name: str, value: Any, indent: str) -> list[str]:
    """Return ``name: value``; mappings of several entries in a line for each."""
    if isinstance(value, Mapping) and value:
        inner = [f"{indent}  {key}: {_flow(item)}" for key, item in value.items()]
        return [f"{indent}{name}:", *inner]
    return [f"{indent}{name}: {_flow(value)}"]


def _flow(value: Any) -> str:
    """Return a value in one line of YAML."""
    text = yaml.safe_dump(_plain(value), default_flow_style=True, width=10_000, sort_keys=False)
    return text.removesuffix("\n").removesuffix("\n...")


def _plain(value: Any) -> Any:
    """Return plain data: whole numbers without a point, tuples as lists, models as mappings."""
    if isinstance(value, BaseModel):
        value = value.model_dump(mode="json", exclude_none=True)
    if isinstance(value, Mapping):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    if isinstance(value, float) and value.is_integer():
        return int(value)
    return value
