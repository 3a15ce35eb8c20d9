"""Every key of the config, every table, a library and a source file: which rules are done again.

Settings are compared in this process (rerun_matrix.py); test_workflow_reruns.py asks Snakemake the
same of some of these changes. What a run's record and report show of the config (all of it) makes
cohort and report anew with every value, and what follows the cohort with it: a matter of seconds.
So the tables below state the other rules, those that cost time.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from importlib import metadata
from pathlib import Path
from typing import Any

import pytest
import yaml
from experiments import write_table
from import_closure import PACKAGE, modules_run
from mini import write_full
from pydantic import BaseModel
from rerun_matrix import READ_BY, changed, plan_of, rules_of, settings_of
from workflow_runs import rows_of

from pipeline.experiment.config import Config, Tables
from pipeline.experiment.reporting_options import ReportingOptions
from pipeline.experiment.sorting_options import SortingOptions
from pipeline.steps import code, provenance
from pipeline.steps.outcomes_check import load_checked

#: rules that follow the cohort's tables, and the cohort itself: done again with any value
LATE = {"cohort", "shuffles", "tables", "figures", "report", "acknowledge"}
ALL = set(READ_BY) - LATE - {"sort"}

MEASURE = {"measure"}
EXTRACT = {"extract"}
NOTHING: set[str] = set()


@pytest.fixture(scope="module")
def lab(tmp_path_factory):
    """An experiment in which every key has something to act on; never run."""
    folder = tmp_path_factory.mktemp("lab")
    path = write_full(folder)
    sessions = rows_of(folder / "sessions.tsv")
    write_table(folder / "sessions.tsv", [row | {"cage": row["animal"]} for row in sessions])
    before = {"animal": "r1", "datetime": "2026-01-08T08:30", "drug": "ketanserin"}
    given = rows_of(folder / "administrations.tsv")
    outside = before | {"dose_mg_per_kg": "2", "role": "pretreatment"}
    write_table(folder / "administrations.tsv", [*given, outside])
    config = yaml.safe_load(path.read_text())
    config["sync"] = {"line": "1"}
    config["behaviour"]["formats"]["box"]["sync_event"] = "pulse"
    path.write_text(yaml.safe_dump(config, sort_keys=False))
    return path


@pytest.fixture(scope="module")
def before(lab):
    return settings_of(lab)


def with_config(lab: Path, *edits: Callable[[dict], Any]) -> dict:
    """The settings of every job after edits of the config; the lab's file is put back."""
    kept = lab.read_text()
    config = yaml.safe_load(kept)
    for edit in edits:
        edit(config)
    lab.write_text(yaml.safe_dump(config, sort_keys=False))
    try:
        return settings_of(lab)
    finally:
        lab.write_text(kept)


def set_key(key: str, value: Any) -> Callable[[dict], None]:
    """An edit that sets one key by its dotted name."""

    def edit(config: dict) -> None:
        *sections, last = key.split(".")
        for section in sections:
            config = config.setdefault(section, {})
        config[last] = value

    return edit


def renamed_baseline(config: dict) -> None:
    config["design"]["phases"] = {"before": [-60, -1], "acute": [1, 60]}
    config["design"]["baseline_phase"] = "before"


PSILOCYBIN = "design.conditions.activegroup"
KETANSERIN = "design.conditions.ketanserin_first"
BOUND = "outcomes.smallest_effect.band_power"
DESIGN = {"spectra", "behaviour", "spikes"}
#: key of the config (a mark after a blank tells two changes of one key apart) -> another value, and
#: the rules beside LATE that it changes. A callable edits the config itself.
KEYS: dict[str, tuple[Any, set[str]]] = {
    "experiment.title": ("Another", {"pages"}),
    "experiment.species": ("mouse", NOTHING),
    "design.unit": ("cage", DESIGN),
    "design.conditions a name": (set_key(f"{PSILOCYBIN}.drug", ["psilocybin", "4-PO"]), NOTHING),
    "design.conditions its dose": (set_key(f"{PSILOCYBIN}.dose_mg_per_kg", None), {"spectra"}),
    "design.conditions a reference": (
        set_key(f"{KETANSERIN}.reference", "activegroup"),
        {"spectra"},
    ),
    "design.conditions who is in it": (
        set_key(f"{KETANSERIN}.pretreatment.drug", ["ketanserin", "volinanserin"]),
        NOTHING,
    ),
    # the number of earlier drug doses counts no vehicle
    "design.reference_condition": ("activegroup", DESIGN),
    "design.contexts": (["open_field", "home_cage"], {"spectra", "pages"}),
    "design.questions": ([{"modifier": "context", "reference": "open_field"}], {"spectra"}),
    "design.phases": ({"baseline": [-60, -1], "acute": [1, 50]}, MEASURE),
    "design.phases one more": (
        set_key("design.phases", {"baseline": [-60, -1], "acute": [1, 59], "late": [59, 60]}),
        {"measure", "spectra", "pages"},
    ),
    "design.baseline_phase": (renamed_baseline, {"measure", "spectra", "spikes", "pages"}),
    "design.handling_s": ([-2, 1], {"measure", "spectra", "pages"}),
    "design.baseline_before": ("test", MEASURE),
    "design.baseline_context": ("home_cage", {"measure", "spectra", "spikes"}),
    "design.minimum_epoch_s": (12, {"measure", "spectra", "spikes"}),
    "design.washout_days": (3, NOTHING),
    "design.pretreatment_within_h": (0.1, DESIGN),
    "outcomes.primary": (["firing_rate@mPFC"], NOTHING),
    "outcomes.secondary": (["firing_rate@mPFC"], NOTHING),
    "outcomes.smallest_effect of the drug": (set_key(f"{BOUND}.drug", 2), NOTHING),
    "outcomes.smallest_effect of the interaction": (set_key(f"{BOUND}.interaction", 2), NOTHING),
    "outcomes.baseline of power": (
        set_key("outcomes.baseline", {"band_power": "none"}),
        {"spectra"},
    ),
    "outcomes.baseline of rates": (set_key("outcomes.baseline", {"firing_rate": "none"}), NOTHING),
    "outcomes.declare": (set_key("outcomes.declare.spines.scale", "log2"), NOTHING),
    "recording.line_noise_hz": (50, {"extract", "measure", "spectra"}),
    "recording.stream": ("CH", EXTRACT),
    "recording.pass_band_hz": (300, EXTRACT),
    "lfp.rate_hz": (500, EXTRACT),
    "lfp.bands": ({"theta": [5, 9], "low_gamma": [30, 55]}, MEASURE),
    "lfp.reference": ("bipolar", {"extract", "measure"}),
    "lfp.bad_channels": ("listed", EXTRACT),
    "lfp.segment_s": (2, {"measure", "spectra"}),
    "lfp.half_bandwidth_hz": (2, MEASURE),
    "lfp.artefact_sd": (7, MEASURE),
    "lfp.aperiodic.fit_hz": ([3, 90], MEASURE),
    "lfp.aperiodic.hfo_fit_hz": ([55, 250], MEASURE),
    "lfp.aperiodic.mode": ("knee", MEASURE),
    "lfp.aperiodic.peak_width_hz": ([1, 12], MEASURE),
    "lfp.aperiodic.max_peaks": (5, MEASURE),
    "lfp.aperiodic.min_peak_height": (0.2, MEASURE),
    "lfp.aperiodic.min_r_squared": (0.9, MEASURE),
    "lfp.aperiodic.max_error": (0.2, MEASURE),
    "lfp.hfo.band_hz": ([90, 200], MEASURE),
    "lfp.hfo.window_s": (2, MEASURE),
    "lfp.hfo.over_aperiodic_db": (4, MEASURE),
    "lfp.coupling.window_s": (1, MEASURE),
    "lfp.coupling.windows": (20, MEASURE),
    "lfp.coupling.half_bandwidth_hz": (2, MEASURE),
    "lfp.phase_amplitude.pairs": ([["theta", "low_gamma"]] * 2, MEASURE),
    "lfp.phase_amplitude.seconds": (30, MEASURE),
    "lfp.phase_amplitude.surrogates": (20, MEASURE),
    "lfp.complexity.window_s": (5, MEASURE),
    "lfp.complexity.rate_hz": (300, MEASURE),
    "lfp.complexity.band_hz": ([2, 100], MEASURE),
    "lfp.complexity.windows": (5, MEASURE),
    "lfp.time_course.bin_s": (5, {"measure", "spectra", "spikes"}),
    "lfp.time_course.before_s": (900, {"measure", "spectra", "spikes", "pages"}),
    "lfp.time_course.after_s": (900, {"measure", "spectra", "spikes", "pages"}),
    # every session of this experiment names its own sorting (see below for one that does not)
    "spikes.sorting": ({"run": "simple"}, NOTHING),
    "spikes.qualities": (["good", "mua"], MEASURE),
    "spikes.minimum_baseline_presence": (0.5, MEASURE),
    "spikes.presence_bin_s": (30, MEASURE),
    "spikes.minimum_baseline_rate_hz": (0.1, MEASURE),
    "spikes.maximum_contamination": (0.4, MEASURE),
    "spikes.refractory_ms": (1, MEASURE),
    "spikes.junk_hz": (60, MEASURE),
    "spikes.minimum": ({"snr": 2}, MEASURE),
    "spikes.maximum": ({"snr": 9}, MEASURE),
    "spikes.narrow_below_ms": (0.3, MEASURE),
    "spikes.wide_above_ms": (0.6, MEASURE),
    "spikes.minimum_units": (3, {"measure", "spikes"}),
    "spikes.irregularity.minimum": (10, MEASURE),
    "spikes.irregularity.refractory_ms": (4, MEASURE),
    "spikes.irregularity.fano_reference_hz": (2, MEASURE),
    "spikes.locking.minimum_spikes": (40, MEASURE),
    "spikes.locking.level": (0.01, MEASURE),
    "spikes.pairs.window_s": (300, MEASURE),
    "spikes.pairs.tiling_ms": (20, MEASURE),
    "spikes.pairs.minimum_spikes": (40, MEASURE),
    "spikes.groups.minimum_spikes": (40, MEASURE),
    "spikes.groups.dimension_units": (8, MEASURE),
    "spikes.complexity.bin_s": (0.02, MEASURE),
    "spikes.complexity.window_s": (30, MEASURE),
    "spikes.complexity.windows": (2, MEASURE),
    "spikes.complexity.minimum_spikes": (40, MEASURE),
    "spikes.modulation.block_s": (15, MEASURE),
    "spikes.modulation.minimum_blocks": (4, MEASURE),
    "spikes.modulation.trend": ("none", MEASURE),
    "spikes.modulation.permutations": (999, MEASURE),
    "spikes.modulation.level": (0.01, MEASURE),
    "spikes.modulation.least_log2": (0.5, MEASURE),
    "spikes.task.window_s": ([-2, 2], MEASURE),
    "spikes.task.bin_s": (0.1, MEASURE),
    "spikes.task.response_s": ([0, 1], MEASURE),
    "spikes.task.baseline_s": ([-2, 0], MEASURE),
    "spikes.task.minimum_trials": (5, MEASURE),
    "spikes.task.relabelled": (499, MEASURE),
    "spikes.task.decoding_units": (3, MEASURE),
    "spikes.task.decoding_trials": (5, MEASURE),
    "spikes.task.decoding_draws": (3, MEASURE),
    "spikes.task.decoding_relabelled": (99, MEASURE),
    "flexibility.task": (
        set_key("flexibility.task.criterion.consecutive", 3),
        {"measure", "behaviour", "pages"},
    ),
    "flexibility.error_scheme": ("widge_sequence", {"measure", "pages"}),
    "movement.format": ("speed", EXTRACT),
    "movement.time_column": ("t", EXTRACT),
    "movement.time_unit": ("ms", EXTRACT),
    "movement.time_offset_s": (1, EXTRACT),
    "movement.frame_column": ("n", EXTRACT),
    "movement.frame_rate_hz": (30, EXTRACT),
    "movement.x_column": ("u", EXTRACT),
    "movement.y_column": ("v", EXTRACT),
    "movement.likelihood_column": ("p", EXTRACT),
    "movement.minimum_likelihood": (0.5, EXTRACT),
    "movement.body_part": ("nose", EXTRACT),
    "movement.individual": ("one", EXTRACT),
    "movement.series": ("position", EXTRACT),
    "movement.axes": ("yx", EXTRACT),
    "movement.cm_per_unit": (0.1, EXTRACT),
    "movement.longest_gap_s": (0.5, EXTRACT),
    "movement.smooth_position_s": (0.5, EXTRACT),
    "movement.speed_column": ("v", EXTRACT),
    "movement.speed_unit": ("m/s", EXTRACT),
    "movement.rest_below_cm_s": (1, MEASURE),
    "movement.run_above_cm_s": (20, MEASURE),
    "movement.minimum_bout_s": (0.3, MEASURE),
    "movement.smooth_speed_s": (0.5, MEASURE),
    "movement.zones": ({"corner": {"circle": [0, 0, 1]}}, MEASURE),
    "behaviour.formats": (set_key("behaviour.formats.box.time_offset_s", 1), EXTRACT),
    "sync.line": ("2", EXTRACT),
    "sync.clock": ("probe", EXTRACT),
    "sync.edge": ("falling", EXTRACT),
    "sync.tolerance_ms": (3, EXTRACT),
    "sync.max_drift_ppm": (100, EXTRACT),
    "statistics.alpha": (0.01, DESIGN),
    "statistics.calibrate": (10, NOTHING),
    "statistics.seed": (3, {"spectra"}),
}
#: keys that no computation reads, or that say only where a table lies: the report shows them
REPORT_ONLY = [
    *(f"reporting.{name}" for name in ReportingOptions.model_fields),
    *(f"tables.{name}" for name in Tables.model_fields),
]
#: opens or closes a blind run, which writes a key: tests/test_blinding_workflow.py
APART = ["statistics.blind"]


def keys_of(model: type[BaseModel], prefix: str = "") -> Iterator[str]:
    """The keys of the config by their dotted names; mappings and lists count as one key."""
    for name, entry in model.model_fields.items():
        if isinstance(entry.annotation, type) and issubclass(entry.annotation, BaseModel):
            yield from keys_of(entry.annotation, f"{prefix}{name}.")
        else:
            yield prefix + name


def test_no_key_of_the_config_is_left_out():
    tried = [key.split(" ")[0] for key in KEYS]
    assert set(keys_of(Config)) == {*tried, *REPORT_ONLY, *APART}


@pytest.mark.parametrize("key", KEYS)
def test_a_key_of_the_config_changes_these_rules_and_no_other(lab, before, key):
    value, expected = KEYS[key]
    edit = value if callable(value) else set_key(key, value)
    jobs = changed(before, with_config(lab, edit))
    assert rules_of(jobs) - LATE == expected
    # nothing is a dead option: the run's record and the report state every value
    assert {"cohort", "report"} <= rules_of(jobs)
    # the config holds for all sessions, but only one has a dose before its test dose
    sessions = 1 if key == "design.baseline_before" else 4
    for rule in expected & {"extract", "measure"}:
        assert len([job for job in jobs if job[0] == rule]) == sessions


@pytest.mark.parametrize("key", [key for key in REPORT_ONLY if key.startswith("reporting.")])
def test_what_is_only_told_changes_the_report_only(lab, before, key):
    value = {"reporting.experimenter": ["Nose, Ada"], "reporting.time_zone": "Asia/Kolkata"}
    edit = set_key(key, value.get(key, "In words."))
    assert changed(before, with_config(lab, edit)) == {("report", "")}


@pytest.mark.parametrize(
    "table", ["sessions", "administrations", "contexts", "channels", "measurements"]
)
def test_a_table_of_another_name_changes_the_report_only(lab, before, table):
    """Its name is printed there; what it holds is known by its rows."""
    name = yaml.safe_load(lab.read_text())["tables"][table]
    other = lab.with_name(f"other_{name}")
    other.write_bytes(lab.with_name(name).read_bytes())
    after = with_config(lab, set_key(f"tables.{table}", other.name))
    assert changed(before, after) == {("report", "")}


#: the rules that a sort's options change, in an experiment whose recordings are sorted here; the
#: number of threads changes no unit
SORTING = {
    "run": ("simple", {"sort"}),
    "preprocessing": ({"pass_band_hz": [400, 6000]}, {"sort"}),
    "parameters": ({"seed": 1}, {"sort"}),
    "streams": ({"LF": "AP"}, {"sort"}),
    "group_by": ("probe", {"sort"}),
    "jobs": (2, NOTHING),
}


@pytest.mark.parametrize("option", SORTING)
def test_an_option_of_the_sorter(lab, option):
    value, expected = SORTING[option]
    table = lab.with_name("sessions.tsv")
    kept = table.read_bytes()
    write_table(table, [row | {"sorting": ""} for row in rows_of(table)])
    try:
        given = set_key("spikes.sorting", {"run": "spykingcircus2"})
        option_set = set_key(f"spikes.sorting.{option}", value)
        jobs = changed(with_config(lab, given), with_config(lab, given, option_set))
    finally:
        table.write_bytes(kept)
    assert rules_of(jobs) - LATE == expected


def test_the_options_of_the_sorter_are_those():
    assert set(SORTING) == set(SortingOptions.model_fields)


def test_what_counts_as_one_key_is_handed_on_whole(lab):
    """A log's mapping and the task have many keys; none of them is lost on the way to its rule."""
    config = load_checked(lab).config
    own = settings_of(lab)
    mapping = config.behaviour.formats["box"].model_dump(mode="json")
    assert own["extract", "r0_w0"]["behaviours"][0]["mapping"] == mapping
    task = config.flexibility.task.model_dump(mode="json")
    assert own["measure", "r0_w0"]["options"]["flexibility"]["task"] == task
    assert own["behaviour", ""]["task"] == own["pages", ""]["task"] == task


# -- tables ------------------------------------------------------------------------------------


def edited(lab: Path, before: dict, table: str, row: int, **cells: str) -> set:
    """The jobs that an edit of one row changes; the table is put back."""
    path = lab.with_name(f"{table}.tsv")
    kept = path.read_bytes()
    rows = rows_of(path)
    rows[row].update(cells)
    write_table(path, rows)
    try:
        return changed(before, settings_of(lab))
    finally:
        path.write_bytes(kept)


ONE = "r0_w0"
#: table, row, cells -> the jobs beside LATE that have other settings
CELLS: dict[str, tuple[str, int, dict[str, str], set]] = {
    "a factor of the lab's own": ("sessions", 0, {"batch": "x"}, DESIGN),
    "the stage": ("sessions", 0, {"stage": "dosing"}, DESIGN),
    "the start, an hour later": ("sessions", 0, {"start": "2026-01-01T10:00"}, DESIGN),
    "why a session is excluded": ("sessions", 4, {"exclude": "lost"}, NOTHING),
    "the format of a recording": (
        "sessions",
        0,
        {"recording_format": "auto"},
        {("extract", ONE), "pages"},
    ),
    "a session without movement": ("sessions", 0, {"movement": ""}, {("extract", ONE)}),
    "a session without units": ("sessions", 0, {"sorting": ""}, {("extract", ONE)}),
    "the drug": (
        "administrations",
        2,
        {"drug": "psilocybin", "dose_mg_per_kg": "1"},
        DESIGN,
    ),
    "the route": ("administrations", 1, {"route": "oral"}, NOTHING),
    "the time of a dose": (
        "administrations",
        1,
        {"time_s": "61"},
        # and the days since the animal's last dose
        {("measure", "r0_w1"), "pages", *DESIGN},
    ),
    "an interval": ("contexts", 0, {"stop_s": "29"}, {("measure", ONE), "pages"}),
    "a region": ("channels", 0, {"region": "CA1"}, {"extract"}),
    "a bad channel": ("channels", 1, {"bad": "yes"}, {"extract"}),
    "a measurement": ("measurements", 0, {"value": "11"}, NOTHING),
}


@pytest.mark.parametrize("change", CELLS)
def test_a_row_of_a_table_changes_these_jobs_and_no_other(lab, before, change):
    table, row, cells, expected = CELLS[change]
    jobs = edited(lab, before, table, row, **cells)
    early = {job for job in jobs if job[0] not in LATE}
    stated = {entry if isinstance(entry, tuple) else (entry, "") for entry in expected}
    if ("extract", "") in stated:  # a row of channels without a session is of all sessions
        stated = {("extract", name) for name in ("r0_w0", "r0_w1", "r1_w0", "r1_w1")}
    assert early == stated
    assert ("report", "") in jobs or ("cohort", "") in jobs


@pytest.fixture(scope="module")
def long_lab(tmp_path_factory):
    """The same experiment with its files in recordings.tsv and behaviours.tsv."""
    folder = tmp_path_factory.mktemp("long")
    path = write_full(folder)
    sessions = rows_of(folder / "sessions.tsv")
    kinds = {"recordings": "recording", "behaviours": "behaviour"}
    for table, kind in kinds.items():
        rows = [
            {"session": row["session"], "file": row[kind], "format": row[f"{kind}_format"]}
            for row in sessions
        ]
        write_table(folder / f"{table}.tsv", [row | {"starts_at_s": "0"} for row in rows])
    moved = {*kinds.values(), *(f"{kind}_format" for kind in kinds.values())}
    kept = [{k: v for k, v in row.items() if k not in moved} for row in sessions]
    write_table(folder / "sessions.tsv", kept)
    config = yaml.safe_load(path.read_text())
    config["tables"] |= {table: f"{table}.tsv" for table in kinds}
    path.write_text(yaml.safe_dump(config, sort_keys=False))
    return path


@pytest.mark.parametrize("table", ["recordings", "behaviours"])
def test_a_row_of_a_table_of_files_changes_its_session(long_lab, table):
    before = settings_of(long_lab)
    jobs = edited(long_lab, before, table, 1, starts_at_s="1")
    assert {job for job in jobs if job[0] not in LATE} == {("extract", "r0_w1")}
    other = long_lab.with_name(f"other_{table}.tsv")
    other.write_bytes(long_lab.with_name(f"{table}.tsv").read_bytes())
    renamed = with_config(long_lab, set_key(f"tables.{table}", other.name))
    assert changed(before, renamed) == {("report", "")}


def test_a_comment_line_ends_and_blanks_change_nothing(lab, before):
    """The hash of a table that the report prints is the one thing that knows of them."""
    path = lab.with_name("contexts.tsv")
    kept = path.read_bytes()
    path.write_bytes(b"\xef\xbb\xbf" + kept.replace(b"\n", b"\r\n") + b"\t\t\t\r\n")
    text = lab.read_text()
    lab.write_text("# a thought\n" + text)
    try:
        assert changed(before, settings_of(lab)) == {("report", "")}
    finally:
        path.write_bytes(kept)
        lab.write_text(text)


def test_one_recording_changes_its_session(lab, before):
    (data,) = lab.with_name("r1_w0").rglob("continuous.dat")
    stat = data.stat()
    os.utime(data, ns=(stat.st_atime_ns, stat.st_mtime_ns - 10**9))
    try:
        jobs = changed(before, settings_of(lab))
    finally:
        os.utime(data, ns=(stat.st_atime_ns, stat.st_mtime_ns))
    # an older file is another file; the record of the run states sizes, which are the same
    assert jobs == {("extract", "r1_w0")}
    assert plan_of(jobs) == dict.fromkeys(("extract", "measure", "pages", *DESIGN, *LATE), 1)


# -- libraries and sources ---------------------------------------------------------------------


#: library -> the rules beside LATE whose results depend on its version
VERSIONS = {
    "neo": {"sort", "extract"},
    "specparam": {"measure"},
    "mne": {"spectra"},
    "statsmodels": NOTHING,
    "pyarrow": {"extract", "measure", "spectra", "spikes", "pages"},
    "jinja2": {"pages"},
    "pytest": None,
}


@pytest.fixture
def fresh_code():
    """Versions and hashes are looked up again, and once more after the test."""
    for function in (provenance.versions, provenance.code_hash):
        function.cache_clear()
    yield
    for function in (provenance.versions, provenance.code_hash):
        function.cache_clear()


@pytest.mark.parametrize("library", VERSIONS)
def test_another_version_of_a_library(fresh_code, monkeypatch, library):
    before = code.code_of_steps()
    provenance.versions.cache_clear()
    real = metadata.version
    monkeypatch.setattr(metadata, "version", lambda n: "99" if n == library else real(n))
    after = code.code_of_steps()
    rules = {rule for rule in after if after[rule] != before[rule]}
    expected = VERSIONS[library]
    if expected is None:
        assert rules == set()
    else:
        assert rules - LATE == expected


#: a source file of each room -> the rules beside LATE whose code it is
SOURCES = {
    "errors.py": {"sort", *ALL},
    "metric.py": {"sort", *ALL},
    "experiment/criterion.py": MEASURE,
    "experiment/config.py": NOTHING,
    "simulate/randomness.py": MEASURE,
    "simulate/sample.py": NOTHING,
    "ingest/openers.py": {"sort", "extract", "measure"},
    "ingest/adapters/medpc.py": {"extract", "measure"},
    "lfp/resample.py": {"extract", "measure"},
    "lfp/multitaper.py": MEASURE,
    "lfp/metrics/band_power.py": MEASURE,
    "spikes/sorting.py": {"sort", "measure"},
    "spikes/locking.py": MEASURE,
    "flexibility/scoring.py": {"measure", "behaviour", "pages"},
    "registry.py": {"measure", "spectra"},
    "compare/curves.py": DESIGN,
    "compare/literature.yaml": DESIGN,
    "report/session_page.py": {"pages"},
    "report/templates/session.css": {"pages"},
    "steps/extract.py": {"extract", "measure"},
    "steps/spikes.py": {"spikes"},
    "steps/guard.py": {"sort", "extract", "measure"},
    "commands/check.py": NOTHING,
}


@pytest.mark.parametrize("source", SOURCES)
def test_another_source_file(fresh_code, monkeypatch, tmp_path, source):
    """One file changed in a copy of the package."""
    before = {rule: provenance.code_hash(*places) for rule, places in code.ROOMS.items()}
    assert (PACKAGE / source).is_file()
    real = Path.read_bytes

    def changed_bytes(path: Path) -> bytes:
        return real(path) + (b"\n" if path == provenance.PACKAGE / source else b"")

    provenance.code_hash.cache_clear()
    monkeypatch.setattr(Path, "read_bytes", changed_bytes)
    after = {rule: provenance.code_hash(*places) for rule, places in code.ROOMS.items()}
    assert {rule for rule in after if after[rule] != before[rule]} - LATE == SOURCES[source]


#: what a step uses and no hash holds, with the reason
UNHASHED = {
    "experiment/strict.py": "words of messages, and the base of models whose values are settings",
    "experiment/sorting_options.py": "words of a message; the options are settings",
    "experiment/design.py": "names of columns; the rows themselves are settings",
    "experiment/load.py": "reads the package's own YAML files",
    "experiment/plain_files.py": "reads the package's own YAML files",
}


def hashed(rules: set[str]) -> set[Path]:
    """The files that are in the hash of any of these rules."""
    places = [PACKAGE / place for rule in rules for place in code.ROOMS.get(rule, ())]
    return {file for path in places for file in ([path] if path.is_file() else path.rglob("*"))}


def before_and_with(rule: str) -> set[str]:
    """A rule and the rules that it follows: their change is a change of its input."""
    found = {rule}
    for _ in READ_BY:
        found |= {earlier for earlier, readers in READ_BY.items() if found & set(readers)}
    return found


@pytest.mark.parametrize("rule", code.ROOMS)
def test_no_code_that_a_rule_runs_can_change_without_it(rule):
    """Every module that the step's function uses, at any depth, is in its hash or an earlier."""
    used = modules_run(PACKAGE / "steps" / f"{rule}.py", rule)
    lacking = set(used) - hashed(before_and_with(rule))
    assert {str(path.relative_to(PACKAGE)) for path in lacking} <= set(UNHASHED)


def test_names_are_followed_far_enough():
    """The search above finds what is known to run, through doors, tables and functions."""
    runs = {
        rule: {str(p.relative_to(PACKAGE)) for p in modules_run(PACKAGE / f"steps/{rule}.py", rule)}
        for rule in ("sort", "extract", "measure", "report")
    }
    assert {"ingest/intan.py", "ingest/neuralynx.py", "spikes/sorting.py"} <= runs["sort"]
    assert {"ingest/clock_match.py", "ingest/adapters/medpc.py", "lfp/stuck.py"} <= runs["extract"]
    assert {"lfp/multitaper.py", "simulate/randomness.py", "spikes/tiling.py"} <= runs["measure"]
    assert {"report/page.py", "compare/verdicts.py"} & runs["report"]
    assert "lfp/multitaper.py" not in runs["extract"]
    assert "ingest/adapters/medpc.py" not in runs["sort"]
