"""`python -m pipeline why` tells from a dry run what made it: only what Snakemake printed."""

from __future__ import annotations

import io
import sys

from pipeline.__main__ import main
from pipeline.commands.why import differences, explained, planned_jobs, settings_of

BEFORE = {"session": "a", "rate_hz": 1000.0, "note": "then now: {", "code": {"hash": "1a"}}
AFTER = BEFORE | {"rate_hz": 500.0}
CHANGED = (
    "Params have changed since last execution: Union of exclusive params before and now across "
    f"all output: before: {BEFORE!r} now: {AFTER!r} "
)


def displayed(rule: str, reason: str, output: str = "x", session: str = "") -> str:
    """A job as Snakemake 9 displays it."""
    wildcards = f"    wildcards: session={session}\n" if session else ""
    return f"rule {rule}:\n    input: i\n    output: {output}\n    reason: {reason}\n{wildcards}\n"


def test_one_number_is_told_out_of_all_settings():
    text = displayed("extract", CHANGED, "a.nc", "a") + displayed(
        "measure", "Input files updated by another job: a.nc", "m", "a"
    )
    assert explained(text) == (
        "2 jobs would run.\n\n"
        "extract (a)\n    changed: rate_hz: 1000 -> 500\n\n"
        "measure (a)\n    reads what is made anew by: extract\n"
    )


def test_sessions_with_one_reason_stand_together():
    missing = "Missing output files: x"
    text = "".join(displayed("extract", missing, "x", f"s{n}") for n in range(6))
    assert "extract (s0, s1, s2, s3, ... 6 sessions)\n    its files are not there: x" in explained(
        text
    )


def test_reasons_that_follow_the_settings_are_told_too():
    also = "; Software environment definition has changed since last execution"
    (job,) = planned_jobs(displayed("cohort", CHANGED.rstrip() + also))
    assert settings_of(job.reason) == (BEFORE, AFTER)


def test_files_and_rows_are_compared_by_name_not_by_place():
    before = {"files": [["a", 1, 5], ["b", 2, 5]], "rows": [{"session": "s"}, {"session": "t"}]}
    after = {"files": [["b", 3, 6]], "rows": [{"session": "t"}, {"session": "s"}]}
    assert differences(before, after) == [
        "files.a: 1 bytes, time 5 -> nothing",
        "files.b: 2 bytes, time 5 -> 3 bytes, time 6",
    ]


def sessions(*rows: tuple[str, str], first_s: float = 0.0):
    """Settings of a job over sessions: name and reason; rows of contexts hang on them."""
    return {
        "sessions": [{"session": name, "animal": "r1", "exclude": why} for name, why in rows],
        "contexts": [
            {"session": name, "context": "home", "start_s": first_s + start}
            for name, why in rows
            if not why
            for start in (0, 300)
        ],
        "record": {"files": {name: [{"file": f"{name}.nwb"}] for name, why in rows if not why}},
    }


def test_a_row_that_came_or_went_is_one_line():
    first = {"phase": "test", "start_s": None, "stop_s": 600.0}
    second = {"phase": "test", "start_s": 900.0, "stop_s": None}
    one, both = {"epochs": [first]}, {"epochs": [first, second]}
    assert differences(both, one) == ["epochs[2]: one less"]
    assert differences(one, both) == ["epochs[2]: one more"]


def test_a_session_left_out_or_taken_in_is_one_line():
    both, one = sessions(("a", ""), ("b", "")), sessions(("a", ""), ("b", "cable came off"))
    assert differences(both, one) == ["session b left out (cable came off)"]
    assert differences(one, both) == ["session b taken in"]
    # added to the tables or deleted from them; pages list the included ones alone
    assert differences(both, sessions(("b", ""))) == ["session a left out"]
    assert differences(sessions(("b", "")), both) == ["session a taken in"]
    assert differences(one, sessions(("a", ""), ("b", "no signal"))) == [
        "sessions.b.exclude: cable came off -> no signal"
    ]
    # a change of another session stands beside it
    later = sessions(("a", ""), ("b", "cable came off"), first_s=5)
    assert differences(both, later) == [
        "session b left out (cable came off)",
        "contexts[1].start_s: 0 -> 5",
        "contexts[2].start_s: 300 -> 305",
    ]


def test_a_row_that_vanishes_from_a_session_leaves_the_session_in():
    before = {"sessions": [{"session": "a"}], "doses": [{"session": "a", "time_s": 5}]}
    after = {"sessions": [{"session": "a"}], "doses": []}
    assert "session a left out" not in "".join(differences(before, after))
    assert differences(before, after)


def test_code_and_libraries_have_words():
    before = {"code": {"hash": "1a", "versions": {"numpy": "2.4"}}}
    after = {"code": {"hash": "2b", "versions": {"numpy": "2.10"}}}
    assert differences(before, after) == [
        "our source code of this step: 1a -> 2b",
        "version of numpy: 2.4 -> 2.10",
    ]


def test_nothing_of_what_is_read_is_run(tmp_path):
    mark = tmp_path / "run"
    code = f"__import__('pathlib').Path({str(mark)!r}).touch()"
    text = displayed("cohort", CHANGED.replace(repr(BEFORE), code))
    assert "its settings (snakemake -n prints them)" in explained(text)
    assert not mark.exists()


def test_nothing_to_do_and_nothing_to_read():
    assert explained("Nothing to be done (all requested files are present).\n").startswith(
        "Nothing would run"
    )
    assert "expected the output of snakemake -n" in explained("Error: no such file\n")


def test_it_is_a_command(monkeypatch, capsys):
    monkeypatch.setattr(sys, "stdin", io.StringIO(displayed("extract", CHANGED, "a.nc", "a")))
    assert main(["why"]) == 0
    assert "rate_hz: 1000 -> 500" in capsys.readouterr().out
