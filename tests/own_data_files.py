"""Raw data of each system, as docs/own_data has them: written small, into a folder ``raw``.

Every function takes the folder of all raw data and writes what four sessions of two rats leave
there. One recording is written and copied, for what a session holds is all the same here.
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pandas as pd
from test_ingest_bpod import session as bpod_session
from test_ingest_bpod import version_5
from test_ingest_fed3 import rows as fed3_rows
from test_ingest_fed3 import write as write_fed3
from test_ingest_medpc import padded, session_text
from test_ingest_medpc import write as write_medpc
from test_ingest_tracks import write_deeplabcut, write_sleap_csv

from pipeline.simulate.writers import (
    write_axona,
    write_bdf,
    write_blackrock,
    write_brainvision,
    write_edf,
    write_intan,
    write_neuralynx,
    write_neuroscope,
    write_nwb,
    write_openephys,
    write_phy,
    write_plexon,
    write_spikeglx,
    write_spikeglx_nidq,
    write_tdt,
)

SEED = 20261121
SESSIONS = ("rat01_d1", "rat01_d2", "rat02_d1", "rat02_d2")
SECONDS = 1200
RATE_HZ = 1000
#: two channels of LFP, microvolts
SIGNALS = np.random.default_rng(SEED).normal(0, 50, (SECONDS * RATE_HZ, 2)).astype(np.float32)
GIVEN = {"rate_hz": RATE_HZ}


def sync_times_s() -> np.ndarray:
    """Return irregular pulses of the box: intervals of 5 to 15 s, from 20 s to the end."""
    gaps = np.random.default_rng(SEED + 1).uniform(5, 15, 200)
    times = 20 + np.cumsum(gaps)
    return np.round(times[times < SECONDS - 20], 2)


def pulses(line: int) -> list[tuple[int, int, int]]:
    """Return the pulses as (line, on, off) in samples."""
    return [(line, round(t * RATE_HZ), round(t * RATE_HZ) + 50) for t in sync_times_s()]


def copies(first: Path, others: list[Path]) -> None:
    """Give a recording that was written once further names (hard links: nothing is written)."""
    for other in others:
        other.parent.mkdir(parents=True, exist_ok=True)
        if first.is_dir():
            shutil.copytree(first, other, copy_function=os.link)
        else:
            os.link(first, other)


# --- trials of a box: cue every 30 s, light on both sides in turn, the rat follows it, mostly


def trial_list() -> list[dict]:
    """Return 38 trials in s of the box's own clock: cue, light, choice (None: omitted), latency."""
    trials = []
    for n in range(38):
        light = "left" if n % 3 else "right"
        other = {"left": "right", "right": "left"}[light]
        choice = None if n == 7 else other if n % 9 == 4 else light
        trials.append({"cue": 25.0 + 30 * n, "light": light, "choice": choice, "latency": 0.8})
    return trials


def openephys(raw: Path) -> None:
    """Open Ephys with the pulses of a MED-PC box on TTL line 1."""
    folders = [
        raw / "rat01/2026-03-02_09-30-00",
        raw / "rat01/2026-03-09_09-30-00",
        raw / "rat02/2026-03-02_11-30-00",
        raw / "rat02/2026-03-09_11-30-00",
    ]
    write_openephys(folders[0], SIGNALS, channels=["CH1", "CH2"], pulses=pulses(1), **GIVEN)
    copies(folders[0], folders[1:])
    (raw / "medpc").mkdir()
    for animal in ("rat01", "rat02"):
        for day in ("2026-03-02", "2026-03-09"):
            write_medpc(
                raw / "medpc",
                medpc_session(animal, day=day, sync=True),
                name=f"!{day}.Subject {animal}",
            )


def medpc_session(subject: str, *, day: str, sync: bool) -> str:
    """Return one MED-PC session: times in D (ticks of 10 ms), codes in E, their number in G."""
    delay_s = 8.0 if sync else 0.0  # the box was started 8 s after the recording
    events = [(time, 90) for time in sync_times_s() - delay_s] if sync else []
    for trial in trial_list():
        light, side = trial["light"], trial["choice"]
        events.append((trial["cue"], {"left": 1, "right": 2}[light]))
        if side:
            events.append((trial["cue"] + trial["latency"], {"left": 11, "right": 12}[side]))
            if side == light:
                events.append((trial["cue"] + trial["latency"] + 0.2, 20))
        events.append((trial["cue"] + 10, 40))
    events.sort()
    size = len(events) + 20
    letters = {
        "G": len(events),
        "D": padded([float(round(time * 100)) for time, _ in events], size),
        "E": padded([float(code) for _, code in events], size),
    }
    year, month, date = day.split("-")
    return session_text(letters, subject=subject, date=f"{month}/{date}/{year[2:]}")


def spikeglx(raw: Path) -> None:
    """SpikeGLX: the LF band of one probe, and the NI device that saw the pulses; phy beside."""
    first = raw / "rat01_d1_g0"
    names = ["LF0", "LF1"]
    probe = first / "rat01_d1_g0_imec0"
    write_spikeglx(probe, "rat01_d1", SIGNALS, channels=names, pulses=pulses(6), **GIVEN)
    write_spikeglx_nidq(
        first, "rat01_d1", pulses(0), rate_hz=RATE_HZ, samples=SECONDS * RATE_HZ, words=1
    )
    _phy(first / "phy")
    for other in SESSIONS[1:]:
        for file in sorted(first.rglob("*")):
            if file.is_file():
                name = str(file.relative_to(raw)).replace("rat01_d1", other)
                (raw / name).parent.mkdir(parents=True, exist_ok=True)
                os.link(file, raw / name)


def trains(*, stop_s: float = SECONDS - 1) -> list[np.ndarray]:
    """Return spikes of six units, s."""
    rng = np.random.default_rng(SEED + 2)
    return [np.sort(rng.uniform(1, stop_s, 2400)) for _ in range(6)]


def _phy(folder: Path) -> None:
    write_phy(
        folder,
        spike_times_s=trains(),
        rate_hz=30_000.0,
        region=["mPFC"] * 6,
        quality=["good"] * 5 + ["mua"],
    )


def intan(raw: Path) -> None:
    """Intan, one file per session, the pulses at digital input 1; logs without pulses beside."""
    (raw / "box").mkdir(parents=True)
    whole = SIGNALS[: len(SIGNALS) // 128 * 128]
    files = [raw / f"{name}_260302_093000.rhd" for name in SESSIONS]
    write_intan(files[0], whole, channels=["A-000", "A-001"], pulses=pulses(1), **GIVEN)
    copies(files[0], files[1:])
    for name in SESSIONS:
        trial_sheet().to_csv(raw / "box" / f"{name}.csv", index=False, lineterminator="\n")


def neuralynx(raw: Path) -> None:
    """Cheetah: a folder of .ncs and Events.nev per session; the last was paused for 20 s."""
    folders = [*(raw / name for name in SESSIONS[:3]), raw / SESSIONS[3] / "part1"]
    given = {"channels": ["CSC1", "CSC2"], "start_us": 5_000_000, "pulses": pulses(0), **GIVEN}
    write_neuralynx(folders[0], SIGNALS, **given)
    copies(folders[0], folders[1:3])
    for part, seconds in (("part1", 600), ("part2", 580)):
        given["pulses"] = [pulse for pulse in pulses(0) if pulse[2] < seconds * RATE_HZ]
        write_neuralynx(raw / SESSIONS[3] / part, SIGNALS[: seconds * RATE_HZ], **given)


def trial_table() -> pd.DataFrame:
    """Return the trials as a table in the lab's own words, s of the session."""
    return pd.DataFrame(
        [
            {
                "start_time": trial["cue"],
                "stop_time": trial["cue"] + 10,
                "light": trial["light"],
                "choice": trial["choice"] or "none",
                "is_correct": trial["choice"] == trial["light"],
                "block_rule": "light",
            }
            for trial in trial_list()
        ]
    )


def nwb(raw: Path) -> None:
    """One NWB file per session: LFP, units, trials."""
    raw.mkdir(parents=True)
    files = [raw / f"sub-{name.replace('_', '_ses-')}.nwb" for name in SESSIONS]
    write_nwb(
        files[0],
        signals_uv=SIGNALS,
        channels=["ch0", "ch1"],
        regions=["mPFC", "mPFC"],
        session_start=datetime(2026, 3, 2, 9, 30, tzinfo=UTC),
        identifier="own data",
        subject_id="rat01",
        units=[
            {"spike_times": times, "region": "mPFC", "unit_id": unit, "quality": "good"}
            for unit, times in enumerate(trains())
        ],
        trials=trial_table(),
        cache_spec=False,
        **GIVEN,
    )
    copies(files[0], files[1:])


def other_recordings(raw: Path) -> None:
    """One session of each further system; two channels (Axona: one), 1 kHz (Axona: 4.8 kHz)."""
    two = {"channels": ["CH1", "CH2"], **GIVEN}
    raw.mkdir(parents=True)
    (raw / "blackrock").mkdir()
    write_blackrock(raw / "blackrock/datafile001", SIGNALS, pulses=pulses(0), **two)
    write_plexon(raw / "plexon/session.plx", SIGNALS, channels=["FP01", "FP02"], **GIVEN)
    whole = SIGNALS[: len(SIGNALS) // 64 * 64]
    write_tdt(raw / "tdt/Tank/Block-1", whole, store="LFP1", **GIVEN)
    write_edf(raw / "session.edf", SIGNALS, **two)
    write_bdf(raw / "session.bdf", SIGNALS, **two)
    (raw / "brainvision").mkdir()
    write_brainvision(raw / "brainvision/session.vhdr", SIGNALS, **two)
    (raw / "neuroscope").mkdir()
    write_neuroscope(raw / "neuroscope/session", lfp_uv=SIGNALS, lfp_hz=RATE_HZ, groups=[[0, 1]])
    (raw / "axona").mkdir()
    axona = np.repeat(SIGNALS[:, :1], 5, axis=0)[: SECONDS * 4800]
    write_axona(raw / "axona/trial", axona, kind="egf", gains=[1000])
    binary(raw / "binary/session.dat")


def binary(path: Path) -> None:
    """A raw file of int16 and its side-car."""
    path.parent.mkdir(parents=True, exist_ok=True)
    np.round(SIGNALS / 0.195).astype("<i2").tofile(path)
    car = {
        "rate_hz": RATE_HZ,
        "channels": ["CH1", "CH2"],
        "dtype": "int16",
        "gain_uv": 0.195,
        "offset_uv": 0,
    }
    Path(f"{path}.json").write_text(json.dumps(car))


def sorted_units(raw: Path) -> None:
    """Four raw recordings, each sorted by another program."""
    import scipy.io
    from spikeinterface.core import NumpySorting

    for name in SESSIONS:
        binary(raw / name / "session.dat")
    _phy(raw / "rat01_d1/phy")
    samples = {f"u{n}": np.rint(t * 30_000).astype(int) for n, t in enumerate(trains())}
    sorting = NumpySorting.from_unit_dict(samples, 30_000.0)
    sorting.set_property("quality", np.array(["good"] * 6))
    sorting.save(folder=raw / "rat01_d2/sorting", format="numpy_folder")
    cells = np.empty((1, 6), dtype=object)
    for n, times in enumerate(trains()):
        cells[0, n] = times[:, None]
    spikes = {"times": cells, "UID": np.arange(1, 7), "sr": 30_000.0}
    scipy.io.savemat(raw / "rat02_d1/rat02_d1.spikes.cellinfo.mat", {"spikes": spikes})
    units = [
        {"spike_times": times, "region": "mPFC", "unit_id": unit, "quality": "good"}
        for unit, times in enumerate(trains())
    ]
    write_nwb(
        raw / "rat02_d2/units.nwb",
        signals_uv=None, rate_hz=RATE_HZ, channels=[], regions=[],
        session_start=datetime(2026, 3, 9, 11, 30, tzinfo=UTC),
        identifier="own data", subject_id="rat02", units=units, cache_spec=False,
    )  # fmt: skip


def medpc(raw: Path) -> None:
    """Two files of a MED-PC computer, one per day, with both rats in each."""
    raw.mkdir(parents=True)
    for day in ("2026-03-02", "2026-03-09"):
        both = [medpc_session(animal, day=day, sync=False) for animal in ("rat01", "rat02")]
        write_medpc(raw, *both, name=f"!{day}")


def pycontrol(raw: Path) -> None:
    """One .tsv of pyControl 2 per session."""
    raw.mkdir(parents=True)
    for name, day in zip(SESSIONS, ("2026-03-02", "2026-03-09") * 2, strict=True):
        animal = name.split("_")[0]
        lines = [
            "time\ttype\tsubtype\tcontent",
            f"0.000\tinfo\tsubject_id\t{animal}",
            f"0.000\tinfo\tstart_time\t{day}T10:30:00.000",
            '0.000\tvariable\trun_start\t{"rule": "light"}',
        ]
        for trial in trial_list():
            cue, side = trial["cue"], trial["choice"]
            at = cue + trial["latency"]
            lines += [f"{cue:.3f}\tstate\t\tinit", f"{cue:.3f}\tstate\t\tchoice_state"]
            if side:
                lines.append(f"{at:.3f}\tevent\tinput\tpoke_{side[0]}")
                state = "reward" if side == trial["light"] else "timeout"
                lines.append(f"{at:.3f}\tstate\t\t{state}")
            lines.append(f"{cue + 10:.3f}\tstate\t\titi")
        lines.append(f"{SECONDS:.3f}\tinfo\tend_time\t{day}T10:50:00.000")
        (raw / f"{animal}-{day}-103000.tsv").write_text("\n".join(lines) + "\n")


def bpod(raw: Path) -> None:
    """One SessionData file per session, below animal and protocol as Bpod lays them."""
    never = np.array([np.nan, np.nan])
    trials = []
    for trial in trial_list():
        at, side = trial["latency"], trial["choice"]
        hit = side == trial["light"]
        wait = {"WaitForPoke": np.array([0.0, at if side else 10.0])}
        states = wait | {
            "Reward": np.array([at, at + 0.5]) if hit else never,
            "Punish": np.array([at, at + 2]) if side and not hit else never,
        }
        port = {"left": "Port1In", "right": "Port3In", None: "Tup"}[side]
        trials.append({"States": states, "Events": {port: at if side else 10.0}})
    starts = np.array([trial["cue"] for trial in trial_list()])
    data = bpod_session(
        RawEvents={"Trial": trials},
        nTrials=float(len(trials)),
        TrialStartTimestamp=starts,
        TrialEndTimestamp=starts + 10,
        TrialTypes=np.ones(len(trials)),
    )
    for name, day in zip(SESSIONS, ("20260302", "20260309") * 2, strict=True):
        animal = name.split("_")[0]
        folder = raw / animal / "LightSide" / "Session Data"
        folder.mkdir(parents=True, exist_ok=True)
        version_5(folder / f"{animal}_LightSide_{day}_103000.mat", data)


def trial_sheet() -> pd.DataFrame:
    """Return the trials as someone would type them."""
    letters = {"left": "L", "right": "R", None: None}
    return pd.DataFrame(
        [
            {
                "Trial": number,
                "Time (s)": trial["cue"],
                "Rule": "Light",
                "Light": letters[trial["light"]],
                "Choice": letters[trial["choice"]],
                "Correct": int(trial["choice"] == trial["light"]),
            }
            for number, trial in enumerate(trial_list(), 1)
        ]
    )


def spreadsheets(raw: Path) -> None:
    """A CSV file per session of rat01; a workbook with a sheet per animal for rat02."""
    raw.mkdir(parents=True)
    sheet = trial_sheet()
    for day in ("d1", "d2"):
        sheet.to_csv(raw / f"rat01_{day}.csv", index=False, lineterminator="\n")
    both = pd.concat([sheet.assign(Session=f"rat02_{day}") for day in ("d1", "d2")])
    both.to_excel(raw / "boxes.xlsx", sheet_name="rat02", index=False)


def other_logs(raw: Path) -> None:
    """FED3, BIDS, NWB and a video that was scored in BORIS."""
    raw.mkdir(parents=True)
    pokes = []
    for number, trial in enumerate(trial_list()):
        if trial["choice"]:
            minute, second = divmod(30 * number, 60)
            side, light = trial["choice"].capitalize(), trial["light"].capitalize()
            pokes.append((f"10:{minute:02d}:{second:02d}", side, light))
            if side == light:
                pokes.append((f"10:{minute:02d}:{second + 3:02d}", "Pellet", light))
    write_fed3(raw, *fed3_rows(*pokes, start="3/2/2026"), name="FED003_030226_00.CSV")
    table = trial_table()
    events = pd.DataFrame(
        {
            "onset": table["start_time"],
            "duration": 10.0,
            "trial_type": "light",
            "response_time": 0.8,
            "choice": table["choice"].replace("none", "n/a"),
            "correct": table["is_correct"].astype(int),
        }
    )
    stem = raw / "sub-rat01_ses-d2_task-light_events"
    events.to_csv(f"{stem}.tsv", sep="\t", index=False)
    levels = {"left": "left lever", "right": "right lever"}
    Path(f"{stem}.json").write_text(json.dumps({"choice": {"Levels": levels}}))
    write_nwb(
        raw / "rat02_d1.nwb",
        signals_uv=None, rate_hz=RATE_HZ, channels=[], regions=[],
        session_start=datetime(2026, 3, 2, 9, 30, tzinfo=UTC),
        identifier="own data", subject_id="rat02", trials=table, cache_spec=False,
    )  # fmt: skip
    rows = ["Observation id,Subject,Behavior,Modifiers,Behavior type,Time"]
    for start in range(30, 330, 60):
        for status, at in (("START", start), ("STOP", start + 20)):
            rows.append(f"rat02_d2,rat02,Immobile,,{status},{at}")
    (raw / "forced_swim.csv").write_text("\n".join(rows) + "\n")


def path_of_a_rat(*, rate_hz: float) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return times and a round through an arena of 600 by 400 pixels, four a minute."""
    time = np.arange(round(SECONDS * rate_hz)) / rate_hz
    angle = 2 * np.pi * time / 15
    return time, 300 + 200 * np.cos(angle), 200 + 150 * np.sin(angle)


def movement(raw: Path) -> None:
    """Tracks of DeepLabCut (rat01), of SLEAP and of a table with times (rat02)."""
    raw.mkdir(parents=True)
    _, x, y = path_of_a_rat(rate_hz=10)
    sure = np.full(len(x), 0.98)
    write_deeplabcut(raw / "rat01_d1DLC_resnet50_openfield.csv", x, y, sure)
    shutil.copy(
        raw / "rat01_d1DLC_resnet50_openfield.csv", raw / "rat01_d2DLC_resnet50_openfield.csv"
    )
    write_sleap_csv(raw / "rat02_d1.analysis.csv", x, y)
    time, x, y = path_of_a_rat(rate_hz=10)
    table = pd.DataFrame({"time_s": time, "x": x, "y": y}).round(3)
    table.to_csv(raw / "rat02_d2_bonsai.csv", index=False, lineterminator="\n")


def measurements(raw: Path) -> None:
    """Nothing but the lab's own numbers: they stand in measurements.tsv itself."""
    raw.mkdir(parents=True)


#: page below docs/own_data -> writer of its raw data
RAW: dict[str, Callable[[Path], None]] = {
    name.__name__: name
    for name in (
        openephys, spikeglx, intan, neuralynx, nwb, other_recordings, sorted_units, medpc,
        pycontrol, bpod, spreadsheets, other_logs, movement, measurements,
    )
}  # fmt: skip
