"""Every screen, light and dark: axe-core finds nothing, nothing lies beyond 360 px, the focus shows, nothing moves.

axe-core comes from npm, for these tests only: `make test-web` puts it into .venv/axe.
"""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import pytest

from tests.kafka.kafka import AnyKafka
from tests.web.conftest import Opens, Served, serving
from tests.web.past import PastChats
from tests.web.test_chats import THEN, opened

AXE: Final = Path(__file__).parents[2] / ".venv" / "axe" / "node_modules" / "axe-core" / "axe.min.js"
NEEDED: Final = "axe-core is missing: apt-get install nodejs npm, then make test-web"
RUN: Final = """() => axe.run({resultTypes: ["violations"]}).then(({violations}) => violations.flatMap(
    ({id, nodes}) => nodes.map(node => `${id}: ${node.target.join(" ")}: ${node.failureSummary}`)))"""
# What moves or fades, of the elements of a page and what is drawn before and behind them.
MOVING: Final = """() => [...document.querySelectorAll("*")].flatMap(one => ["", "::before", "::after"].filter(part => {
    const {animationName, animationDuration, transitionDuration, scrollBehavior} = getComputedStyle(one, part);
    const lasts = [animationName === "none" ? "0s" : animationDuration, transitionDuration].join()
        .split(",").some(time => parseFloat(time) > 0.01);
    return lasts || scrollBehavior === "smooth";
}).map(part => one.tagName + part))"""
# What has the focus, and what shows it.
FOCUSED: Final = """() => {
    const one = document.activeElement, style = getComputedStyle(one);
    return [one === document.body ? "" : one.outerHTML.slice(0, 120),
            style.outlineStyle !== "none" && parseFloat(style.outlineWidth) >= 1];
}"""
TABS_MAX: Final = 80  # more than any of the screens has links and fields


@pytest.fixture
def page_of_past(kafka_embedded: AnyKafka, unique: str, tmp_path: Path) -> Iterator[Served]:
    chats = PastChats(kafka_embedded, unique, THEN)
    chats.end("removed", "a refund please", ago_ms=400_000)
    chats.correct("removed", "Refund", "removed")
    chats.end("gained", "Guten Tag", "die Rückerstattung bitte", ago_ms=300_000)
    chats.end("nearly", "is it refundable", ago_ms=200_000)
    with chats.livechat() as livechat, serving(tmp_path, (), **chats.settings, **livechat) as page:
        yield page


def screens(page: Any, served: Served) -> Iterator[str]:
    """Go from screen to screen; their names."""
    yield "chats"
    page.locator("table.chats a", has_text="Cgained").click()
    page.get_by_role("heading", level=1).wait_for()
    yield "a chat"
    page.get_by_role("button", name="Show the words").or_(
        page.locator("form[method=post] button")
    ).first.click()
    page.locator("bdi").first.wait_for()
    yield "a chat's words"
    page.goto(served.url)
    yield "try it, empty"
    page.locator("#text").fill("customer: is it refundable? my password reset\nagent: 返金, استرداد المبلغ")
    page.get_by_role("heading", name="This chat gets 2 tags").wait_for()
    yield "try it"
    page.goto(f"{served.url}keywords")
    yield "keywords"
    page.goto(f"{served.url}change?file=rules.yaml&line=3#L3")
    yield "change"
    page.goto(f"{served.url}chats?tag=none+of+these")
    yield "an empty list"


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_no_rule_of_axe_is_broken(page_of_past: Served, opens: Opens, scheme: str) -> None:
    if not AXE.exists():
        if os.environ.get("CI"):
            pytest.fail(NEEDED, pytrace=False)
        pytest.skip(NEEDED)
    page = opened(page_of_past, opens, color_scheme=scheme)
    page.context.add_init_script(path=AXE)
    page.reload()
    broken = [f"{name}: {each}" for name in screens(page, page_of_past) for each in page.evaluate(RUN)]
    assert broken == [], "\n".join(broken)


def test_at_360_px_nothing_lies_beyond_the_edge_and_nothing_moves(page_of_past: Served, opens: Opens) -> None:
    page = opened(page_of_past, opens, width=360, reduced_motion="reduce")
    wrong = []
    for name in screens(page, page_of_past):
        width = page.evaluate("document.documentElement.scrollWidth")
        wrong += [f"{name} is {width} px wide"] if width > 360 else []
        wrong += [f"{name}: {each} moves" for each in page.evaluate(MOVING)]
    assert wrong == []


def test_whatever_has_the_focus_shows_it(page_of_past: Served, opens: Opens) -> None:
    page = opened(page_of_past, opens)
    unseen, reached = [], 0
    for path in ("", "chats", "keywords", "change"):
        page.goto(page_of_past.url + path)
        for _ in range(TABS_MAX):
            page.keyboard.press("Tab")
            element, is_seen = page.evaluate(FOCUSED)
            if not element:
                break
            reached += 1
            unseen += [] if is_seen else [f"/{path}: {element}"]
            if element.startswith("<textarea"):
                break  # the editor takes Tab for itself, or holds the rest of the page
    assert unseen == []
    assert reached > len(("Try it", "Chats", "Keywords", "Change")) * 4
