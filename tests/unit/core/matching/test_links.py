"""Web addresses in a text, and rules that do not count what is inside them."""

import pytest

from tagger.core.conversation import Conversation, Said, ThreadKey
from tagger.core.matching.decide import Decider, Decision
from tagger.core.matching.links import link_spans
from tagger.core.matching.why_not import worded
from tagger.core.rules.parse import RuleSet, parse

MANY = 100_000


@pytest.mark.parametrize(
    ("text", "links"),
    [
        ("see shop.example/sam/1 please", ["shop.example/sam/1"]),
        ("https://shop.example", ["https://shop.example"]),
        ("HTTP://SHOP.EXAMPLE/A", ["HTTP://SHOP.EXAMPLE/A"]),
        ("ftp://files.example/a b", ["ftp://files.example/a"]),
        ("www.shop.example.", ["www.shop.example"]),
        ("(https://shop.example/sam).", ["https://shop.example/sam"]),
        ("[shop](https://shop.example/refund)", ["https://shop.example/refund"]),
        ('<a href="https://shop.example/refund">refund</a>', ["https://shop.example/refund"]),
        ("link:https://shop.example/?q=late#refund, ok", ["https://shop.example/?q=late#refund"]),
        ("localhost.test:8080/refund", ["localhost.test:8080/refund"]),
        ("a.example/x https://b.example", ["a.example/x", "https://b.example"]),
        ("看https://shop.example/refund谢谢", ["https://shop.example/refund"]),
        ("https://shop.example/zwrot-pieniędzy teraz", ["https://shop.example/zwrot-pieniędzy"]),
        ("a refund.please help", []),
        ("shop.example", []),
        ("sam@shop.example", []),
        ("and/or 24/7 1.5/2 AC/DC", []),
        ("wwwhat? www. no", []),
        ("", []),
    ],
)
def test_it_finds_links(text: str, links: list[str]) -> None:
    assert [text[start:end] for start, end in link_spans(text)] == links


@pytest.mark.parametrize(
    "text",
    ["a" * MANY, "a." * MANY, "a.a" * MANY, "(" * MANY, "www." * MANY, "http://" * MANY, "http://é返" * MANY],
)
def test_links_are_found_in_linear_time(text: str) -> None:
    assert all(start < end for start, end in link_spans(text))


def decided(fields: str, *texts: str) -> Decision:
    content = f"version: 1\nrules:\n  - {{id: r, tag: T, {fields}}}\n  - {{id: other, tag: O, any: [sam]}}\n"
    read = parse({"a.yaml": content.encode()})
    assert isinstance(read, RuleSet), [str(problem) for problem in read]
    said = tuple(Said(str(number), "customer", (text,)) for number, text in enumerate(texts))
    return Decider.compile(read).decide(Conversation(ThreadKey("", "c", "t"), said), 0, explain=True)


LINK = "see https://shop.example/sam/1"


@pytest.mark.parametrize(
    ("fields", "texts", "tags"),
    [
        pytest.param("any: [sam]", [LINK], ("O", "T"), id="by default words in links count"),
        pytest.param("links: count, any: [sam]", [LINK], ("O", "T"), id="count says so"),
        pytest.param("links: ignore, any: [sam]", [LINK], ("O",), id="ignored for this rule alone"),
        pytest.param("links: ignore, any: [sam]", [LINK, "sam"], ("O", "T"), id="said outside, too"),
        pytest.param("links: ignore, any: ['see https']", [LINK], ("O",), id="half of it in a link"),
        pytest.param("links: ignore, all: [[see], [sam]]", [LINK], ("O",), id="all"),
        pytest.param("links: ignore, any: [see], none: [sam]", [LINK], ("O", "T"), id="none"),
        pytest.param("any: [see], none: [sam]", [LINK], ("O",), id="none counts links by default"),
        pytest.param(
            "links: ignore, any: [sam], min_matches: 2", [LINK, "sam"], ("O",), id="nor is it counted"
        ),
    ],
)
def test_a_rule_says_whether_words_in_links_count(
    fields: str, texts: list[str], tags: tuple[str, ...]
) -> None:
    assert decided(fields, *texts).tags == tags


def test_a_match_in_a_link_is_explained_as_a_near_miss() -> None:
    near_misses = decided("links: ignore, any: [sam]", LINK).near_misses
    assert [(no.rule, no.keyword, no.start, worded(no.why_not)) for no in near_misses] == [
        ("r", "sam", 25, "inside a link; links: count would count it")
    ]
