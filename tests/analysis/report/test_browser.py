"""The page in a real browser, on a phone and on a desktop: complete, legible, offline, and it can be touched.

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
ARGUMENTS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking"]
DRAWN = "figure[data-drawn] .plot svg.main-svg"
both_widths = pytest.mark.parametrize("page", [390, 1280], indirect=True)


@pytest.fixture(scope="module")
def browser():
    sync_api = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    if not CHROMIUM:
        pytest.skip("Chromium is not installed")
    with sync_api.sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
        yield browser
        browser.close()


@pytest.fixture
def file(trial, tmp_path, written={}):  # noqa: B006
    """The page of a sweep of ten groups with two runs each, written once."""
    if not written:
        for number in range(10):
            for seed in range(2):
                config = {"lr": 0.001 * (number + 1), "lambda": 0.9 + number / 100, "seed": seed}
                heights = (1.0, 300.0 + number, 20.0 * number + seed)
                trial(f"a{number}-{seed}", returns=heights, config=config)
        report([tmp_path / "results"], tmp_path / "out", ReportOptions(resamples=100))
        written["file"] = tmp_path / "out" / "report.html"
    return written["file"]


@pytest.fixture
def page(file, browser, request):
    """It in a window of the parameter's width, with what it requested and what the console wrote."""
    width = getattr(request, "param", 1280)
    page = browser.new_page(viewport={"width": width, "height": 800}, color_scheme="dark")
    page.asked, page.said = [], []
    page.on("request", lambda request: page.asked.append(request.url))
    page.on("console", lambda message: page.said.append(message.text))
    page.on("pageerror", lambda error: page.said.append(str(error)))
    page.goto(f"file://{file}")
    page.wait_for_selector(DRAWN)
    yield page
    page.close()


def draw_all(page):
    """Scroll to every figure, in folded parts too."""
    page.evaluate("document.querySelectorAll('details').forEach(part => part.open = true)")
    for figure in page.locator("figure").all():
        figure.scroll_into_view_if_needed()
        figure.locator(".plot svg.main-svg").first.wait_for()


@both_widths
def test_every_figure_is_drawn_and_nothing_is_cropped_or_requested(page):
    draw_all(page)
    assert page.locator("figure").count() == page.locator("figure[data-drawn]").count() > 6
    assert page.evaluate("document.documentElement.scrollWidth") == page.viewport_size["width"]
    assert page.evaluate("document.documentElement.scrollHeight") > 3000
    # Nothing is wider than the page; boxes that scroll hold what is.
    right = """[...document.querySelectorAll('figure, .box, pre, section')].map(
      e => e.getBoundingClientRect().right)"""
    assert max(page.evaluate(right)) <= page.viewport_size["width"]
    assert [url.rsplit("/", 1)[-1] for url in page.asked] == ["report.html"]
    assert page.said == []


@both_widths
def test_no_text_is_small(page):
    draw_all(page)
    sizes = """[...document.querySelectorAll('body *')].filter(e => e.textContent.trim() &&
      !['SCRIPT', 'STYLE', 'NOSCRIPT'].includes(e.tagName)
    ).map(e => parseFloat(getComputedStyle(e).fontSize))"""
    assert min(page.evaluate(sizes)) >= 11


def test_groups_switch_off_and_on(page):
    figure = page.locator("figure").first
    line = figure.locator(".scatterlayer .trace")
    before = line.count()
    button = figure.locator(".legend button").first
    button.click()
    figure.locator(".legend button[aria-pressed=false]").wait_for()
    # The line, its interval and single runs.
    assert line.count() < before
    figure.locator(".legend button").first.click()
    figure.locator(".legend button[aria-pressed=false]").wait_for(state="detached")
    assert line.count() == before


def test_the_axis_switches(page):
    figure = page.locator("figure").first
    assert figure.locator(".xtitle").text_content() == "agent steps"
    figure.locator("button", has_text="seconds").click()
    figure.locator(".xtitle", has_text="training time (s)").wait_for()
    assert figure.locator("button[aria-pressed=true][data-view]").text_content() == "seconds"


def test_a_drag_zooms_and_the_button_resets(page):
    figure = page.locator("figure").first
    box = figure.locator(".nsewdrag").first.bounding_box()
    ticks = figure.locator(".xtick").all_text_contents()
    page.mouse.move(box["x"] + 60, box["y"] + 60)
    page.mouse.down()
    page.mouse.move(box["x"] + 220, box["y"] + 200, steps=5)
    page.mouse.up()
    reset = figure.locator("button.reset")
    reset.wait_for()
    assert figure.locator(".xtick").all_text_contents() != ticks
    reset.click()
    reset.wait_for(state="hidden")
    assert figure.locator(".xtick").all_text_contents() == ticks


def test_the_values_under_the_pointer(page):
    figure = page.locator("figure").first
    end = figure.locator(".scatterlayer .trace path.js-line").last.evaluate(
        """line => { const end = line.getPointAtLength(line.getTotalLength());
        const p = end.matrixTransform(line.getScreenCTM()); return [p.x, p.y]; }"""
    )
    page.mouse.move(end[0] - 2, end[1])
    figure.locator(".hoverlayer", has_text="[").wait_for()


def test_one_colour_per_group_on_the_whole_page(page):
    draw_all(page)
    everywhere = """[...document.querySelectorAll('td:first-child i.swatch, .legend i.swatch')].map(
      mark => [mark.nextSibling.textContent.trim(), getComputedStyle(mark).borderTop])"""
    pairs = {tuple(pair) for pair in page.evaluate(everywhere)}
    assert (
        len(pairs) == len({name for name, _ in pairs}) == len({style for _, style in pairs}) == 10
    )


def test_a_click_on_a_head_sorts_by_numbers_and_a_second_turns_it_round(page):
    table = page.locator("#runs table")
    heads = table.locator("th").all_text_contents()
    column = heads.index("return_mean")

    def values():
        cells = table.locator(f"tbody tr td:nth-child({column + 1})").all_text_contents()
        return [float(cell.replace(",", "")) for cell in cells]

    in_order = sorted(values())
    table.locator("th").nth(column).click()
    assert values() == in_order
    table.locator("th").nth(column).click()
    assert values() == in_order[::-1]


def test_a_page_that_reloads_itself_stays_where_and_as_it_is(browser, file, tmp_path):
    copy = tmp_path / "report.html"
    copy.write_text(file.read_text().replace("<html lang", '<html data-reload="3" lang', 1))
    page = browser.new_page(viewport={"width": 390, "height": 800})
    page.goto(f"file://{copy}")
    figure = page.locator("figure").first
    figure.locator("button", has_text="seconds").click()
    page.locator("details.warnings > summary").click()
    page.evaluate("scrollTo({top: 900, behavior: 'instant'})")
    with page.expect_navigation(timeout=60_000):
        pass
    figure.locator(".xtitle", has_text="training time (s)").wait_for()
    assert page.evaluate("document.querySelector('details.warnings').open")
    # Figures above that are drawn meanwhile push the same content down.
    assert page.evaluate("scrollY") == pytest.approx(900, abs=100)
    page.close()
