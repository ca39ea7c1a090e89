"""Try it, as a person uses it: typing, without script, by keyboard, narrow, dark, in every script."""

from typing import Any, Final

import pytest

from tests.web.conftest import TOKEN, Opens, Served

CHAT: Final = """\
customer: Hi, the password reset link never comes, so I can't log in.
agent: Sorry about that! I can offer a refund.
customer: Is it refundable? Please cancel my plan.
customer: Hm, wait, I changed my mind. Keep it."""
ARABIC: Final = "مرحبا، طلبي رقم 48213\nأريد استرداد المبلغ من فضلكم، أو استبداله."
HOSTILE: Final = (
    '</textarea><script>document.title = "taken"</script><b>refund</b> \u202egnp.exe\u202c &amp; {{ 7 }}'
)


def answered(page: Any, tags: int) -> None:
    """Wait for the answer."""
    page.get_by_role("heading", name=f"This chat gets {tags or 'no'} tag").wait_for()


def marked(page: Any, kind: str) -> list[str]:
    """What is marked in the field, outermost marks only."""
    return [str(text) for text in page.locator(f".backdrop > mark.{kind}").all_inner_texts()]


def fits(page: Any) -> bool:
    """Whether nothing is wider than the window, and the copy is exactly behind what is typed."""
    return bool(
        page.evaluate(
            """() => {
              const [copy, field] = [document.querySelector(".backdrop"), document.querySelector("textarea")];
              return document.documentElement.scrollWidth <= window.innerWidth
                && copy.scrollHeight === field.scrollHeight && copy.clientWidth === field.clientWidth;
            }"""
        )
    )


def test_words_light_up_as_one_types(served: Served, opens: Opens) -> None:
    page = opens()
    page.goto(served.entrance)
    page.get_by_role("textbox", name="What was said").press_sequentially("I want a refund")
    answered(page, 1)
    assert marked(page, "found") == ["refund"]
    page.get_by_role("textbox", name="What was said").press_sequentially("able")
    answered(page, 0)
    assert (marked(page, "found"), marked(page, "near")) == ([], ["refund"])
    assert TOKEN not in page.url
    assert "refund" not in page.url


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1280, 360])
def test_a_chat_is_explained_in_every_width_and_scheme(
    width: int, scheme: str, served: Served, opens: Opens
) -> None:
    page = opens(width, color_scheme=scheme)
    page.goto(served.entrance)
    page.locator("#text").fill(CHAT)
    answered(page, 2)
    assert page.locator(".verdict .tag").all_inner_texts() == ["E-mail missing", "Login problem"]
    assert marked(page, "found") == ["password reset", " link", "can't log in"]
    assert marked(page, "near") == ["refund", "refund", "cancel my plan"]
    assert marked(page, "stop") == ["changed my mind"]
    assert page.get_by_role("table", name="Found").get_by_role("row").count() == 4
    assert "rules.yaml:7" in page.get_by_role("table", name="Found").inner_text()
    assert fits(page)


@pytest.mark.parametrize("width", [1280, 360])
@pytest.mark.parametrize(
    "text",
    [
        "Wann kommt die Rückerstattung?",
        "¿cuándo llega el reembolso?",
        "proszę o zwrot pieniędzy",
        "返金をお願いします",
        ARABIC,
    ],
    ids=["german", "spanish", "polish", "japanese", "arabic"],
)
def test_every_script_shows_rightly(text: str, width: int, served: Served, opens: Opens) -> None:
    page = opens(width)
    page.goto(served.entrance)
    page.locator("#text").fill(text)
    answered(page, 1)
    assert len(marked(page, "found")) == 1
    assert fits(page)
    directions = page.evaluate("getComputedStyle(document.querySelector('#text')).direction")
    assert directions == ("rtl" if text is ARABIC else "ltr")


def test_a_hostile_text_is_text(served: Served, opens: Opens) -> None:
    page = opens()
    page.goto(served.entrance)
    page.locator("#text").fill(HOSTILE)
    answered(page, 1)
    page.get_by_role("button", name="Explain").click()
    answered(page, 1)
    assert page.locator("#text").input_value() == HOSTILE
    assert page.title() == "Try it – livechat-tagger"
    assert page.locator("main b").count() == 0


def test_the_longest_text_is_answered(served: Served, opens: Opens) -> None:
    page = opens()
    page.goto(served.entrance)
    # As pasting does: Playwright's `fill` types line by line, which takes minutes.
    page.locator("#text").evaluate(
        "(it, text) => { it.value = text; it.dispatchEvent(new Event('input', {bubbles: true})); }",
        "my refund, please\n" * 14_000,
    )
    answered(page, 1)
    assert fits(page)
    assert page.evaluate("document.querySelector('.lit').clientHeight <= window.innerHeight")
    assert "and 19 more" in page.get_by_role("table", name="Found").inner_text()


def test_it_works_without_script(served: Served, opens: Opens) -> None:
    page = opens(java_script_enabled=False)
    page.goto(served.entrance)
    page.get_by_role("link", name="I want a refund").click()
    answered(page, 1)
    page.locator("#text").fill(CHAT)
    page.get_by_role("button", name="Explain").click()
    answered(page, 2)
    assert page.locator("#text").input_value() == CHAT
    assert marked(page, "stop") == ["changed my mind"]
    assert page.url == served.url


def test_who_says_it_matters(served: Served, opens: Opens) -> None:
    page = opens()
    page.goto(served.entrance)
    page.locator("#text").fill("a refund")
    answered(page, 1)
    page.get_by_label("an agent").check()
    answered(page, 0)
    assert "Said by the agent" in page.get_by_role("table", name="Nearly").inner_text()


def test_everything_is_reached_by_keyboard_in_order(served: Served, opens: Opens) -> None:
    page = opens()
    page.goto(served.entrance)
    walk = []
    for _ in range(11):
        page.keyboard.press("Tab")
        walk.append(
            page.evaluate(
                "(() => { const it = document.activeElement; return it.id || it.name || it.textContent.trim(); })()"
            )
        )
        outline = page.evaluate(
            "(() => { const it = document.activeElement.closest('.lit') || document.activeElement;"
            " return getComputedStyle(it).outlineStyle; })()"
        )
        assert outline != "none", walk
    assert walk == [
        "Skip to the content",
        "livechat-tagger",
        *("Try it", "Chats", "Keywords", "Change"),
        "text",
        "by",
        "Group and day",
        "Explain",
        "I want a refund",
    ]


def test_only_the_headline_is_read_out(served: Served, opens: Opens) -> None:
    page = opens()
    page.goto(served.entrance)
    page.locator("#text").fill("a refund")
    answered(page, 1)
    assert page.get_by_role("status").inner_text().split("\n") == [
        "This chat gets 1 tag",
        "",
        "by the keywords in force",
    ]
    assert page.locator(".backdrop").get_attribute("aria-hidden") == "true"


def test_a_server_that_is_away_is_said_and_the_text_stays(served: Served, opens: Opens) -> None:
    page = opens(expected=("ERR_INTERNET_DISCONNECTED",))
    page.goto(served.entrance)
    page.context.set_offline(True)
    page.locator("#text").fill("a refund")
    page.get_by_role("heading", name="No answer: press Explain to try again").wait_for()
    page.context.set_offline(False)
    page.get_by_role("button", name="Explain").click()
    answered(page, 1)
