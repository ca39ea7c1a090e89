"""Keywords, as a person uses it: what never matched, a rule and its keywords, the set of before."""

from typing import Any, Final

import pytest

from ingest.runtime.clock import now_ms
from tests.kafka.kafka import AnyKafka
from tests.web.conftest import RULES, Opens, Served
from tests.web.spoken import Ended, decide, store_set

DAY_MS: Final = 86_400_000
SAID: Final = ["a refund", "hello", "reembolso", "password reset"]
OLDER: Final = RULES.replace("zwrot, ", "")


@pytest.fixture
def settings(kafka_embedded: AnyKafka, unique: str) -> dict[str, str]:
    """Topics of the test's own: 100 chats over ten days; `zwrot` is in force since three days."""
    names = {kind: f"{kind}-{unique}" for kind in ("webhooks", "decisions", "keywords")}
    for name in names.values():
        kafka_embedded.create_topic(name, 1)
    now = now_ms()
    chats = [Ended(f"C{at:02}", SAID[at % 4], now - at * DAY_MS // 10) for at in range(100)]
    decide(kafka_embedded.bootstrap, names["decisions"], chats, RULES, removed=["C00", "C04"])
    store_set(kafka_embedded.bootstrap, names["keywords"], OLDER, now - 40 * DAY_MS)
    store_set(kafka_embedded.bootstrap, names["keywords"], RULES, now - 3 * DAY_MS)
    kafka = {"KAFKA_BOOTSTRAP_SERVERS": kafka_embedded.bootstrap}
    return kafka | {f"KAFKA_{kind.upper()}_TOPIC": name for kind, name in names.items()}


def shown(page: Any, served: Served, *until: str, path: str = "keywords") -> None:
    """Open the page, as often as it takes until it has counted and says all of these at once."""
    page.goto(served.entrance)
    page.goto(served.url + path)
    while not all(text in page.locator("main").inner_text() for text in until) or counts(page):
        page.reload()


def counts(page: Any) -> bool:
    return bool(page.locator("main progress").count())


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1280, 360])
def test_never_matched_comes_first_and_a_rule_opens_with_its_keywords(
    width: int, scheme: str, served: Served, opens: Opens
) -> None:
    page = opens(width, color_scheme=scheme)
    shown(page, served, "only 3 days", "100 chats ended")
    assert "100 chats ended. 75.0 % got a tag; 25 got none" in page.locator("main").inner_text()
    assert "People removed 2 tags and added 0." in page.locator("main").inner_text()
    headings = page.get_by_role("heading", level=2).all_inner_texts()
    assert [heading[:5] for heading in headings] == ["The l", "Never", "Rules"]
    never = page.get_by_role("table", name="Never matched")
    assert never.get_by_role("rowheader").all_inner_texts()[:3] == [
        "mail whole rule, 1 keyword",
        "cancel whole rule, 1 keyword",
        "wrong whole rule, 1 keyword",
    ]
    new = never.get_by_role("row").filter(has_text="zwrot")
    assert "In force for only 3 days" in new.inner_text()
    page.get_by_role("link", name="refund", exact=True).click()
    keywords = page.get_by_role("table", name="Keywords of the rule refund")
    assert (
        keywords.get_by_role("row").filter(has_text="reembolso").get_by_role("cell").first.inner_text()
        == "25"
    )
    assert "all pass" in page.locator(".open-row").inner_text()
    assert "rule=refund" in page.url
    assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")
    page.get_by_role("link", name="Change this rule").click()
    assert page.locator("#text").input_value().startswith("  - id: refund")
    page.go_back()
    page.get_by_role("link", name="refund", exact=True).click()
    assert page.locator(".open-row").count() == 0


def test_the_time_is_in_the_address(served: Served, opens: Opens) -> None:
    page = opens()
    shown(page, served, "100 chats ended")
    page.get_by_label("Ended in the last").select_option("7 days")
    page.get_by_role("button", name="Show", exact=True).click()
    assert "days=7" in page.url
    assert page.get_by_role("heading", name="The last 7 days").count() == 1
    other = opens()
    shown(other, served, "chats ended", path=page.url.removeprefix(served.url))
    for table in ("Never matched", "Rules"):
        one, two = (
            each.get_by_role("table", name=table).get_by_role("rowheader").all_inner_texts()
            for each in (page, other)
        )
        assert one == two


def test_a_set_of_before_is_counted_and_shown_too(served: Served, opens: Opens) -> None:
    page = opens()
    shown(page, served, "only 3 days")
    choice = page.get_by_label("Keywords", exact=True)
    choice.select_option(index=1)
    page.get_by_role("button", name="Show").click()
    assert "set=" in page.url
    shown(page, served, "100 chats ended", path=page.url.removeprefix(served.url))
    assert "zwrot" not in page.locator("main").inner_text()


def test_a_link_leads_to_the_line(served: Served, opens: Opens) -> None:
    page = opens()
    shown(page, served, "Never matched")
    page.get_by_role("link", name="rules.yaml:9").first.click()
    assert page.locator("#text").input_value().startswith("  - {id: cancel")
    assert page.locator(".gutter li:target").inner_text() == "9"
