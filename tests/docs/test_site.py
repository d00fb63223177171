"""The site of `make docs`: links out of docs/, roles of docstrings, the API pages, and a browser's view."""

from __future__ import annotations

import http.server
import inspect
import pkgutil
import re
import shutil
import subprocess
import sys
import threading
from functools import partial
from types import SimpleNamespace

import pytest

import rllib_zoo
from rllib_zoo.experiments.paths import ROOT

API = "\n".join(page.read_text() for page in sorted((ROOT / "docs" / "api").glob("*.md")))
CHROMIUM = next(
    filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), ""
)


@pytest.fixture
def hooks(monkeypatch):
    monkeypatch.syspath_prepend(str(ROOT / "docs"))
    yield __import__("hooks")
    sys.modules.pop("hooks")


def rendered(hooks, text, *, url="a2c.html", repo_url=None):
    """A link through both hooks, as Markdown would pass it from one to the other."""
    source = SimpleNamespace(abs_src_path=str(ROOT / "docs" / "a2c.md"), src_uri="a2c.md")
    options = {
        "page": SimpleNamespace(file=source, url=url),
        "config": SimpleNamespace(docs_dir=str(ROOT / "docs"), repo_url=repo_url),
        "files": None,
    }
    html = re.sub(
        r"\[(.*?)\]\((.*?)\)", r'<a href="\2">\1</a>', hooks.on_page_markdown(text, **options)
    )
    return hooks.on_page_content(html, **options)


def test_links_into_the_checkout(hooks):
    link = "[file](../envs/factory.py#L3)"
    assert rendered(hooks, link) == '<a href="../envs/factory.py#L3">file</a>'
    assert rendered(hooks, link, url="api/envs.html") == (
        '<a href="../../envs/factory.py#L3">file</a>'
    )
    assert rendered(hooks, link, repo_url="https://host/zoo/") == (
        '<a href="https://host/zoo/blob/main/envs/factory.py#L3">file</a>'
    )
    assert rendered(hooks, "[page](a3c.md)") == '<a href="a3c.md">page</a>'


def test_a_link_to_a_missing_file_fails(hooks):
    with pytest.raises(Exception, match=r"a2c\.md: \.\./envs/door\.py does not exist"):
        rendered(hooks, "[file](../envs/door.py)")


def test_roles_become_references(hooks):
    html = '<h3 id="rllib_zoo.analysis.results.load"></h3>:func:<code>load</code>'
    assert rendered(hooks, html).endswith(
        '<autoref optional identifier="rllib_zoo.analysis.results.load"><code>load</code></autoref>'
    )


def test_public_names_are_on_the_api_pages():
    shown = [pkgutil.resolve_name(path) for path in re.findall(r"^::: (\S+)$", API, re.MULTILINE)]
    modules = {item.__name__ for item in shown if inspect.ismodule(item)}
    for name in rllib_zoo.__all__:
        item = getattr(rllib_zoo, name)
        assert item in shown or item.__module__ in modules, name


@pytest.fixture(scope="module")
def address():
    """Where the built site is served."""
    subprocess.run(["make", "docs"], cwd=ROOT, check=True)
    handler = partial(http.server.SimpleHTTPRequestHandler, directory=str(ROOT / "site"))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}/"
        server.shutdown()


@pytest.mark.slow
@pytest.mark.parametrize("width", [1280, 390])
def test_pages_fit_the_window_and_load_nothing_from_elsewhere(address, width):
    sync_api = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    if not CHROMIUM:
        pytest.skip("Chromium is not installed")
    requests, errors = [], []
    with sync_api.sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        page = browser.new_page(viewport={"width": width, "height": 900})
        page.on("request", lambda request: requests.append(request.url))
        page.on("console", lambda message: errors.append(message.text))
        page.on("pageerror", lambda error: errors.append(str(error)))
        for source in sorted((ROOT / "docs").rglob("*.md")):
            page.goto(address + str(source.relative_to(ROOT / "docs").with_suffix(".html")))
            assert page.evaluate("document.documentElement.scrollWidth") <= width, source.name
            assert page.evaluate(CROPPED) == [], source.name
            assert not re.search(r":[a-z]+:`?\w", page.locator("article").inner_text()), source.name
        page.goto(address)
        page.locator("label[for=__search]:visible, input.md-search__input:visible").first.click()
        page.keyboard.type("generalized advantage estimation")
        first = page.locator(".md-search-result__link").first
        assert "api/ops.html" in first.get_attribute("href")
        browser.close()
    assert [url for url in requests if not url.startswith((address, "data:", "blob:"))] == []
    assert errors == []


# Parts of the text that reach beyond the window where nothing scrolls.
CROPPED = """() => [...document.querySelectorAll('article *')].filter(part => {
    if (part.getBoundingClientRect().right <= innerWidth + 1) return false
    for (let box = part; box.tagName != 'ARTICLE'; box = box.parentElement)
        if (['auto', 'scroll'].includes(getComputedStyle(box).overflowX)) return false
    return true
}).map(part => part.outerHTML.slice(0, 80))"""
