"""Every screen, wide and light, narrow and dark: axe-core finds nothing, nothing lies beyond the edge, the focus shows,
nothing moves.

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
NEEDED: Final = "axe-core is missing: apt-get install npm, then make test-web"
# All of axe-core's rules: those of WCAG, levels A and AA, and what it calls best practice.
BROKEN: Final = """() => axe.run({resultTypes: ["violations"]}).then(({violations}) => violations.flatMap(
    ({id, nodes}) => nodes.map(node => `${id}: ${node.target.join(" ")}: ${node.failureSummary}`)))"""
# What moves or fades, of the elements of a page and what is drawn before and behind them.
MOVING: Final = """() => [...document.querySelectorAll("*")].flatMap(one => ["", "::before", "::after"].filter(part => {
    const {animationName, animationDuration, transitionDuration, scrollBehavior} = getComputedStyle(one, part);
    const lasts = [animationName === "none" ? "0s" : animationDuration, transitionDuration].join()
        .split(",").some(time => parseFloat(time) > 0.01);
    return lasts || scrollBehavior === "smooth";
}).map(part => one.tagName + part))"""
# What has the focus, and whether it shows.
FOCUSED: Final = """() => {
    const one = document.activeElement, style = getComputedStyle(one.closest(".lit, .editor") ?? one);
    return [one === document.body ? "" : one.outerHTML.slice(0, 120),
            style.outlineStyle !== "none" && parseFloat(style.outlineWidth) >= 1];
}"""
TABS_MAX: Final = 80  # more than any of the screens has links and fields
TEXT: Final = """\
customer: Ist es refundable? my password reset, bitte. استرداد المبلغ
agent: 返金, I changed my mind: cancel my plan"""


@pytest.fixture
def page_of_past(kafka_embedded: AnyKafka, unique: str, tmp_path: Path) -> Iterator[Served]:
    chats = PastChats(kafka_embedded, unique, THEN)
    chats.end("removed", "a refund please", ago_ms=400_000)
    chats.correct("removed", "Refund", "removed")
    chats.end("gained", "Guten Tag", "die Rückerstattung bitte", "is it refundable", ago_ms=300_000)
    chats.end("nearly", "is it refundable", ago_ms=200_000)
    with chats.livechat() as livechat, serving(tmp_path, (), **chats.settings, **livechat) as page:
        yield page


def screens(page: Any, served: Served) -> Iterator[str]:
    """Go from screen to screen, from the list of chats on; their names."""
    yield "chats"
    page.get_by_role("link", name="Cgained").click()
    page.get_by_role("heading", level=1, name="Chat Cgained").wait_for()
    yield "a chat"
    page.get_by_role("button", name="Show the words").click()
    page.get_by_role("list", name="What was said").wait_for()
    yield "a chat's words"
    page.goto(f"{served.url}chats?tag=none+of+these")
    yield "an empty list"
    page.goto(f"{served.url}chats/chat?chat=nowhere")
    yield "a problem"
    page.goto(served.url)
    yield "Try it, empty"
    page.locator("#text").fill(TEXT)
    page.get_by_role("heading", name="This chat gets 2 tags").wait_for()
    yield "Try it"
    page.get_by_role("link", name="How keyword files work").click()
    page.get_by_role("heading", name="What a rule can say").wait_for()
    yield "how keyword files work"
    for rule in ("", "?rule=refund", "?rule=wrong"):
        page.goto(f"{served.url}keywords{rule}")
        while page.locator("main progress").count() or not page.get_by_role("table", name="Rules").count():
            page.reload()
        yield f"Keywords{rule}"
    page.goto(f"{served.url}change?file=%2B")
    yield "Change, a new file"
    page.goto(f"{served.url}change?file=rules.yaml&line=3#L3")
    yield "Change"
    rule = page.locator("#text").input_value()
    page.locator("#text").fill(rule.replace("tag:", "tags:").replace("refund,", "“refund”,", 1))
    page.get_by_role("heading", name="mistake").wait_for()
    yield "Change, with mistakes"
    page.locator("#text").fill(rule.replace("[refund,", "[refund, guten,", 1))
    page.get_by_role("heading", name="No mistakes").wait_for()
    yield "Change, checked"
    page.get_by_role("button", name="Check and try").click()
    page.get_by_role("heading", name="Tried on").wait_for()
    yield "Change, tried"
    served.rules.write_text(served.rules.read_text("utf-8").replace("tag: Refund", "tags: Refund"), "utf-8")
    page.goto(served.url)
    while not page.get_by_role("link", name="Open it in Change").count():
        page.reload()
    yield "a refused file"


@pytest.mark.timeout(900)  # axe-core looks at eighteen screens, a second of CPU each
@pytest.mark.parametrize(("width", "scheme"), [(1280, "light"), (360, "dark")])
def test_no_rule_of_axe_is_broken_and_nothing_lies_beyond_the_edge(
    width: int, scheme: str, page_of_past: Served, opens: Opens
) -> None:
    if not AXE.exists():
        if os.environ.get("CI"):
            pytest.fail(NEEDED, pytrace=False)
        pytest.skip(NEEDED)
    page = opened(page_of_past, opens, width=width, color_scheme=scheme, expected=("404", "ERR_"))
    page.context.add_init_script(path=AXE)
    page.reload()
    wrong = []
    for name in screens(page, page_of_past):
        across = page.evaluate("document.documentElement.scrollWidth")
        wrong += [f"{name}: {across} px wide"] if across > width else []
        wrong += [f"{name}: {each}" for each in page.evaluate(BROKEN)]
    assert wrong == [], "\n".join(wrong)


def test_nothing_moves_for_who_wants_that(page_of_past: Served, opens: Opens) -> None:
    page = opened(page_of_past, opens, reduced_motion="reduce", expected=("404", "ERR_"))
    moving = [f"{name}: {each}" for name in screens(page, page_of_past) for each in page.evaluate(MOVING)]
    assert moving == []


def test_whatever_has_the_focus_shows_it(page_of_past: Served, opens: Opens) -> None:
    page = opened(page_of_past, opens, expected=("ERR_",))
    unseen, reached = [], 0
    for path in ("", "chats", "keywords?rule=refund", "change?file=rules.yaml&rule=refund"):
        page.goto(page_of_past.url + path)
        for _ in range(TABS_MAX):
            page.keyboard.press("Tab")
            element, is_seen = page.evaluate(FOCUSED)
            if not element:
                break
            reached += 1
            unseen += [] if is_seen else [f"/{path}: {element}"]
    assert unseen == []
    assert reached > len(("Try it", "Chats", "Keywords", "Change")) * 4
