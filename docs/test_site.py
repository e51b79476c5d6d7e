"""The built site in a browser: what it asks for, what it complains of, how wide it is."""

import re
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

import pytest

from parity_tests.browser import find_browser

sync_api = pytest.importorskip("playwright.sync_api")

SITE = Path(__file__).parent.parent / "build" / "docs"
PAGES = sorted(str(page.relative_to(SITE)) for page in SITE.rglob("*.html"))

PHONE, DESKTOP = {"width": 390, "height": 844}, {"width": 1280, "height": 900}

pytestmark = pytest.mark.skipif(not PAGES, reason=f"there is no site in {SITE}: make docs")
in_a_browser = pytest.mark.skipif(find_browser() is None, reason="there is no Chromium")

# Contrast of WCAG 2, between the text of the first element of each selector and what is behind it.
CONTRASTS = """selectors => {
  const channels = color => color.match(/[\\d.]+/g).map(Number);
  const luminance = color => {
    const [r, g, b] = channels(color).slice(0, 3).map(c => c / 255)
      .map(c => c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4);
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  return selectors.filter(selector => document.querySelector(selector)).map(selector => {
    const element = document.querySelector(selector);
    let behind = element;
    while (behind.parentElement && channels(getComputedStyle(behind).backgroundColor)[3] === 0)
      behind = behind.parentElement;
    const pair = [getComputedStyle(element).color, getComputedStyle(behind).backgroundColor];
    const [low, high] = pair.map(luminance).sort((a, b) => a - b);
    const ratio = (high + 0.05) / (low + 0.05);
    return {selector, ratio, dark: luminance(pair[1]) < luminance(pair[0])};
  });
}"""

# What reaches beyond the window and has nothing around it that scrolls by itself.
TOO_WIDE = """[...document.querySelectorAll("body *")].filter(element => {
  if (element.getBoundingClientRect().right <= innerWidth + 1 || !element.checkVisibility())
    return false;
  for (let box = element; !box.matches(".content, .main, body"); box = box.parentElement)
    if (/auto|scroll|hidden/.test(getComputedStyle(box).overflowX)) return false;
  return getComputedStyle(element).position !== "fixed";
}).map(element => element.outerHTML.slice(0, 80))"""


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    with sync_api.sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=find_browser())
        yield chromium
        chromium.close()


@pytest.fixture(scope="module")
def page(browser: Any) -> Iterator[Any]:
    """Yield a window for one page after the other: a new one takes longer than what is asked."""
    with browser.new_page() as page:
        yield page


def problems(page: Any, path: Path) -> list[str]:
    """Open a page in both widths and both colour schemes; return what is wrong with it."""
    found = []

    def note_request(request: Any) -> None:
        if urlsplit(request.url).scheme not in ("file", "data"):
            found.append(f"request to {request.url}")

    def note_message(message: Any) -> None:
        if message.type == "error":
            found.append(f"console: {message.text}")

    noted = {
        "request": note_request,
        "requestfailed": lambda request: found.append(f"failed: {request.url}"),
        "pageerror": lambda error: found.append(f"error: {error}"),
        "console": note_message,
    }
    page.set_viewport_size(DESKTOP)
    for event, note in noted.items():
        page.on(event, note)
    page.goto(path.as_uri())
    for scheme in ("light", "dark"):
        page.emulate_media(color_scheme=scheme)
        selectors = ["article p", "article pre", "article td", "article a"]
        found += [
            f"{scheme}: {seen['selector']} has contrast {seen['ratio']:.2f}"
            for seen in page.evaluate(CONTRASTS, selectors)
            if seen["ratio"] < 4.5 or seen["dark"] != (scheme == "dark")
        ]
    for viewport in (DESKTOP, PHONE):
        page.set_viewport_size(viewport)
        found += [f"too wide: {html}" for html in page.evaluate(TOO_WIDE)]
    for event, note in noted.items():
        page.remove_listener(event, note)
    return found


@in_a_browser
@pytest.mark.parametrize("name", PAGES)
def test_page(page: Any, name: str) -> None:
    assert problems(page, SITE / name) == []


@in_a_browser
@pytest.mark.parametrize(
    ("html", "problem"),
    [
        ("<img src='http://localhost:9/a.png'>", "request to http://localhost:9/a.png"),
        ("<link rel=stylesheet href='missing.css'>", "failed: file://"),
        ("<script>throw new Error('planted')</script>", "error: planted"),
        ("<script>console.error('planted')</script>", "console: planted"),
        ("<div style='width: 800px'>wide</div>", "too wide: <div"),
        ("<article><p style='color: #999'>pale</p></article>", "light: article p has contrast"),
        ("<article><p>black on white</p></article>", "dark: article p has contrast"),
    ],
)
def test_planted_problems_are_noticed(page: Any, tmp_path: Path, html: str, problem: str) -> None:
    path = tmp_path / "page.html"
    path.write_text(f"<!doctype html><body style='background: #fff'>{html}")
    assert any(problem in found for found in problems(page, path))


@in_a_browser
@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("bias correction", "guide/optimizers.html"),
        ("IDX", "guide/data-files.html"),
        ("BatchNorm1d", "api.html#numpy_impl.layers.normalization.BatchNorm1d"),
    ],
)
def test_search(browser: Any, query: str, expected: str) -> None:
    with browser.new_page(viewport=DESKTOP) as page:
        page.goto((SITE / "index.html").as_uri())
        page.fill("input[name=q]", query)
        page.press("input[name=q]", "Enter")
        page.wait_for_function(
            "/found/.test(document.querySelector('#search-results .search-summary')?.innerText)",
            timeout=20_000,
        )
        addresses = page.eval_on_selector_all("#search-results li a", "all => all.map(a => a.href)")
    assert any(expected in address for address in addresses), addresses


@in_a_browser
def test_pairs_stand_side_by_side_and_on_a_phone_below_each_other(browser: Any) -> None:
    boxes = "pair => [...pair.children].map(child => child.getBoundingClientRect().toJSON())"
    with browser.new_page(viewport=DESKTOP) as page:
        page.goto((SITE / "guide" / "linear.html").as_uri())
        left, right = page.eval_on_selector(".pair", boxes)
        assert left["right"] <= right["left"]
        assert left["top"] == right["top"]
        page.set_viewport_size(PHONE)
        above, below = page.eval_on_selector(".pair", boxes)
        assert above["bottom"] <= below["top"]


def test_formulas_are_converted() -> None:
    text = "".join((SITE / name).read_text(encoding="utf-8") for name in PAGES)
    formulas = re.findall(r"(?s)<math .*?</math>", text)
    assert len(formulas) > 200
    assert [formula for formula in formulas if "\\" in formula] == []


class Links(HTMLParser):
    """What a page links to and loads, and the places in it that can be linked to."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.targets: list[str] = []
        self.loaded: list[str] = []
        self.anchors: set[str] = set()
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note what an element links to, loads, and is called."""
        for name, value in attrs:
            if name == "id" and value:
                self.anchors.add(value)
            elif name in ("href", "src") and value:
                self.targets.append(value)
                if tag != "a" and dict(attrs).get("rel") not in ("canonical",):
                    self.loaded.append(value)


def broken_links(site: Path) -> list[str]:
    """Return the links of all pages that lead nowhere, and what they load from elsewhere."""
    pages = {
        page: Links(re.sub(r"(?s)<!--.*?-->", "", page.read_text(encoding="utf-8")))
        for page in site.resolve().rglob("*.html")
    }
    broken = []
    for page, links in pages.items():
        where = page.relative_to(site.resolve())
        broken += [f"{where} loads {url}" for url in links.loaded if urlsplit(url).netloc]
        for target in links.targets:
            parts = urlsplit(target)
            if parts.scheme or parts.netloc:
                continue
            file = (page.parent / unquote(parts.path)).resolve() if parts.path else page
            anchors = pages[file].anchors if file in pages else set()
            if not file.exists() or (parts.fragment and unquote(parts.fragment) not in anchors):
                broken.append(f"{where} -> {target}")
    return broken


def test_links() -> None:
    assert broken_links(SITE) == []


def test_broken_links_are_noticed(tmp_path: Path) -> None:
    (tmp_path / "b.html").write_text("<p id=here>")
    (tmp_path / "a.html").write_text(
        "<a href='b.html#here'></a> <a href='https://example.org'></a> <a href='c.html'></a>"
        "<a href='b.html#gone'></a> <img src='d.png'> <script src='//example.org/x.js'></script>"
    )
    assert broken_links(tmp_path) == [
        "a.html loads //example.org/x.js",
        "a.html -> c.html",
        "a.html -> b.html#gone",
        "a.html -> d.png",
    ]
