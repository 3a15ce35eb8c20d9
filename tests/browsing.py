"""A real browser for tests: the fixtures ``browser`` and ``visit`` (no test in here)."""

from __future__ import annotations

import shutil

import pytest

WIDE, NARROW = (1280, 900), (390, 844)
#: success criteria of WCAG 2.1, levels A and AA
CRITERIA = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa"]


@pytest.fixture(scope="module")
def browser():
    path = shutil.which("chromium") or shutil.which("chromium-browser")
    if path is None:
        pytest.skip("Chromium is not installed (on Debian: apt-get install chromium)")
    from playwright.sync_api import sync_playwright

    arguments = ["--no-sandbox", "--disable-gpu", "--disable-background-networking"]
    with sync_playwright() as engine:
        running = engine.chromium.launch(executable_path=path, args=arguments)
        yield running
        running.close()


class Visit:
    """One opened page, with everything that it asked for and complained of."""

    def __init__(self, browser, path, size, **context):
        self.context = browser.new_context(
            viewport={"width": size[0], "height": size[1]}, **context
        )
        self.page = self.context.new_page()
        self.requests: list[str] = []
        self.complaints: list[str] = []
        self.page.on("request", lambda request: self.requests.append(request.url))
        self.page.on("pageerror", lambda error: self.complaints.append(str(error)))
        self.page.on("console", self._console)
        self.page.goto(path.as_uri())

    def _console(self, message):
        if message.type in ("error", "warning"):
            self.complaints.append(message.text)

    def scroll(self):
        """Through the whole page; waits until every chart is alive or has failed."""
        for chart in self.page.query_selector_all("[data-chart]"):
            chart.scroll_into_view_if_needed()
        # asked again and again from here: the page's policy forbids wait_for_function's eval
        for _ in range(400):
            if not {"waiting", "drawing"} & set(self.states()):
                return
            self.page.wait_for_timeout(50)

    def states(self):
        return self.page.eval_on_selector_all(
            "[data-chart]", "charts => charts.map((chart) => chart.dataset.state || 'waiting')"
        )

    def violations(self) -> list[str]:
        """What axe finds against WCAG 2.1 A and AA, everything unfolded; one line for each.

        The context needs ``bypass_csp=True``: the page's own policy would not let axe run.
        """
        from axe_playwright_python.base import AXE_SCRIPT

        self.page.evaluate("document.querySelectorAll('details').forEach((one) => one.open = true)")
        self.page.evaluate(AXE_SCRIPT)
        found = self.page.evaluate(
            "(tags) => axe.run(document, {runOnly: tags, resultTypes: ['violations']})", CRITERIA
        )
        return [
            f"{rule['id']}: {' '.join(map(str, node['target']))}: {node['html'][:120]}"
            for rule in found["violations"]
            for node in rule["nodes"]
        ]


@pytest.fixture
def visit(browser):
    """Open a page: ``visit(path, size, **context)``."""
    visits: list[Visit] = []

    def open_page(path, size=WIDE, **context):
        visits.append(Visit(browser, path, size, **context))
        return visits[-1]

    yield open_page
    for one in visits:
        one.context.close()
