"""One experiment in four recording formats and four log formats, with the same truth in all.

Four rats, two visits each. What the animal did and what its brain did depend on the condition
alone, so that any difference between two sessions of one condition is a fault of reading.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import scipy.io
import yaml
from experiments import write_experiment, write_table

from pipeline.simulate.writers import write_edf, write_nwb, write_openephys, write_spikeglx

RATE_HZ = 1000.0
SECONDS = 90
DOSE_S = 40.0
CHANNELS, REGIONS = ["CH1", "CH2"], ["mPFC", "CA1"]
CONTEXTS = [("home_cage", 0, 20), ("box", 20, 40), ("home_cage", 40, 65), ("box", 65, 90)]
#: (start, stop) by (phase, context): one second around the dose is cut out
CELLS = {
    ("baseline", "home_cage"): (0, 20),
    ("baseline", "box"): (20, 39),
    ("acute", "home_cage"): (41, 65),
    ("acute", "box"): (65, 90),
}
NOISE_UV = 20.0
#: amplitude of the sine of 8 Hz by region; psilocybin changes that of mPFC in the box by so many dB
THETA_UV = {"mPFC": 60.0, "CA1": 40.0}
CHANGE_DB = -4.0
#: the line of the rigs' digital input that carries the pulses; logs start so late and run so slow
LINE, PULSE_S, DRIFT_PPM = 6, 0.05, 200.0
LOG_ZERO_S = {"pulses": 1.7, "declared": 2.25}
#: the recording in two parts stops and resumes around the dose
STOPPED_S, RESUMED_S = 38.0, 42.0


@dataclass(frozen=True)
class Session:
    """Which rig, which box, which condition."""

    animal: int
    week: int
    condition: str
    recording: str
    log: str
    #: the clock of its log comes from pulses
    synced: bool = False
    parts: bool = False
    broken: bool = False

    @property
    def name(self) -> str:
        return f"r{self.animal}_w{self.week}"


SESSIONS = [
    Session(0, 0, "vehicle", "spikeglx", "medpc", synced=True),
    Session(0, 1, "psilocybin", "openephys", "pycontrol", synced=True, parts=True),
    Session(1, 0, "psilocybin", "nwb", "bpod"),
    Session(1, 1, "vehicle", "edf", "csv"),
    Session(2, 0, "vehicle", "openephys", "csv"),
    Session(2, 1, "psilocybin", "edf", "medpc"),
    Session(3, 0, "psilocybin", "spikeglx", "pycontrol"),
    Session(3, 1, "vehicle", "nwb", "bpod", broken=True),
]


# --- the truth -----------------------------------------------------------------------------------


@dataclass(frozen=True)
class Trial:
    """One trial on the recording's clock; ``choice_s`` None is an omission."""

    number: int
    cue_s: float
    choice_s: float | None
    rule: str
    cue: str
    side: str

    @property
    def correct(self) -> bool:
        return self.side == (self.cue if self.rule == "light" else "left")


def trials_of(condition: str) -> list[Trial]:
    """Trials every two to three seconds, none around the dose; the rule changes once."""
    rng = np.random.default_rng({"vehicle": 3, "psilocybin": 4}[condition])
    cues = 2.8 + np.cumsum(rng.uniform(2.0, 3.0, 50))
    # an animal that is carried or injected starts no trial
    edges = np.array([20.0, 65.0])
    kept = [
        round(float(t), 3)
        for t in cues
        if t < SECONDS - 3 and not 35 < t < 45 and np.abs(t - edges).min() > 0.5
    ]
    trials = []
    for number, cue_s in enumerate(kept, 1):
        light = str(rng.choice(["left", "right"]))
        rule = "light" if cue_s < 60 else "left"
        right = light if rule == "light" else "left"
        wrong = "right" if right == "left" else "left"
        side = "" if number == 5 else right if rng.random() < 0.75 else wrong
        choice_s = round(cue_s + float(rng.uniform(0.3, 0.9)), 3) if side else None
        trials.append(Trial(number, cue_s, choice_s, rule, light, side))
    return trials


def signals_of(condition: str) -> np.ndarray:
    """White noise and a sine of 8 Hz per region, (time, channel) microvolts."""
    times = np.arange(round(SECONDS * RATE_HZ)) / RATE_HZ
    noise = np.random.default_rng(1).normal(0, NOISE_UV, (len(times), len(REGIONS)))
    for column, region in enumerate(REGIONS):
        noise[:, column] += amplitude_uv(condition, region, times) * np.sin(16 * np.pi * times)
    return noise.astype(np.float32)


def amplitude_uv(condition: str, region: str, times: np.ndarray) -> np.ndarray:
    """Amplitude of the planted sine at each time."""
    changed = (times >= 65) & (condition == "psilocybin") & (region == "mPFC")
    return THETA_UV[region] * np.where(changed, 10 ** (CHANGE_DB / 20), 1.0)


# --- recordings ----------------------------------------------------------------------------------


def pulses_of(session: Session, start_s: float, stop_s: float) -> list[tuple[int, int, int]]:
    """A pulse at each cue, in samples of a part of the recording."""
    cues = [t.cue_s for t in trials_of(session.condition) if start_s <= t.cue_s < stop_s - 0.1]
    first = [round((cue - start_s) * RATE_HZ) for cue in cues]
    return [(LINE, on, on + round(PULSE_S * RATE_HZ)) for on in first]


def write_recording(folder: Path, session: Session) -> list[dict[str, object]]:
    """Write the session's recording; returns its rows of recordings.tsv."""
    signals, path = signals_of(session.condition), folder / session.name
    given = {"rate_hz": RATE_HZ, "channels": CHANNELS}
    row = {"session": session.name, "format": session.recording, "file": path.name}
    if session.parts:
        spans = [(0.0, STOPPED_S), (RESUMED_S, float(SECONDS))]
        for number, (start, stop) in enumerate(spans, 1):
            write_openephys(
                folder / f"{session.name}_part{number}",
                signals[round(start * RATE_HZ) : round(stop * RATE_HZ)],
                pulses=pulses_of(session, start, stop),
                **given,
            )
        return [
            row | {"file": f"{session.name}_part{number}", "starts_at_s": start or None}
            for number, (start, _) in enumerate(spans, 1)
        ]
    pulses = pulses_of(session, 0, SECONDS)
    if session.recording == "openephys":
        write_openephys(path, signals, pulses=pulses, **given)
    elif session.recording == "spikeglx":
        write_spikeglx(path, session.name, signals, pulses=pulses, **given)
    elif session.recording == "edf":
        path = write_edf(path.with_suffix(".edf"), signals, **given)
    else:
        path = write_nwb(
            path.with_suffix(".nwb"),
            signals_uv=signals,
            regions=REGIONS,
            session_start=datetime(2026, 1, 1 + 7 * session.week, 9, tzinfo=UTC),
            identifier=session.name,
            subject_id=f"r{session.animal}",
            **given,
        )
    if session.broken:
        whole = path.read_bytes()
        path.write_bytes(whole[: len(whole) // 2])
    return [row | {"file": path.name}]


# --- logs ----------------------------------------------------------------------------------------


def clock_of(session: Session) -> Callable[[float], float]:
    """From the recording's clock to the log's: it started later, and may run slow."""
    if session.synced:
        return lambda t: (t - LOG_ZERO_S["pulses"]) / (1 + DRIFT_PPM * 1e-6)
    return lambda t: t - LOG_ZERO_S["declared"]


def write_medpc(path: Path, trials: Sequence[Trial], clock: Callable[[float], float]) -> None:
    """Times in array D, codes in E, their number in G, milliseconds."""
    events, rule = [], None
    for t in trials:
        if t.rule != rule:
            rule = t.rule
            events.append((t.cue_s, {"light": 31, "left": 32}[rule]))
        events += [(t.cue_s, {"left": 1, "right": 2}[t.cue]), (t.cue_s, 90)]
        if t.choice_s is not None:
            events.append((t.choice_s, {"left": 11, "right": 12}[t.side]))
            events += [(t.choice_s, 20)] if t.correct else []
        events.append(((t.choice_s or t.cue_s + 1.5) + 0.05, 40))
    lines = ["File: C:\\MED-PC\\Data\\x", "", "", "Start Date: 01/01/26", "End Date: 01/01/26"]
    lines += ["Subject: any", "Experiment: 0", "Group: 0", "Box: 1", "Start Time: 09:00:00"]
    lines += ["End Time: 09:02:00", "MSN: Shift_1", f"G:{len(events):>12}.000"]
    columns = {"D": [round(1000 * clock(t)) for t, _ in events], "E": [code for _, code in events]}
    for letter, values in columns.items():
        full = values + [0] * 50
        lines.append(f"{letter}:")
        for start in range(0, len(full), 5):
            row = "".join(f"{value:>13.3f}" for value in full[start : start + 5])
            lines.append(f"{start:6d}:{row}")
    path.write_bytes(("\r\n".join(lines) + "\r\n").encode())


def write_pycontrol(path: Path, trials: Sequence[Trial], clock: Callable[[float], float]) -> None:
    """Version 2: states light_left and light_right, reward, timeout and iti."""
    rows = ["time\ttype\tsubtype\tcontent", "0.000\tinfo\tsubject_id\tany"]
    rows.append(f"0.000\tvariable\trun_start\t{json.dumps({'rule': trials[0].rule})}")
    rows.append("0.000\tstate\t\titi")
    for before, t in zip([trials[0], *trials], trials, strict=False):
        cue = f"{clock(t.cue_s):.3f}"
        if t.rule != before.rule:
            rows.append(f"{cue}\tvariable\tuser_set\t{json.dumps({'rule': t.rule})}")
        rows += [f"{cue}\tstate\t\tlight_{t.cue}", f"{cue}\tevent\tsync\tsync"]
        if t.choice_s is not None:
            chosen = f"{clock(t.choice_s):.3f}"
            rows.append(f"{chosen}\tevent\tinput\tpoke_{t.side[0]}")
            rows.append(f"{chosen}\tstate\t\t{'reward' if t.correct else 'timeout'}")
        rows.append(f"{clock((t.choice_s or t.cue_s + 1.5) + 0.05):.3f}\tstate\t\titi")
    rows.append(f"{clock(SECONDS):.3f}\tinfo\tend_time\t2026-01-01T09:02:00.000")
    path.write_text("\n".join(rows) + "\n")


def write_bpod(path: Path, trials: Sequence[Trial], clock: Callable[[float], float]) -> None:
    """MATLAB 5: times of states and inputs count from the start of each trial."""
    cells = np.empty((1, len(trials)), dtype=object)
    never, stops = np.array([np.nan, np.nan]), []
    for index, t in enumerate(trials):
        stop = (t.choice_s or t.cue_s + 1.5) + 0.05 - t.cue_s
        answer = stop if t.choice_s is None else t.choice_s - t.cue_s
        states = dict.fromkeys(("LightLeft", "LightRight", "Reward", "Punish"), never)
        states["LightLeft" if t.cue == "left" else "LightRight"] = np.array([0.0, answer])
        events = {"BNC1High": 0.0}
        if t.choice_s is not None:
            states["Reward" if t.correct else "Punish"] = np.array([answer, stop])
            events["Port1In" if t.side == "left" else "Port3In"] = answer
        cells[0, index] = {"States": states, "Events": events}
        stops.append(clock(t.cue_s) + stop)
    data = {
        "nTrials": float(len(trials)),
        "Info": {"BpodVersion": "Gen2"},
        "RawEvents": {"Trial": cells},
        "TrialStartTimestamp": np.array([clock(t.cue_s) for t in trials]),
        "TrialEndTimestamp": np.array(stops),
        "TrialTypes": np.array([{"light": 1.0, "left": 2.0}[t.rule] for t in trials]),
    }
    scipy.io.savemat(path, {"SessionData": data}, do_compression=True)


def write_csv(path: Path, trials: Sequence[Trial], clock: Callable[[float], float]) -> None:
    """One row per trial; an omission has no time of choice."""
    lines = ["Trial,Cue_s,Press_s,Rule,Light,Lever,Correct"]
    for t in trials:
        chosen = "" if t.choice_s is None else f"{clock(t.choice_s):.3f}"
        correct = "" if t.choice_s is None else int(t.correct)
        lever = {"left": "L", "right": "R", "": "none"}[t.side]
        cells = (
            t.number,
            f"{clock(t.cue_s):.3f}",
            chosen,
            t.rule,
            t.cue[0].upper(),
            lever,
            correct,
        )
        lines.append(",".join(map(str, cells)))
    path.write_text("\n".join(lines) + "\n")


LOGS = {
    "medpc": (write_medpc, ".txt"),
    "pycontrol": (write_pycontrol, ".tsv"),
    "bpod": (write_bpod, ".mat"),
    "csv": (write_csv, ".csv"),
}
LIGHTS = ["light_left", "light_right"]
FORMATS = {
    "medpc": {
        "reader": "medpc",
        "medpc": {
            "ticks_per_s": 1000,
            "events": [{"layout": "paired", "array": "D", "codes_array": "E", "length": "G"}],
        },
        "codes": {
            1: "light_left", 2: "light_right", 11: "lever_left", 12: "lever_right", 20: "pellet",
            31: "rule_light", 32: "rule_left", 40: "levers_in", 90: "sync",
        },
        "trials": {
            "start": LIGHTS,
            "stop": "levers_in",
            "cue": {"light_left": "left", "light_right": "right"},
            "choice": {"lever_left": "left", "lever_right": "right"},
            "correct": {"pellet": True, "": False},
            "reward": "pellet",
            "rule": {"rule_light": "light", "rule_left": "left"},
        },
    },
    "pycontrol": {
        "reader": "pycontrol",
        "trials": {
            "start": LIGHTS,
            "stop": "iti",
            "cue": {"light_left": "left", "light_right": "right"},
            "choice": {"poke_l": "left", "poke_r": "right"},
            "correct": {"reward": True, "timeout": False},
            "reward": "reward",
            "variables": {"rule": "rule"},
        },
    },
    "bpod": {
        "reader": "bpod",
        "trials": {
            "start": "TrialStart",
            "stop": "TrialEnd",
            "cue": {"LightLeft": "left", "LightRight": "right"},
            "choice": {"Port1In": "left", "Port3In": "right"},
            "correct": {"Reward": True, "Punish": False},
            "reward": "Reward",
            "variables": {"rule": "TrialTypes"},
        },
        "values": {"rule": {1: "light", 2: "left"}},
    },
    "csv": {
        "columns": {
            "trial": "Trial", "t_cue": "Cue_s", "t_choice": "Press_s", "rule": "Rule",
            "cue_side": "Light", "choice_side": "Lever", "correct": "Correct",
        },
        "values": {
            "cue_side": {"L": "left", "R": "right"},
            "choice_side": {"L": "left", "R": "right", "none": "omission"},
            "correct": {1: True, 0: False},
        },
    },
}  # fmt: skip


def format_of(session: Session) -> str:
    """Name under behaviour.formats: a mapping that names its pulses is one of its own."""
    return f"{session.log}_pulses" if session.synced else session.log


def write_log(folder: Path, session: Session) -> dict[str, object]:
    """Write the session's log; returns its row of behaviours.tsv."""
    writer, suffix = LOGS[session.log]
    path = folder / f"{session.name}_log{suffix}"
    writer(path, trials_of(session.condition), clock_of(session))
    start = None if session.synced else LOG_ZERO_S["declared"]
    row = {"session": session.name, "file": path.name, "format": format_of(session)}
    return row | {"starts_at_s": start}


# --- the experiment ------------------------------------------------------------------------------

TASK = {
    "name": "light and left",
    "sides": ["left", "right"],
    "rules": {
        "light": {"expression": "follow cue", "dimension": "light"},
        "left": "choose left",
    },
    "criterion": {"consecutive": 4},
}


def write_mixed(folder: Path) -> Path:
    """Write recordings, logs, tables, task and config; returns the config's path."""
    folder.mkdir(parents=True)
    recordings = [row for session in SESSIONS for row in write_recording(folder, session)]
    logs = [write_log(folder, session) for session in SESSIONS]
    doses = {"vehicle": ("saline", None), "psilocybin": ("psilocybin", 1)}
    config = {
        "design": {
            "conditions": {"vehicle": {"drug": "saline"}, "psilocybin": {"drug": "psilocybin"}},
            "reference_condition": "vehicle",
            "contexts": ["home_cage", "box"],
            "phases": {"baseline": [-DOSE_S, -1], "acute": [1, SECONDS - DOSE_S]},
            "handling_s": [-1, 1],
            "minimum_epoch_s": 10,
        },
        "outcomes": {
            "primary": ["band_power/theta@mPFC", "accuracy"],
            "smallest_effect": {
                "band_power": {"drug": 1, "interaction": 1},
                "accuracy": {"drug": 0.5, "interaction": 0.5},
            },
        },
        # few bands: each outcome costs a figure
        "lfp": {"bands": {"delta": [1, 4], "theta": [6, 10], "high_gamma": [65, 100]}},
        "recording": {"line_noise_hz": 50},
        "flexibility": {"task": "task.yaml"},
        "sync": {"line": LINE},
        "behaviour": {
            "formats": FORMATS
            | {format_of(s): FORMATS[s.log] | {"sync_event": "sync"} for s in SESSIONS if s.synced}
        },
    }
    (folder / "task.yaml").write_text(yaml.safe_dump(TASK, sort_keys=False))
    path = write_experiment(
        folder,
        config,
        sessions=[
            {
                "session": s.name,
                "animal": f"r{s.animal}",
                "start": f"2026-01-{1 + 7 * s.week:02d}T09:00",
                "exclude": "",
            }
            for s in SESSIONS
        ],
        administrations=[
            {
                "animal": f"r{s.animal}",
                "session": s.name,
                "time_s": DOSE_S,
                "drug": doses[s.condition][0],
                "dose_mg_per_kg": doses[s.condition][1],
            }
            for s in SESSIONS
        ],
        contexts=[
            {"session": s.name, "context": context, "start_s": start, "stop_s": stop}
            for s in SESSIONS
            for context, start, stop in CONTEXTS
        ],
        channels=[
            {"channel": channel, "region": region}
            for channel, region in zip(CHANNELS, REGIONS, strict=True)
        ],
    )
    write_table(folder / "recordings.tsv", recordings)
    write_table(folder / "behaviours.tsv", logs)
    content = yaml.safe_load(path.read_text())
    content["tables"] |= {"recordings": "recordings.tsv", "behaviours": "behaviours.tsv"}
    path.write_text(yaml.safe_dump(content, sort_keys=False))
    return path
