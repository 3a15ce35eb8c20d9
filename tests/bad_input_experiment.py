"""Ways to break config and tables: what the lab changes, and what the one error message says."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import yaml
from experiments import minimal, write_table

Break = Callable[[Path], None]


def config(**sections: Any) -> Break:
    """Merge into the config; a value replaces, a mapping goes deeper, None deletes."""

    def merge(old: dict[str, Any], new: dict[str, Any]) -> None:
        for key, value in new.items():
            if isinstance(value, dict) and isinstance(old.get(key), dict):
                merge(old[key], value)
            elif value is None:
                old.pop(key)
            else:
                old[key] = value

    def apply(folder: Path) -> None:
        path = folder / "config.yaml"
        full = yaml.safe_load(path.read_text())
        merge(full, sections)
        path.write_text(yaml.safe_dump(full, sort_keys=False))

    return apply


def raw(name: str, content: bytes | str, *, append: bool = False) -> Break:
    """Replace a file, or add to its end."""

    def apply(folder: Path) -> None:
        path = folder / name
        data = content.encode() if isinstance(content, str) else content
        path.write_bytes((path.read_bytes() if append else b"") + data)

    return apply


def replace(name: str, old: str, new: str) -> Break:
    """Replace the first place of a text in a file."""

    def apply(folder: Path) -> None:
        text = (folder / name).read_text()
        assert old in text
        (folder / name).write_text(text.replace(old, new, 1))

    return apply


def cell(table: str, row: int, **values: object) -> Break:
    """Change cells of one row (counted from 2, as spreadsheets count) of one table."""

    def apply(folder: Path) -> None:
        header, *lines = (folder / f"{table}.tsv").read_text().splitlines()
        columns = header.split("\t")
        rows: list[dict[str, object]] = [
            dict(zip(columns, line.split("\t"), strict=True)) for line in lines
        ]
        for column in values:
            for one in rows:
                one.setdefault(column, "")
        rows[row - 2].update(values)
        write_table(folder / f"{table}.tsv", rows)

    return apply


def extra_table(name: str, *rows: dict[str, object], **sections: Any) -> Break:
    """Add a table to the experiment."""

    def apply(folder: Path) -> None:
        write_table(folder / f"{name}.tsv", rows)
        config(tables={name: f"{name}.tsv"}, **sections)(folder)

    return apply


def both(*steps: Break) -> Break:
    """Break several things that only together are wrong."""

    def apply(folder: Path) -> None:
        for step in steps:
            step(folder)

    return apply


def pipe(name: str) -> Break:
    """Put a named pipe in a file's place: reading it would wait without end."""

    def apply(folder: Path) -> None:
        import os

        (folder / name).unlink()
        os.mkfifo(folder / name)

    return apply


def link(name: str, target: str) -> Break:
    """Put a symbolic link in a file's place."""

    def apply(folder: Path) -> None:
        (folder / name).unlink()
        (folder / name).symlink_to(target)

    return apply


def folder_in_place_of(name: str) -> Break:
    """Put a folder in a file's place."""

    def apply(folder: Path) -> None:
        (folder / name).unlink()
        (folder / name).mkdir()

    return apply


def _bomb(levels: int = 30) -> str:
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]" for n in range(1, levels)]
    return "\n".join(lines) + "\n"


MEASURED = {"animal": "r1", "session": "s1", "outcome": "pref", "value": 0.5, "phase": "acute"}
PREFERENCE = {"declare": {"pref": {"label": "Preference", "scale": "logit"}}}


def measured(**change: object) -> Break:
    return extra_table("measurements", MEASURED | change, outcomes=PREFERENCE)


#: case -> (what is broken, parts of one problem's text)
EXPERIMENT_CASES: dict[str, tuple[Break, tuple[str, ...]]] = {
    # --- the config as a file
    "config empty": (raw("config.yaml", ""), ("config.yaml", "a mapping of keys")),
    "config is a list": (raw("config.yaml", "- a\n- b\n"), ("config.yaml", "a mapping of keys")),
    "config in UTF-16": (
        raw("config.yaml", "design: {}\n".encode("utf-16")),
        ("config.yaml", "byte 0", "UTF-8"),
    ),
    "config with a NUL byte": (
        raw("config.yaml", "title: a\0b\n"),
        ("config.yaml", "valid YAML", "special characters"),
    ),
    "config with tabs": (
        raw("config.yaml", "lfp:\n\trate_hz: 1000\n", append=True),
        ("config.yaml", "line", "valid YAML"),
    ),
    "config cut short": (
        raw("config.yaml", "lfp: {bands: [1, 2\n", append=True),
        ("config.yaml", "line", "valid YAML"),
    ),
    "key twice": (
        raw("config.yaml", "lfp: {rate_hz: 1000}\nlfp: {rate_hz: 500}\n", append=True),
        ("config.yaml", "'lfp' is written twice"),
    ),
    "YAML tag that builds an object": (
        raw("config.yaml", "lfp: !!python/object/apply:os.system [touch ran]\n", append=True),
        ("config.yaml", "line", "valid YAML", "python/object/apply"),
    ),
    "YAML tag that names a function": (
        raw("config.yaml", "lfp: !!python/name:os.system\n", append=True),
        ("config.yaml", "line", "python/name:os.system"),
    ),
    "YAML that expands without end": (
        raw("config.yaml", _bomb(), append=True),
        ("config.yaml", "line", "alias"),
    ),
    "YAML alias of itself": (
        raw("config.yaml", "lfp: &a [*a]\n", append=True),
        ("config.yaml", "line", "alias"),
    ),
    "YAML nested without end": (
        raw("config.yaml", "lfp: " + "[" * 20_000 + "]" * 20_000 + "\n", append=True),
        ("config.yaml", "nested"),
    ),
    "key that is a list": (
        raw("config.yaml", "? [a, b]\n: c\n", append=True),
        ("config.yaml", "line", "valid YAML"),
    ),
    "keys that are numbers": (
        raw("config.yaml", "7: c\n", append=True),
        ("config.yaml", "7", "unknown key"),
    ),
    "config is a folder": (folder_in_place_of("config.yaml"), ("config.yaml", "a folder")),
    "config is a named pipe": (pipe("config.yaml"), ("config.yaml", "no plain file")),
    "config is a link to nothing": (link("config.yaml", "gone"), ("config.yaml", "no file")),
    # --- values of the config
    "unknown section": (config(desing={}), ("config.yaml: desing", "did you mean 'design'")),
    "text for a number": (
        config(lfp={"rate_hz": "fast"}),
        ("config.yaml: lfp.rate_hz", "'fast'", "number"),
    ),
    "not a number": (
        config(lfp={"bands": {"theta": [float("nan"), 12]}}),
        ("config.yaml: lfp.bands.theta", "nan"),
    ),
    "infinite window": (
        config(design={"phases": {"acute": [300, float("inf")]}}),
        ("config.yaml: design.phases.acute", "inf"),
    ),
    "window backwards": (
        config(design={"phases": {"acute": [1800, 300]}}),
        ("config.yaml: design.phases.acute", "smaller than the second"),
    ),
    "phases overlap": (
        config(design={"phases": {"late": [1700, 3000]}}),
        ("config.yaml: design.phases.late", "does not overlap acute"),
    ),
    "decimal comma in the config": (
        config(design={"minimum_epoch_s": "0,5"}),
        ("config.yaml: design.minimum_epoch_s", "'0,5'", "number"),
    ),
    "alpha of five": (config(statistics={"alpha": 5}), ("config.yaml: statistics.alpha", "5")),
    "negative dose in a condition": (
        config(design={"conditions": {"psilocybin": {"dose_mg_per_kg": -1}}}),
        ("config.yaml: design.conditions.psilocybin.dose_mg_per_kg", "-1"),
    ),
    "band of no width": (config(lfp={"bands": {"theta": [8, 8]}}), ("config.yaml: lfp", "8")),
    "reference that is nobody": (
        config(design={"reference_condition": "vehcle"}),
        ("config.yaml: design.reference_condition", "did you mean 'vehicle'"),
    ),
    "primary outcome that does not exist": (
        config(outcomes={"primary": ["band_powr/theta@all"]}),
        ("config.yaml: outcomes.primary", "band_powr"),
    ),
    "formula in a context": (
        config(design={"contexts": ["home_cage", "=HYPERLINK(1)"]}),
        ("config.yaml: design.contexts", "=HYPERLINK(1)", "formula"),
    ),
    "formula in a condition": (
        config(design={"conditions": {"@SUM(A1)": {"drug": "x"}}}),
        ("config.yaml: design.conditions", "@SUM(A1)", "formula"),
    ),
    # --- tables as files
    "table not there": (
        config(tables={"sessions": "nowhere.tsv"}),
        ("nowhere.tsv", "no file", "tables:"),
    ),
    "table is a workbook": (
        config(tables={"sessions": "sessions.xlsx"}),
        ("sessions.xlsx", ".tsv or .csv"),
    ),
    "table empty": (raw("contexts.tsv", ""), ("contexts.tsv: row 1", "no header")),
    "table in Latin-1": (
        raw("contexts.tsv", "session\tcontext\ns1\tKäfig\n".encode("latin-1")),
        ("contexts.tsv: byte", "save the table as UTF-8"),
    ),
    "half of a UTF-16 table": (
        raw("contexts.tsv", "session\tcontext\n".encode("utf-16")[:-1]),
        ("contexts.tsv: byte", "UTF-8"),
    ),
    "NUL bytes in a table": (
        raw("contexts.tsv", "s1\0\thome_cage\t0\t10\n", append=True),
        ("contexts.tsv: row 4", "NUL"),
    ),
    "cell as large as a film": (
        raw("contexts.tsv", "s1\t" + "x" * 200_000 + "\t0\t10\n", append=True),
        ("contexts.tsv", "quotation mark"),
    ),
    "table is a folder": (folder_in_place_of("contexts.tsv"), ("contexts.tsv", "a folder")),
    "table is a named pipe": (pipe("contexts.tsv"), ("contexts.tsv", "no plain file")),
    "table is a device": (link("contexts.tsv", "/dev/zero"), ("contexts.tsv", "no plain file")),
    "table is a web page": (
        raw("contexts.tsv", "<!DOCTYPE html><html></html>\n"),
        ("contexts.tsv: row 1", "session"),
    ),
    "header twice": (
        replace("contexts.tsv", "stop_s", "start_s"),
        ("contexts.tsv: row 1, column start_s", "2 times"),
    ),
    "header misspelt": (
        replace("administrations.tsv", "drug", "Drug"),
        ("administrations.tsv: row 1", "did you mean 'Drug'"),
    ),
    "row too long": (
        raw("contexts.tsv", "s1\thome_cage\t0\t10\tremark\n", append=True),
        ("contexts.tsv: row 4", "5 cells", "4 cells as in the header"),
    ),
    # --- cells
    "session that climbs out of results": (
        cell("sessions", 2, session="../../etc/passwd"),
        ("sessions.tsv: row 2, column session", "letters, digits"),
    ),
    "session with an absolute path": (
        cell("sessions", 2, session="/tmp/x"),
        ("sessions.tsv: row 2, column session", "letters, digits"),
    ),
    "HTML in an animal": (
        cell("sessions", 2, animal="<script>alert(1)</script>"),
        ("sessions.tsv: row 2, column animal", "letters, digits"),
    ),
    "formula in an animal": (
        cell("sessions", 2, animal="=HYPERLINK(1)"),
        ("sessions.tsv: row 2, column animal", "letters, digits"),
    ),
    "formula in a cage": (
        cell("sessions", 2, cage="=1+1"),
        ("sessions.tsv: row 2, column cage", "'=1+1'", "formula"),
    ),
    "command in a column of the lab": (
        cell("sessions", 3, timing="+cmd|' /C calc'!A0"),
        ("sessions.tsv: row 3, column timing", "calc", "formula"),
    ),
    "column that is a formula": (
        cell("sessions", 2, **{"=1+1": "x"}),
        ("sessions.tsv: row 1", "'=1+1'", "formula"),
    ),
    "formula in a region": (
        extra_table("channels", {"channel": "CH1", "region": "@SUM(A1)"}),
        ("channels.tsv: row 2, column region", "@SUM(A1)", "formula"),
    ),
    "wildcard of the workflow in a session": (
        cell("sessions", 2, session="{session}"),
        ("sessions.tsv: row 2, column session", "letters, digits"),
    ),
    "date that no calendar has": (
        cell("sessions", 2, start="2026-02-31T09:00:00"),
        ("sessions.tsv: row 2, column start", "'2026-02-31T09:00:00'", "no such day"),
    ),
    "date of a spreadsheet": (
        cell("sessions", 2, start="31.02.2026"),
        ("sessions.tsv: row 2, column start", "'31.02.2026'", "ISO date"),
    ),
    "date with a zone": (
        cell("sessions", 2, start="2026-03-29T02:30:00+01:00"),
        ("sessions.tsv: row 2, column start", "without a zone"),
    ),
    "session twice": (
        cell("sessions", 3, session="s1"),
        ("sessions.tsv: row 3, column session", "stands in row 2 too"),
    ),
    "drug of nobody": (
        cell("administrations", 3, drug="psilocybine"),
        ("administrations.tsv: row 3, column drug", "did you mean 'psilocybin'"),
    ),
    "negative dose": (
        cell("administrations", 3, dose_mg_per_kg=-1),
        ("administrations.tsv: row 3, column dose_mg_per_kg", "at least 0"),
    ),
    "decimal comma": (
        cell("administrations", 3, dose_mg_per_kg="0,5"),
        ("administrations.tsv: row 3, column dose_mg_per_kg", "write 0.5"),
    ),
    "text in a column of numbers": (
        cell("administrations", 2, time_s="ten minutes"),
        ("administrations.tsv: row 2, column time_s", "'ten minutes'", "a number"),
    ),
    "formula in a column of numbers": (
        cell("administrations", 2, time_s="=600+1"),
        ("administrations.tsv: row 2, column time_s", "'=600+1'", "a number"),
    ),
    "number that is none": (
        cell("contexts", 2, start_s="NaN"),
        ("contexts.tsv: row 2, column start_s", "finite"),
    ),
    "number with an underscore": (
        cell("contexts", 2, stop_s="3_600"),
        ("contexts.tsv: row 2, column stop_s", "'3_600'", "a number"),
    ),
    "role of nobody": (
        cell("administrations", 2, role="vehicle"),
        ("administrations.tsv: row 2, column role", "one of test, pretreatment, sham"),
    ),
    "dose of another animal's session": (
        cell("administrations", 2, animal="r2"),
        ("administrations.tsv: row 2, column animal", "r1"),
    ),
    "dose in an unknown session": (
        cell("administrations", 2, session="s11"),
        ("administrations.tsv: row 2, column session", "did you mean 's1'"),
    ),
    "contexts overlap": (
        raw("contexts.tsv", "s1\thome_cage\t3000\t4000\n", append=True),
        ("contexts.tsv: row 4", "home_cage (row 2)"),
    ),
    "context ends before it starts": (
        cell("contexts", 2, start_s=4000),
        ("contexts.tsv: row 2, column stop_s", "after start_s"),
    ),
    "context before the session": (
        cell("contexts", 2, start_s=-5),
        ("contexts.tsv: row 2, column start_s", "0 or later"),
    ),
    "context of an unknown session": (
        cell("contexts", 3, session="s22"),
        ("contexts.tsv: row 3, column session", "a session of sessions.tsv"),
    ),
    "channel named twice": (
        extra_table(
            "channels",
            {"channel": "CH1", "region": "mPFC"},
            {"channel": "CH1", "region": "CA1"},
        ),
        ("channels.tsv: row 3", "row 2"),
    ),
    "region that breaks an outcome's name": (
        extra_table("channels", {"channel": "CH1", "region": "m@PFC"}),
        ("channels.tsv: row 2, column region", "without @"),
    ),
    # --- measurements
    "measurement of an unknown session": (
        measured(session="s9"),
        ("measurements.tsv: row 2, column session", "a session of sessions.tsv"),
    ),
    "measurement of another animal": (
        measured(animal="r7"),
        ("measurements.tsv: row 2, column animal", "session s1 is of r1"),
    ),
    "measurement of an undeclared outcome": (
        measured(outcome="perf"),
        ("measurements.tsv: row 2, column outcome", "did you mean 'pref'"),
    ),
    "measurement in an unknown phase": (
        measured(phase="acut"),
        ("measurements.tsv: row 2, column phase", "did you mean 'acute'"),
    ),
    "measurement without a value": (
        measured(value=""),
        ("measurements.tsv: row 2, column value", "a value is expected"),
    ),
    "proportion above 1 for logit": (
        measured(value=1.5),
        ("measurements.tsv: row 2, column value", "1.5", "0 to 1"),
    ),
    "percent for logit": (
        measured(value=83),
        ("measurements.tsv: row 2, column value", "83", "0 to 1"),
    ),
    "negative count": (
        extra_table(
            "measurements",
            MEASURED | {"value": -3},
            outcomes={"declare": {"pref": {"label": "Licks", "scale": "count"}}},
        ),
        ("measurements.tsv: row 2, column value", "-3", "0 or more on the count scale"),
    ),
    # --- files that the tables name
    "log without a format": (
        cell("sessions", 2, behaviour="log.csv"),
        ("sessions.tsv: row 2, column behaviour_format", "behaviour.formats"),
    ),
    "format of nobody": (
        cell("sessions", 2, recording="x", recording_format="spikeglx2"),
        ("sessions.tsv: row 2, column recording_format", "did you mean 'spikeglx'"),
    ),
}


def written(folder: Path, case: str) -> Path:
    """Write the minimal experiment and break it; returns the config's path."""
    path = minimal(folder)
    EXPERIMENT_CASES[case][0](folder)
    return path
