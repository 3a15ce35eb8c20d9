"""docs/troubleshooting.md: its headings are messages that there are, and what is refused is in it.

The rule of what must have an entry:

1. every error class, in the table at the top;
2. every message that the broken experiments of ``tests/bad_input_*.py`` provoke (asserted where
   they are provoked, in ``tests/test_bad_input.py``);
3. every message about the machine, files that change under a run, the start of a run, the end of
   a run, and clocks;
4. of every other module of the rooms that read a lab's files (experiment, ingest, steps) that
   refuses anything, at least one message. Errors of a caller in Python (arrays of a wrong shape)
   are not for this page.
"""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path

import pytest
import snakemake
import snakemake_executor_plugin_slurm
from bad_input_experiment import written
from bad_input_files import SESSION_CASES
from troubleshooting import (
    PAGE,
    REPOSITORY,
    VALUE,
    Entry,
    entries,
    folded,
    has_entry,
    nodes,
    refusals,
    texts,
)

from pipeline.errors import ExperimentError, InputError, Problem
from pipeline.experiment.config import Config
from pipeline.ingest import open_recording
from pipeline.steps import machine
from pipeline.steps.outcomes_check import load_checked

PIPELINE = REPOSITORY / "pipeline"
#: said by programs that are no part of the project, or by libraries that are compiled
FOREIGN = (
    "make: *** No rule to make target",
    "No module named pipeline",
    "THESE PACKAGES DO NOT MATCH THE HASHES",
    "No such file or directory",
    "Input should be",
)
#: modules every refusal of which has an entry
WHOLE = (
    "steps/guard.py",
    "steps/start.py",
    "steps/acknowledge.py",
    "ingest/clock.py",
    "ingest/clock_report.py",
    "ingest/clock_trains.py",
    "steps/extract_sync.py",
)


def named(entry: Entry) -> str:
    return " … ".join(entry.parts)


@cache
def ours() -> tuple[str, ...]:
    """Everything that our code can say, with VALUE where a value is put in."""
    found = []
    for path in PIPELINE.rglob("*.py"):
        found += [*texts(path), *refusals(path)]
    # rules are no Python, and what make prints stands in shell commands
    found += [path.read_text() for path in (REPOSITORY / "workflow" / "rules").glob("*.smk")]
    found.append((REPOSITORY / "Makefile").read_text().replace('" + ', VALUE))
    return tuple(dict.fromkeys(map(folded, found)))


@cache
def theirs() -> tuple[str, ...]:
    """What Snakemake and its Slurm executor say."""
    package = Path(snakemake.__file__).parent
    names = ("api.py", "cli.py", "exceptions.py", "common/configfile.py")
    paths = [package / name for name in names]
    paths.append(Path(snakemake_executor_plugin_slurm.__file__))
    return tuple(folded(text) for path in paths for text in texts(path))


@pytest.fixture(scope="module")
def provoked(tmp_path_factory) -> list[str]:
    """Messages whose words stand in several places of the code."""
    found = []
    for case in ("config is a folder", "config is a named pipe"):
        with pytest.raises(ExperimentError) as error:
            load_checked(written(tmp_path_factory.mktemp("broken"), case))
        found += [folded(str(problem)) for problem in error.value.problems]
    make, _ = SESSION_CASES["negative rate"]
    folder = tmp_path_factory.mktemp("broken")
    cells = make(folder)
    with pytest.raises(InputError) as error:
        open_recording(folder / cells["recording"], format="binary")
    return [*found, folded(str(error.value))]


def test_every_heading_is_a_message_that_there_is(provoked):
    said = (*ours(), *theirs(), *provoked)
    asked = [entry for entry in entries() if not named(entry).startswith(FOREIGN)]
    assert [named(one) for one in asked if not any(one.fits(text) for text in said)] == []
    # long enough to be told from other messages
    assert [named(one) for one in entries() if sum(map(len, one.parts)) < 8] == []


def test_every_entry_says_what_it_means_and_what_to_do():
    for entry in entries():
        meaning, _, action = entry.text.partition("- *Do:* ")
        assert len(meaning.split()) > 3 and action.strip().endswith("."), named(entry)
        assert entry.group, named(entry)


def test_no_two_entries_have_one_heading():
    headings = [entry.parts for entry in entries()]
    assert len(headings) == len(set(headings)) > 150


def classes() -> set[str]:
    """Error classes of the code, by what they are derived from."""
    found: set[str] = set()
    for path in PIPELINE.rglob("*.py"):
        for node in nodes(path):
            bases = {getattr(base, "id", "") for base in getattr(node, "bases", ())}
            if any(base.endswith(("Error", "Exception")) for base in bases):
                found.add(node.name)
    return found


def test_every_error_class_is_in_the_table():
    table = PAGE.read_text().partition("## Where a message comes from")[2].partition("\n## ")[0]
    assert classes() >= {"InputError", "ExperimentError", "CellError", "FilesChangedError"}
    assert {name for name in classes() if f"| `{name}` |" not in table} == set()


@pytest.mark.parametrize("module", WHOLE)
def test_every_message_about_runs_and_clocks_has_an_entry(module):
    found = list(refusals(PIPELINE / module))
    assert found
    assert [one for one in found if not has_entry(one)] == []


def test_every_trouble_of_the_machine_has_an_entry():
    said = [machine.machine_trouble(OSError(number, "x", "/disk")) for number in machine._WORDS]
    said.append(machine.machine_trouble(MemoryError()))
    assert [words for words in said if words is None or not has_entry(words)] == []


def refusing() -> list[Path]:
    """Modules that read a lab's files and refuse some."""
    rooms = ("experiment", "ingest", "steps")
    paths = sorted(path for room in rooms for path in (PIPELINE / room).rglob("*.py"))
    return [path for path in paths if any(refusals(path))]


def test_every_module_that_reads_the_labs_files_has_an_entry():
    # whose words stand in another module
    elsewhere = {"steps/sort_settings.py": "experiment/sorting_options.py"}
    without = []
    for path in refusing():
        name = path.relative_to(PIPELINE).as_posix()
        words = PIPELINE / elsewhere.get(name, name)
        if not any(map(has_entry, (*refusals(path), *texts(words)))):
            without.append(name)
    assert len(refusing()) > 60 and without == []


def test_a_word_of_the_config_library_is_quoted_as_it_is():
    with pytest.raises(ValueError, match="Input should be a valid"):
        Config.model_validate({"statistics": {"alpha": "much"}})


def test_a_problem_is_printed_as_the_page_says():
    line = str(Problem("sessions.tsv", "row 3, column start", "'x'", "a number is expected"))
    assert line == "sessions.tsv: row 3, column start: found 'x'; a number is expected"
    assert has_entry(line)


def test_links_lead_to_pages():
    for target in re.findall(r"\]\(([\w/.]+\.md)\)", PAGE.read_text()):
        assert (PAGE.parent / target).is_file(), target
