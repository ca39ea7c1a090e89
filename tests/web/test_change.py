"""Change, as a person uses it: edit, see mistakes, try it on chats of the past, take the file away."""

from pathlib import Path
from typing import Any, Final

import pytest

from ingest.runtime.clock import now_ms
from tests.kafka.kafka import AnyKafka
from tests.web.conftest import TOKEN, Opens, Served
from tests.web.spoken import Ended, write

SAID: Final = ["give me a rebate", "a refund", "hello", "my refund policy"]
RULE: Final = """\
  - id: refund
    tag: Refund
    any: [refund, reembolso, "*erstattung", zwrot, 返金, استرداد المبلغ]
    tests: [match: "I want a refund", absent: "refundable"]"""


@pytest.fixture
def topics(kafka_embedded: AnyKafka, unique: str) -> dict[str, str]:
    """Settings that name topics of the test's own, on which 40 chats ended today."""
    names = {kind: f"{kind}-{unique}" for kind in ("webhooks", "decisions", "keywords")}
    for name in names.values():
        kafka_embedded.create_topic(name, 1)
    now = now_ms()
    chats = [Ended(f"C{at:02}", SAID[at % 4], now - (60 - at) * 60_000) for at in range(40)]
    write(kafka_embedded.bootstrap, names["webhooks"], chats)
    return {
        "KAFKA_BOOTSTRAP_SERVERS": kafka_embedded.bootstrap,
        **{f"KAFKA_{kind.upper()}_TOPIC": name for kind, name in names.items()},
    }


@pytest.fixture
def settings(topics: dict[str, str]) -> dict[str, str]:
    """What `served` sets beside its own."""
    return topics


def opened(page: Any, served: Served, path: str = "change?file=rules.yaml&rule=refund") -> Any:
    """The text of a rule, on a page that was entered."""
    page.goto(served.entrance)
    page.goto(served.url + path)
    return page.locator("#text")


def tried(page: Any) -> None:
    """Wait for what came of a trial."""
    page.get_by_role("heading", name="Tried on the last 40 chats").wait_for()


def fits(page: Any) -> bool:
    """Whether nothing is wider than the window, and the copy lies exactly behind what is typed."""
    return bool(
        page.evaluate(
            """() => {
              const [copy, field] = [document.querySelector(".backdrop"), document.querySelector("#text")];
              const gutter = document.querySelector(".gutter");
              return document.documentElement.scrollWidth <= window.innerWidth
                && Math.abs(copy.getBoundingClientRect().height - field.getBoundingClientRect().height) <= 1
                && Math.abs(gutter.getBoundingClientRect().height - field.getBoundingClientRect().height) <= 1;
            }"""
        )
    )


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1280, 360])
def test_a_change_is_tried_on_chats_of_the_past(
    width: int, scheme: str, served: Served, opens: Opens
) -> None:
    page = opens(width, color_scheme=scheme)
    text = opened(page, served)
    assert text.input_value() == RULE
    text.fill(
        RULE.replace("[refund,", "[refund, rebate,").replace(
            "    tests", "    ignore: [refund policy]\n    tests"
        )
    )
    page.get_by_role("heading", name="No mistakes").wait_for()
    assert page.locator(".gutter .is-new").all_inner_texts() == ["+ 5", "+ 6"]
    page.get_by_role("button", name="Check and try").click()
    tried(page)
    assert page.locator(".tally").inner_text().split() == "+10 gain a tag −10 lose one".split()
    causes = page.get_by_role("table", name="By keyword").inner_text()
    assert "rebate\t5\t+10" in causes
    assert "refund policy ignored\t6\t−10" in causes
    rows = page.get_by_role("table", name="Chats that change").get_by_role("row")
    assert rows.count() == 9
    page.get_by_role("link", name="Show all 20").click()
    assert rows.count() == 21
    assert "C39" in rows.nth(1).inner_text()
    assert fits(page)
    assert TOKEN not in page.url
    assert "rebate" not in page.url
    assert served.rules.read_text("utf-8").count("rebate") == 0


def test_mistakes_stand_beside_their_lines_as_one_types(served: Served, opens: Opens) -> None:
    page = opens()
    text = opened(page, served)
    text.fill(RULE.replace("tag:", "tags:"))
    page.get_by_role("heading", name="1 mistake").wait_for()
    assert page.locator(".gutter .is-bad").inner_text() == "× 4"
    assert page.locator(".backdrop mark.wrong").inner_text() == "tags"
    line, mistake = page.locator(".gutter .is-bad").bounding_box(), page.locator(".beside div").bounding_box()
    assert abs(line["y"] - mistake["y"]) < 3
    assert "Did you mean tag?" in page.locator(".beside").inner_text()
    page.get_by_role("button", name="Check and try").click()  # nothing is tried
    assert page.title() == "Change: 1 mistake – livechat-tagger"
    text = page.locator("#text")
    assert text.get_attribute("aria-describedby") == "mistakes"
    text.fill(RULE.replace("refund,", "refund, refund,", 1).replace("I want a refund", "I want it"))
    page.locator("#mistakes", has_text="refund should fire, but it did not fire").wait_for()
    page.get_by_role("button", name="Apply the safe fixes").click()
    assert "refund, refund" not in page.locator("#text").input_value()
    assert fits(page)


def test_a_pasted_list_of_300_keywords_is_tried(served: Served, opens: Opens) -> None:
    page = opens()
    text = opened(page, served, "change")
    page.get_by_label("File", exact=True).select_option("a new file")
    page.get_by_role("button", name="Open").click()
    page.get_by_label("Name of the file").fill("more.yaml")
    words = "\n".join(["rebate", *(f"word {number}" for number in range(299))])
    page.locator("#text").evaluate(
        "(it, text) => { it.value = text; it.dispatchEvent(new Event('input', {bubbles: true})); }", words
    )
    page.get_by_role("button", name="Check and try").click()
    assert "Say which tag" in page.locator("[data-part=answer]").inner_text()
    page.get_by_label("Tag, for a list of keywords").fill("Rebate")
    page.get_by_role("button", name="Check and try").click()
    tried(page)
    assert "The list became one rule with 300 keywords." in page.locator("[data-part=answer]").inner_text()
    assert "+10 gain a tag" in page.locator(".tally").inner_text().replace("\n", " ")
    assert "- id: rebate" in page.locator("#text").input_value()
    assert text.count() == 1


def test_it_ends_as_a_file_or_a_diff(served: Served, opens: Opens, tmp_path: Path) -> None:
    page = opens(accept_downloads=True)
    opened(page, served).fill(RULE.replace("[refund,", "[refund, rebate,"))
    page.get_by_role("heading", name="No mistakes").wait_for()
    page.get_by_role("button", name="Check and try").click()
    tried(page)
    before = served.rules.read_text("utf-8")
    for button, name, content in (
        ("Download rules.yaml", "rules.yaml", before.replace("[refund,", "[refund, rebate,")),
        ("Download the diff", "rules.diff", None),
    ):
        with page.expect_download() as waiting:
            page.get_by_role("button", name=button).click()
        assert waiting.value.suggested_filename == name
        waiting.value.save_as(tmp_path / name)
        got = (tmp_path / name).read_text("utf-8")
        assert got == content if content else got.startswith("--- a/rules.yaml\n+++ b/rules.yaml\n@@ ")
    assert served.rules.read_text("utf-8") == before


def test_it_works_without_script(served: Served, opens: Opens) -> None:
    page = opens(java_script_enabled=False)
    text = opened(page, served)
    text.fill(RULE.replace("tag:", "tags:"))
    page.get_by_role("button", name="Check and try").click()
    assert "1 mistake" in page.get_by_role("status").inner_text()
    page.locator("#text").fill(RULE.replace("[refund,", "[refund, rebate,"))
    page.get_by_role("button", name="Check and try").click()
    tried(page)  # the page refreshes by itself
    page.get_by_role("link", name="Start again").click()
    assert page.locator("#text").input_value() == RULE


def test_an_edit_after_a_trial_takes_its_result_away(served: Served, opens: Opens) -> None:
    page = opens()
    opened(page, served)
    page.get_by_role("button", name="Check and try").click()
    tried(page)
    assert page.locator(".tally").inner_text() == "No chat changes"
    page.locator("#text").fill(RULE.replace("[refund,", "[refund, rebate,"))
    page.get_by_role("heading", name="No mistakes").wait_for()
    assert page.locator(".tally").count() == 0
    assert page.locator(".primary").all_inner_texts() == ["Check and try"]


def test_a_refused_file_is_opened_from_the_strip_and_mended(served: Served, opens: Opens) -> None:
    page = opens()
    page.goto(served.entrance)
    good = served.rules.read_text("utf-8")
    served.rules.write_text(good.replace("tag: Refund", "tags: Refund"), "utf-8")
    link = page.get_by_role("link", name="Open it in Change")
    while not link.count():
        page.reload()
    link.click()
    text = page.locator("#text")
    assert "tags: Refund" in text.input_value()
    text.fill(text.input_value().replace("tags: Refund", "tag: Refund"))
    page.get_by_role("heading", name="No mistakes").wait_for()
    page.get_by_role("button", name="Check and try").click()
    tried(page)


def test_a_file_and_line_leads_to_the_rule(served: Served, opens: Opens) -> None:
    page = opens()
    page.goto(served.entrance)
    page.locator("#text").fill("a refund")
    page.get_by_role("link", name="rules.yaml:5").click()
    assert page.locator("#text").input_value() == RULE
    assert page.locator(".gutter li:target").inner_text() == "5"


def test_a_hostile_rule_is_text(served: Served, opens: Opens) -> None:
    page = opens()
    hostile = '  - id: x\n    tag: "</textarea><script>document.title = 1</script>"\n    any: ["<b>&amp;{{ 7 }}\u202e x"]'
    opened(page, served, "change?file=rules.yaml&rule=%2B").fill(hostile)
    page.get_by_role("heading", name="No mistakes").wait_for()
    page.get_by_role("button", name="Check and try").click()
    tried(page)
    assert page.locator("#text").input_value() == hostile
    assert page.locator("main b b").count() == 0
    assert page.title() == "Change – livechat-tagger"
