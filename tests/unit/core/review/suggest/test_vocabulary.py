"""Texts as numbers of words, and phrases in an index: cut where the matcher sees edges."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tagger.core.matching.automaton import Matcher
from tagger.core.review.suggest.candidates import phrases
from tagger.core.review.suggest.index import Index
from tagger.core.review.suggest.vocabulary import Vocabulary
from tagger.core.rules.model import Keyword


def runs(text: str) -> list[str]:
    """The longest phrases of a text: what is between two breaks."""
    vocabulary = Vocabulary()
    found: list[list[int]] = [[]]
    for number in vocabulary.read(text):
        found += [[]] if number == 0 else []
        found[-1] += [number] if number else []
    return [vocabulary.text(run) for run in found if run]


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("My REFUND  please", ["my refund please"]),
        ("late, my parcel", ["late", "my parcel"]),
        ("I can’t log in", ["i can't log in"]),
        ("an e-mail", ["an e-mail"]),
        ("order 12345 is late", ["order", "is late"]),
        ("_refund_ for order_id", ["refund", "for order_id"]),
        ("a/b", ["a", "b"]),
        ("- late -", ["late"]),
        ("¿dónde está?", ["donde esta"]),
        ("हिन्दी में", ["हिन्दी में"]),
        ("환불은 언제", ["환불은 언제"]),
        ("我想要refund谢谢", ["我想要", "refund", "谢谢"]),
        ("退 款", ["退", "款"]),
        ("...!!!", []),
        ("", []),
    ],
)
def test_a_phrase_goes_on_over_one_space_an_apostrophe_or_a_hyphen(text: str, found: list[str]) -> None:
    assert runs(text) == found


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("late parcel", {"late", "parcel", "late parcel"}),
        ("don't know", {"don't", "know", "don't know"}),
        ("l'abonnement", {"l'abonnement", "abonnement"}),
        ("an e-mail", {"an", "an e-mail", "e-mail", "mail"}),
        ("one two three four", {"one", "two", "three", "four", "one two", "two three", "three four",
                                "one two three", "two three four"}),
        ("カード払い", {"カード", "カード払", "カード払い", "払い"}),
        ("a b", {"a b"}),
    ],
)  # fmt: skip
def test_phrases_begin_and_end_where_people_see_a_word(text: str, found: set[str]) -> None:
    index = Index()
    index.add([text])
    assert {index.vocabulary.text(phrase) for phrase in phrases(index, [0], 1)} == found


PARTS = [
    "can",
    "'t",
    "’",
    "-",
    " ",
    "  ",
    "_",
    "e-mail",
    "log in",
    "404",
    "カード",
    "ド",
    "払い",
    "कि",
    "refund",
    "é",
    ", ",
    "ё",
    "환불은",
]


@given(st.lists(st.lists(st.sampled_from(PARTS), max_size=12).map("".join), min_size=1, max_size=6))
def test_the_index_finds_a_phrase_in_the_chats_in_which_the_matcher_finds_it(texts: list[str]) -> None:
    index = Index()
    for text in texts:
        index.add([text])
    said = phrases(index, range(len(texts)), 1)
    found = index.find(phrase for phrase in said if len(phrase) > 1)
    for phrase in said:
        written = index.vocabulary.text(phrase)
        matcher = Matcher([Keyword(written, written)])
        chats = found[phrase] if len(phrase) > 1 else index.chats[phrase[0]]
        assert list(chats) == [chat for chat, text in enumerate(texts) if matcher.find(text)], written


def test_a_chat_keeps_its_texts_apart() -> None:
    index = Index()
    index.add(["late", "parcel ß"])
    index.add([])
    assert (index.texts(0), index.texts(1)) == (["late", "parcel ß"], [""])
    (late,), (parcel,) = (
        [n for n in index.distinct(0) if index.vocabulary.words[n] == word] for word in ("late", "parcel")
    )
    assert list(index.find([(late, parcel)])[late, parcel]) == []
