"""Phrases for the chats of a tag: what is proposed, what is not, and that every count is right."""

from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tagger.core.conversation import Conversation, Said, ThreadKey
from tagger.core.matching.decide import Decider
from tagger.core.review.rule_tests import run_tests
from tagger.core.review.suggest import rule_text
from tagger.core.review.suggest.index import Index
from tagger.core.review.suggest.proposals import Suggestion, Wanted, counted, drafts
from tagger.core.rules.parse import RuleSet, parse

Chat = tuple[str, bool]  # what is said, and whether people tagged it

OTHERS = [
    (f"hello {word}", False) for word in "parcel order invoice lamp chair desk".split() for _ in range(20)
]


def suggest(chats: list[Chat], rules: tuple[int, ...] = (), most: int = 10) -> Suggestion:
    index = Index()
    for text, _ in chats:
        index.add([text])
    people = [number for number, (_, tagged) in enumerate(chats) if tagged]
    (only,) = counted(index, drafts(index, [Wanted("T", people, rules)], most))
    return only


def shown(suggestion: Suggestion) -> list[tuple[str, int, int]]:
    return [(" + ".join(one.keywords), one.with_tag, one.without_tag) for one in suggestion.proposals]


def said(*texts: str, times: int = 10, tagged: bool = True) -> list[Chat]:
    return [(text, tagged) for text in texts for _ in range(times)]


@pytest.mark.parametrize(
    ("chats", "proposed"),
    [
        pytest.param(said("refund please", "refund now"), [("refund", 20, 0)], id="a word"),
        pytest.param(
            said("we were refunded", "a refunding of it"), [("refund*", 20, 0)], id="what words begin with"
        ),
        pytest.param(
            [*said("so late a parcel", "the parcel was late"), *said("late", "parcel", tagged=False)],
            [("late + parcel", 20, 0)],
            id="two words of one chat",
        ),
        pytest.param(
            [*said("send it back", times=20), *said("send it", "it back", times=20, tagged=False)],
            [("send it back", 20, 0)],
            id="a phrase that says more than its words",
        ),
        pytest.param(said("order 4711"), [], id="no numbers"),
        pytest.param(said("x", "y"), [], id="no single letters"),
        pytest.param(said("hello", "hello you"), [("you", 10, 0)], id="nothing that all say"),
        pytest.param(said("refund", times=4), [], id="nothing from fewer than five chats"),
        pytest.param([*said("refund", times=4), *said("hello", times=30)], [], id="nor of fewer than five"),
        pytest.param(said("退款谢谢", "我想要退款"), [("退款", 20, 0)], id="without spaces"),
    ],
)
def test_what_tells_the_chats_of_a_tag_from_the_rest(
    chats: list[Chat], proposed: list[tuple[str, int, int]]
) -> None:
    assert sorted(shown(suggest([*OTHERS, *chats]))) == proposed


def test_chats_that_have_the_tag_from_a_rule_are_no_evidence() -> None:
    chats = [*OTHERS, *said("reimburse me"), *said("reimburse the refund", times=30, tagged=False)]
    with_rule = tuple(number for number, (text, _) in enumerate(chats) if "refund" in text)
    assert shown(suggest(chats)) == [("me", 10, 0)]
    suggestion = suggest(chats, with_rule)
    assert (suggestion.of_with, suggestion.of_without) == (10, len(OTHERS))
    assert shown(suggest([*chats, *said("me", tagged=False)], with_rule)) == [("reimburse", 10, 0)]


def test_at_most_so_many_phrases_are_proposed() -> None:
    chats = [*OTHERS, *said("refund", "money", "chargeback")]
    assert len(suggest(chats).proposals) == 3
    assert len(suggest(chats, most=2).proposals) == 2


@pytest.mark.parametrize(
    ("chats", "why"),
    [
        (said("refund", times=25), None),
        (said("refund", times=19), "fewer than 20 chats have the tag"),
        ([*said("refund", times=8), *said("hello", times=40)], "they find less than a quarter of the chats with the tag"),
        (
            [*said("refund", times=20), *said("refund", times=25, tagged=False), *said("bye", times=400, tagged=False)],
            "they find more chats without the tag than with it",
        ),
    ],
)  # fmt: skip
def test_weak_phrases_say_why(chats: list[Chat], why: str | None) -> None:
    suggestion = suggest([*OTHERS, *chats])
    assert suggestion.proposals
    assert suggestion.weak == why


WITH = [
    "refund",
    "refunded",
    "refunds",
    "don't",
    "e-mail",
    "Straße",
    "Acme™",
    "返金",
    "カード",
    "हिन्दी",
    "order_id",
    "money back",
]
WITHOUT = ["parcel", "Straßen", "don", "mail", "払い", "क", "order", "refundable", "back", "acme"]
EVERYWHERE = ["the", ",", "404", "-", "👍", "is", "can"]


def texts(words: list[str]) -> st.SearchStrategy[str]:
    return st.lists(st.sampled_from([*words, *EVERYWHERE]), min_size=1, max_size=5).map(" ".join)


@settings(max_examples=30, deadline=None)
@given(
    st.lists(texts(WITH), min_size=6, max_size=30),
    st.lists(texts(WITHOUT), min_size=10, max_size=40),
    st.randoms(use_true_random=False),
)
def test_a_rule_made_of_proposals_finds_the_counted_chats_whatever_their_order(
    these: list[str], others: list[str], chance: Random
) -> None:
    chats = [*((text, True) for text in these), *((text, False) for text in others)]
    suggestion = suggest(chats)
    shuffled = list(chats)
    chance.shuffle(shuffled)
    assert suggest(shuffled) == suggestion
    for one in suggestion.proposals:
        decider = pasted(suggestion._replace(proposals=(one,)))
        found = [tagged for text, tagged in chats if decider.decide(conversation(text), 0).tags]
        assert (one.with_tag, one.without_tag) == (found.count(True), found.count(False))
        assert one.with_tag >= 5
        assert run_tests(decider) == []


def pasted(suggestion: Suggestion) -> Decider:
    read = parse({"a.yaml": f"version: 1\nrules:\n{rule_text.of_tag(suggestion)}\n".encode()})
    assert isinstance(read, RuleSet), [str(problem) for problem in read]
    return Decider.compile(read)


def conversation(text: str) -> Conversation:
    return Conversation(ThreadKey("", "C", "T"), (Said("1", "customer", (text,)),))


def test_the_property_is_not_about_nothing() -> None:
    chats = [(word, True) for word in WITH for _ in range(6)]
    assert len(suggest([*chats, *OTHERS]).proposals) >= 8
