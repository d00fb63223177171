"""The page in a real browser: it asks for nothing, says nothing wrong, and its tables sort.

Needs the package `playwright` (any version that drives the installed Chromium) and Chromium itself.
"""

import shutil

import pytest

from rllib_zoo.analysis.options import ReportOptions
from rllib_zoo.analysis.report.report import report

pytestmark = pytest.mark.slow
CHROMIUM = next(
    filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), ""
)


@pytest.fixture
def page(trial, tmp_path):
    """The report of four runs, open in the browser; what it asked for and said is on the page."""
    sync_api = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    if not CHROMIUM:
        pytest.skip("Chromium is not installed")
    for seed, height in enumerate((300.0, 20.0, 1000.0, 3.0)):
        trial(f"a{seed}", returns=(1.0, height), config={"seed": seed})
    report([tmp_path / "results"], tmp_path / "out", ReportOptions(resamples=100))
    with sync_api.sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        page = browser.new_page()
        page.asked, page.said = [], []
        page.on("request", lambda request: page.asked.append(request.url))
        page.on("console", lambda message: page.said.append(message.text))
        page.on("pageerror", lambda error: page.said.append(str(error)))
        page.goto(f"file://{tmp_path}/out/report.html")
        yield page
        browser.close()


def test_nothing_leaves_the_page(page):
    assert len(page.asked) == 1
    assert page.asked[0].endswith("report.html")
    assert page.said == []
    assert page.locator("figure svg").count() > 3


def test_a_click_on_a_head_sorts_by_numbers_and_a_second_turns_it_round(page):
    table = page.locator("h2:text-is('Runs') + table")
    heads = table.locator("th").all_text_contents()
    column = heads.index("return_mean")

    def values():
        cells = table.locator(f"tbody tr td:nth-child({column + 1})").all_text_contents()
        return [float(cell.replace(",", "")) for cell in cells]

    assert values() == [300, 20, 1000, 3]
    table.locator("th").nth(column).click()
    assert values() == [3, 20, 300, 1000]
    table.locator("th").nth(column).click()
    assert values() == [1000, 300, 20, 3]
