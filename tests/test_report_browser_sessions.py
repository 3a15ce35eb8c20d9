"""The index of sessions and a session's page in a real browser: found, sorted, reached by keys."""

from __future__ import annotations

import pytest
from browsing import NARROW
from session_example import CONTEXTS, DOSE_S, write_session
from test_report_sessions_index import HOSTILE, conditions, given, listing, written

from pipeline.report import read_session, write_session_index, write_session_pages

pytestmark = [pytest.mark.browser]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("index")


@pytest.fixture(scope="module")
def hundred(folder):
    return written(folder / "100", 100, conditions=conditions(100))


@pytest.fixture(scope="module")
def page(folder):
    """One session between two others."""
    session = write_session(folder / "sessions" / "r1_s1", warnings=("2 channels are flat",))
    read = read_session(session, session="r1_s1", animal="r1", contexts=CONTEXTS,
                        administrations_s=[DOSE_S], handling_s=(-30.0, 30.0))  # fmt: skip
    visits = [("r1_s0", "r1"), ("r1_s1", "r1"), ("r2_s1", "r2")]
    write_session_pages([read], folder / "sessions", report=folder / "report", visits=visits)
    return folder / "sessions" / "r1_s1" / "session.html"


def shown(seen):
    """Names of the sessions that can be seen, from top to bottom."""
    return seen.page.eval_on_selector_all(
        "#sessions tbody tr:not([hidden]) th", "heads => heads.map((head) => head.textContent)"
    )


def column(seen, number):
    return seen.page.eval_on_selector_all(
        f"#sessions tbody tr td:nth-child({number})", "all => all.map((cell) => cell.textContent)"
    )


@pytest.mark.parametrize("n", [100, 500])
def test_words_and_lists_narrow_the_sessions_down(visit, folder, n):
    seen = visit(written(folder / f"n{n}", n, conditions=conditions(n)))
    box, said = seen.page.get_by_role("searchbox"), seen.page.locator("output")
    assert len(shown(seen)) == n and said.inner_text() == f"{n} of {n} shown"
    box.fill("R3 S2")  # every word somewhere in the row, large or small
    expected = [f"r{i // 4}_s{i % 4}" for i in range(n)]
    rows = [name for name in expected if name.startswith("r3") and "s2" in name]
    assert set(rows) <= set(shown(seen)) and len(shown(seen)) < n / 4
    seen.page.get_by_role("button", name="Show all").click()
    seen.page.wait_for_timeout(20)
    assert len(shown(seen)) == n
    seen.page.get_by_label("Condition").select_option("ketamine")
    assert shown(seen) == [name for name in expected if conditions(n)[name] == ["ketamine"]]
    seen.page.get_by_label("Context").select_option("open field")
    assert shown(seen) == [
        name for i, name in enumerate(expected) if conditions(n)[name] == ["ketamine"] and i % 2
    ]
    seen.page.get_by_label("Animal").select_option("r1")
    assert len(shown(seen)) == 1 and said.inner_text() == f"1 of {n} shown"
    seen.page.get_by_role("button", name="Show all").click()
    seen.page.wait_for_timeout(20)
    seen.page.get_by_label("State").select_option("failed")
    assert shown(seen) == ["r1_s3"]
    assert seen.complaints == [] and all(url.startswith("file:") for url in seen.requests)


def test_columns_sort_by_number_or_name_and_back_again(visit, hundred):
    seen = visit(hundred)
    before = shown(seen)
    trials = seen.page.get_by_role("button", name="Trials")
    head = seen.page.get_by_role("columnheader", name="Trials")
    trials.click()
    assert [int(text) for text in column(seen, 10)] == sorted(10 * i for i in range(100))
    assert head.get_attribute("aria-sort") == "ascending"
    trials.click()
    assert [int(text) for text in column(seen, 10)] == sorted(10 * i for i in range(100))[::-1]
    trials.click()
    assert shown(seen) == before and head.get_attribute("aria-sort") is None
    seen.page.get_by_role("button", name="Session").click()
    names = shown(seen)
    assert names.index("r2_s0") < names.index("r10_s0")  # as people count
    assert seen.complaints == []


def test_unknown_numbers_come_last_in_both_directions(visit, folder):
    rows = [listing(0, n_trials=None), listing(1), listing(2)]
    path = write_session_index(rows, folder / "unknown.html", sessions=[given(i) for i in range(3)])
    seen = visit(path)
    for _ in range(2):
        seen.page.get_by_role("button", name="Trials").click()
        assert shown(seen)[-1] == "r0_s0"


def test_the_index_is_worked_by_keys_alone(visit, hundred):
    seen = visit(hundred)
    seen.page.keyboard.press("/")
    assert seen.page.evaluate("document.activeElement.type") == "search"
    seen.page.keyboard.type("r3_s1")
    assert shown(seen) == ["r3_s1"]
    seen.page.keyboard.press("Escape")
    assert len(shown(seen)) == 100
    for _ in range(12):
        seen.page.keyboard.press("Tab")
        if seen.page.evaluate("document.activeElement.textContent") == "Animal":
            break
    seen.page.keyboard.press("Enter")
    assert seen.page.locator("[aria-sort=ascending]").inner_text().startswith("Animal")


def test_without_scripts_every_row_is_there_and_no_control(visit, hundred):
    seen = visit(hundred, java_script_enabled=False)
    assert seen.page.locator("#sessions tbody tr").count() == 100
    assert not seen.page.locator("form").is_visible()
    assert seen.page.locator("#sessions button").count() == 0


def test_hostile_names_can_be_chosen_and_run_nothing(visit, folder):
    rows = [listing(0, animal=HOSTILE, contexts=[HOSTILE], reason=HOSTILE), listing(1), listing(5)]
    path = write_session_index(rows, folder / "hostile.html", title=HOSTILE)
    seen = visit(path)
    seen.page.get_by_label("Animal").select_option(HOSTILE)
    assert shown(seen) == ["r0_s0"]
    assert seen.page.locator("b").count() == 0 and seen.page.locator("script").count() == 1
    assert seen.complaints == []


def test_links_of_a_session_page_lead_to_its_sections_and_its_tables_sort(visit, page):
    seen = visit(page, NARROW)
    seen.scroll()
    for link in seen.page.locator("nav.sections a").all():
        name = link.get_attribute("href")
        assert seen.page.locator(f"section{name}").count() == 1
    assert seen.page.evaluate("document.documentElement.scrollWidth") <= NARROW[0]
    table = seen.page.locator("#units table")
    table.get_by_role("button", name="spikes").click()
    table.get_by_role("button", name="spikes").click()
    assert table.locator("tbody th").all_inner_texts() == ["b", "a"]
    assert seen.complaints == []


def test_a_session_page_prints_every_chart(visit, page):
    seen = visit(page)  # and neither scrolls nor prints: they are drawn while nothing else is done
    for _ in range(200):
        if set(seen.states()) == {"live"}:
            break
        seen.page.wait_for_timeout(50)
    assert set(seen.states()) == {"live"}
    seen.page.evaluate("window.dispatchEvent(new Event('beforeprint'))")
    seen.page.emulate_media(media="print")
    assert not seen.page.locator("nav.sections").is_visible()
    assert seen.page.pdf(format="A4").startswith(b"%PDF")
    assert seen.complaints == []
