"""Chats and a chat in a browser, as people use them who ask why."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import pytest

from tests.kafka.kafka import AnyKafka
from tests.web.conftest import RULES, Opens, Served, serving
from tests.web.past import DAY_MS, PastChats

# `*erstattung` came later, so today one more chat gets its tag.
THEN: Final = RULES.replace('"*erstattung", ', "")
HOSTILE: Final = "<script>alert(1)</script> \u202egnirts\u202c &amp; <b>bold</b>"
CANARY: Final = "kanarek"  # said in chats, and nowhere to be found but where words are shown


@pytest.fixture
def past(kafka_embedded: AnyKafka, unique: str) -> PastChats:
    chats = PastChats(kafka_embedded, unique, THEN)
    chats.end("old", "a refund please", ago_ms=3 * DAY_MS, on_kafka=False)
    chats.end("removed", f"{CANARY} a refund please", ago_ms=400_000)
    chats.correct("removed", "Refund", "removed")
    chats.end("gained", f"Guten Tag {CANARY}", "die Rückerstattung bitte", ago_ms=300_000)
    chats.end("nearly", f"is it refundable {CANARY}", ago_ms=200_000)
    chats.end("hostile", HOSTILE, "my password reset", ago_ms=100_000)
    return chats


@pytest.fixture
def page_of_past(past: PastChats, tmp_path: Path) -> Iterator[Served]:
    with past.livechat() as livechat, serving(tmp_path, (CANARY,), **past.settings, **livechat) as page:
        yield page


def opened(served: Served, opens: Opens, path: str = "chats", **how: Any) -> Any:
    """A window at an address of the page, once the decisions are there."""
    page = opens(**how)
    page.goto(served.entrance)
    page.goto(served.url + path)
    while page.locator("progress").count() or not page.locator("table.chats a").count():
        page.reload()
    return page


def fits(page: Any) -> bool:
    """Whether nothing lies beyond the window's edge."""
    return bool(page.evaluate("document.documentElement.scrollWidth <= window.innerWidth"))


def chats(page: Any) -> list[str]:
    return [link.inner_text() for link in page.locator("table.chats a").all()]


def test_the_newest_come_first_and_each_says_what_it_got_and_why(page_of_past: Served, opens: Opens) -> None:
    page = opened(page_of_past, opens)
    assert chats(page) == ["Chostile", "Cnearly", "Cgained", "Cremoved"]
    assert page.get_by_role("link", name="All 4").get_attribute("aria-current") == "true"
    rows = page.get_by_role("table", name="Chats").get_by_role("row")
    assert "Refund\nremoved by a person" in rows.filter(has_text="Cremoved").inner_text()
    assert "no tag" in rows.filter(has_text="Cnearly").inner_text()
    assert "password reset" in rows.filter(has_text="Chostile").inner_text()
    assert fits(page)


def test_filters_are_in_the_address_and_back_leads_back(page_of_past: Served, opens: Opens) -> None:
    page = opened(page_of_past, opens)
    page.get_by_role("link", name="No tag 2").click()
    assert chats(page) == ["Cnearly", "Cgained"]
    page.get_by_label("Ended within").select_option("7 days")
    page.get_by_role("button", name="Filter").click()
    assert "which=untagged&since=7d" in page.url
    page.get_by_role("link", name="Tagged 3").click()
    page.get_by_label("Tag", exact=True).select_option("Refund")
    page.get_by_role("button", name="Filter").click()
    assert chats(page) == ["Cremoved", "Cold"]
    shared = page.url
    page.get_by_label("Rule").select_option("login")
    page.get_by_role("button", name="Filter").click()
    page.get_by_role(
        "heading", name="No tagged chat with the tag Refund and the rule login in the last 7 days"
    ).wait_for()
    page.get_by_role("link", name="Without the rule: 2 chats").click()
    page.go_back()
    page.go_back()
    assert page.url == shared
    other = page.context.new_page()
    other.goto(shared)
    assert chats(other) == ["Cremoved", "Cold"]


def test_from_no_tag_to_the_rules_line_in_three_clicks(
    page_of_past: Served, opens: Opens, past: PastChats
) -> None:
    page = opened(page_of_past, opens)
    page.get_by_role("link", name="No tag 2").click()
    page.get_by_role("link", name="Cnearly").click()
    assert past.calls == []
    page.get_by_role("button", name="Show the words").click()
    nearly = page.get_by_role("table", name="Nearly, today").inner_text()
    assert "rules.yaml:5" in nearly
    assert "Inside a word" in nearly
    assert past.calls == ["get_chat Tnearly"]


def test_then_and_today_are_compared_with_the_lines_that_changed(page_of_past: Served, opens: Opens) -> None:
    page = opened(page_of_past, opens)
    page.get_by_role("link", name="Cgained").click()
    page.get_by_text("It got no tag. With today’s keywords it would get Refund.").wait_for()
    row = page.get_by_role("table", name="Tags then, today and in LiveChat").get_by_role("row").nth(1)
    assert [cell.strip() for cell in row.inner_text().split("\t")][:3] == ["Refund", "no", "+ tagged"]
    assert "new in rule refund" in row.inner_text()
    found = page.get_by_role("table", name="What was found").get_by_role("row").nth(1).inner_text()
    assert "message 2, character 9" in found
    assert "today only" in found
    changed = page.get_by_role("group", name="What changed in rules.yaml, rule refund").inner_text()
    assert "+" in changed
    assert "*erstattung" in changed
    assert CANARY not in page.content()
    assert fits(page)


def test_words_are_shown_on_a_click_and_gone_afterwards(
    page_of_past: Served, opens: Opens, past: PastChats
) -> None:
    page = opened(page_of_past, opens)
    page.get_by_role("link", name="Cremoved").click()
    assert "A person removed it" in page.locator(".matrix").inner_text()
    assert CANARY not in page.content()
    page.get_by_role("button", name="Show the words").click()
    assert CANARY in page.get_by_role("list", name="What was said").inner_text()
    assert [mark.inner_text() for mark in page.locator(".said mark.found").all()] == ["refund"]
    assert "was read from LiveChat" in page.content()
    assert CANARY not in page.url
    page.get_by_role("link", name="Hide them").click()
    assert CANARY not in page.content()
    page.get_by_role("link", name="All chats").click()
    assert len(past.calls) == 1


def test_a_chat_that_kafka_has_no_more_is_decided_with_its_words(page_of_past: Served, opens: Opens) -> None:
    page = opened(page_of_past, opens, "chats?since=all")
    page.get_by_role("link", name="Cold").click()
    assert "is shown with the words" in page.content()
    page.get_by_role("button", name="Show the words").click()
    page.get_by_text("With today’s keywords it would get the same.").wait_for()


def test_words_that_livechat_does_not_give_leave_the_decision(
    page_of_past: Served, opens: Opens, past: PastChats
) -> None:
    del past.chats["Thostile"]
    page = opened(page_of_past, opens, expected=("502",))
    page.get_by_role("link", name="Chostile").click()
    page.get_by_role("button", name="Show the words").click()
    page.get_by_role("heading", name="LiveChat did not give the words of this chat").wait_for()
    assert "It got Login problem." in page.locator(".answer").inner_text()
    page.get_by_role("button", name="Try again").wait_for()


@pytest.mark.parametrize("width", [1280, 360])
def test_a_hostile_chat_is_shown_as_text(page_of_past: Served, opens: Opens, width: int) -> None:
    page = opened(page_of_past, opens, width=width, color_scheme="dark")
    page.get_by_role("link", name="Chostile").click()
    page.get_by_role("button", name="Show the words").click()
    said = page.get_by_role("list", name="What was said")
    assert "<script>alert(1)</script>" in said.inner_text()
    assert said.locator("b").count() == 2  # who said it
    assert fits(page)


def test_new_chats_come_on_top_and_wait_where_they_would_move_something(
    page_of_past: Served, opens: Opens, past: PastChats
) -> None:
    page = opened(page_of_past, opens)
    page.get_by_text("Live: chats appear on top as they end").wait_for()
    past.end("new", "a refund", ago_ms=0)
    page.get_by_role("link", name="Cnew").wait_for()
    assert chats(page) == ["Cnew", "Chostile", "Cnearly", "Cgained", "Cremoved"]
    days = page.locator("tr.group").all_inner_texts()
    assert len(days) == len(set(days))  # one heading a day
    page.get_by_role("link", name="Cnearly").focus()
    past.end("second", "nothing", ago_ms=0)
    waiting = page.get_by_role("button", name="1 new")
    waiting.wait_for()
    assert "Csecond" not in chats(page)
    waiting.click()
    assert chats(page)[0] == "Csecond"
    page.get_by_role("button", name="Pause").click()
    page.get_by_text("Paused: no chat appears").wait_for()
    past.end("third", "nothing", ago_ms=0)
    page.get_by_role("button", name="Resume").click()
    page.get_by_role("link", name="Cthird").wait_for()


def test_more_than_is_sent_is_left_to_a_reload_and_never_skipped(
    page_of_past: Served, opens: Opens, past: PastChats
) -> None:
    page = opened(page_of_past, opens)
    page.get_by_text("Live: chats appear on top as they end").wait_for()
    page.get_by_role("button", name="Pause").click()
    for number in range(60):
        past.end(f"more{number:02}", "a refund", ago_ms=0, on_kafka=False)
    other = page.context.new_page()
    other.goto(page_of_past.url + "chats")
    while "of 64" not in other.get_by_role("navigation", name="Pages").inner_text():
        other.reload()
    page.get_by_role("button", name="Resume").click()
    page.get_by_text("More chats ended than fit here").wait_for()
    assert chats(page) == ["Chostile", "Cnearly", "Cgained", "Cremoved"]
    assert page.get_by_role("button", name="Resume").is_hidden()
    page.get_by_role("button", name="Show them").click()
    page.get_by_role("link", name="Cmore59").wait_for()
    assert len(chats(page)) == 50


def test_only_what_passes_the_filters_comes_live(page_of_past: Served, opens: Opens, past: PastChats) -> None:
    page = opened(page_of_past, opens, "chats?which=tagged&tag=Login+problem")
    other = page.context.new_page()
    other.goto(page_of_past.url + "chats")
    past.end("other", "a refund", ago_ms=0)
    past.end("mine", "password reset", ago_ms=0)
    page.get_by_role("link", name="Cmine").wait_for()
    other.get_by_role("link", name="Cmine").wait_for()
    assert "Cother" in chats(other)
    assert "Cother" not in chats(page)


def test_without_script_everything_but_the_live_rows_works(page_of_past: Served, opens: Opens) -> None:
    page = opened(page_of_past, opens, java_script_enabled=False)
    assert page.locator(".live").is_hidden()
    page.get_by_label("Chat id").fill("Tremoved")
    page.get_by_role("button", name="Filter").click()
    page.get_by_role("link", name="Cremoved").click()
    page.get_by_role("button", name="Show the words").click()
    assert CANARY in page.content()


def test_while_kafka_is_away_it_says_so_and_shows_what_it_has(
    past: PastChats, opens: Opens, tmp_path: Path
) -> None:
    data = str(tmp_path / "data")
    with serving(tmp_path, (CANARY,), **past.settings, WEB_DATA=data) as before:
        opened(before, opens, expected=("ERR_",))
    assert not any(CANARY.encode() in path.read_bytes() for path in (tmp_path / "data").iterdir())
    with serving(tmp_path, (CANARY,), WEB_DATA=data, KAFKA_DECISIONS_TOPIC=past.topics.decisions) as page_of:
        page = opened(page_of, opens, expected=("ERR_",))
        while "No decisions are coming in." not in page.get_by_role("region", name="Status").inner_text():
            page.reload()
        assert "Kafka cannot be reached" in page.get_by_role("region", name="Status").inner_text()
        assert len(chats(page)) == 4
        assert page.locator(".live.paused").inner_text().startswith("Chats appear on top once Kafka answers")
        page.get_by_role("link", name="Cgained").click()
        assert "It got no tag." in page.locator(".answer").inner_text()


def test_an_empty_ledger_says_what_to_do(
    kafka_embedded: AnyKafka, unique: str, opens: Opens, tmp_path: Path
) -> None:
    past = PastChats(kafka_embedded, unique, THEN)
    with serving(tmp_path, (), **past.settings) as served:
        page = opens(expected=("ERR_",))
        page.goto(served.entrance)
        page.goto(f"{served.url}chats")
        page.get_by_role("heading", name="No chat has ended yet").wait_for()
        page.get_by_text("Live: chats appear on top as they end").wait_for()
        past.end("first", "a refund", ago_ms=0)
        page.get_by_role("link", name="Cfirst").wait_for()


def test_a_page_of_many_leads_to_older_and_back_to_newer(
    kafka_embedded: AnyKafka, unique: str, opens: Opens, tmp_path: Path
) -> None:
    past = PastChats(kafka_embedded, unique, THEN)
    for number in range(120):
        past.end(f"{number:03}", "a refund", ago_ms=1_000 * (120 - number), on_kafka=False)
    with serving(tmp_path, (), **past.settings) as served:
        page = opened(served, opens, expected=("ERR_",))
        while "of 120" not in page.get_by_role("navigation", name="Pages").inner_text():
            page.reload()
        first = chats(page)
        page.get_by_role("link", name="Older").click()
        assert "51 to 100 of 120" in page.get_by_role("navigation", name="Pages").inner_text()
        second = chats(page)
        page.get_by_role("link", name="Older").click()
        assert first + second + chats(page) == [f"C{number:03}" for number in reversed(range(120))]
        page.get_by_role("link", name="Newer").click()
        assert chats(page) == second
        page.get_by_role("link", name="Newer").click()
        assert chats(page) == first
