"""How soon a reader can use the cohort report: from opening the file to the first answered click.

Run ``python -m benchmarks.report_opening results/report/index.html`` from the repository after a
run of the sample. Chromium has to be installed. Each repeat opens the page in a fresh, empty
context of a browser that already runs, clicks the second choice of the switch (without a switch:
the second link of the sections) once the page's own script has run, and waits until the page has
been painted again.
"""

from __future__ import annotations

import argparse
import os
import shutil
import statistics
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from benchmarks.contenders import machine

#: resolves once the frame after the click has been painted
_PAINTED = "new Promise((done) => requestAnimationFrame(() => setTimeout(done)))"
_NAVIGATION = "performance.getEntriesByType('navigation')[0].domInteractive"


def opening(browser: Any, page: Path) -> dict[str, float]:
    """Open a page once.

    Parameters
    ----------
    browser : playwright.sync_api.Browser
        Running.
    page : pathlib.Path
        The report.

    Returns
    -------
    dict of str to float
        Seconds: ``interaction`` (navigation to the painted answer of a click) and ``parsed``.
    """
    context = browser.new_context(viewport={"width": 1366, "height": 900})
    try:
        tab = context.new_page()
        start = time.perf_counter()
        tab.goto(page.resolve().as_uri(), wait_until="domcontentloaded", timeout=120_000)
        switch = tab.locator("[data-switch].on label")
        (switch if switch.count() > 1 else tab.locator("nav.sections a")).nth(1).click()
        tab.evaluate(_PAINTED)
        return {
            "interaction": time.perf_counter() - start,
            "parsed": float(tab.evaluate(_NAVIGATION)) / 1000,
        }
    finally:
        context.close()


def main(arguments: Sequence[str]) -> int:
    """Print the median of some openings, and the load of the machine meanwhile."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.report_opening")
    parser.add_argument("page", type=Path, help="results/report/index.html")
    parser.add_argument("--repeats", type=int, default=5)
    given = parser.parse_args(arguments)
    path = shutil.which("chromium") or shutil.which("chromium-browser")
    if path is None or not given.page.is_file():
        print("needs Chromium and a report; make demo writes one", file=sys.stderr)
        return 1
    from playwright.sync_api import sync_playwright

    with sync_playwright() as engine:
        browser = engine.chromium.launch(
            executable_path=path, args=["--no-sandbox", "--disable-gpu"]
        )
        found = [opening(browser, given.page) for _ in range(given.repeats)]
        browser.close()
    print(", ".join(f"{key}: {value}" for key, value in machine().items()))
    print(f"{given.page.stat().st_size / 1e6:.1f} MB, load average {os.getloadavg()[0]:.1f}")
    for key in ("parsed", "interaction"):
        times = [one[key] for one in found]
        print(f"{key}: median {statistics.median(times):.2f} s of {len(times)}, "
              f"from {min(times):.2f} to {max(times):.2f} s")  # fmt: skip
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
