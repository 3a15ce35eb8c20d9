"""Shared fixtures, and the rule that nothing is skipped in silence."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest
from browsing import browser, visit  # noqa: F401 - fixtures of the browser tests

REPOSITORY = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(REPOSITORY))

# One thread per linear-algebra call, as in the workflow: results must not depend on cores.
for variable in ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ.setdefault(variable, "1")

#: real recordings of other labs; they are never part of the repository
REAL_DATA = REPOSITORY.parent / "shared" / "data" / "real"


def pytest_addoption(parser) -> None:
    parser.addoption(
        "--renew-snapshots",
        action="store_true",
        help="write tests/snapshots anew (tests/test_report_snapshots.py)",
    )


def pytest_terminal_summary(terminalreporter) -> None:
    """Say plainly which tests were not run, and why."""
    skipped = terminalreporter.stats.get("skipped", [])
    if skipped:
        terminalreporter.section("not run")
        for report in skipped:
            reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else ""
            terminalreporter.line(f"{report.nodeid}: {reason.removeprefix('Skipped: ')}")


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item, call):
    """Where CI asks for a kind of test (SET_AND_SETTING_REQUIRE=browser), a skip is a failure."""
    outcome = yield
    report = outcome.get_result()
    required = os.environ.get("SET_AND_SETTING_REQUIRE", "").split()
    if report.skipped and any(item.get_closest_marker(name) for name in required):
        report.outcome = "failed"
        report.longrepr = f"required here, but not run: {report.longrepr}"


@pytest.fixture(scope="session")
def real_data() -> Path:
    """Folder of real recordings; the test is not run where it is absent."""
    if not REAL_DATA.is_dir():
        pytest.skip(f"no real recordings at {REAL_DATA.name} beside the repository")
    return REAL_DATA
