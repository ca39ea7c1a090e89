"""A decision in pieces: none costs more than it says, and together they are the decision."""

from random import Random

import pytest

from tagger.core.conversation import Author, Conversation, Said, ThreadKey
from tagger.core.matching.decide import Decider, Decision
from tagger.core.matching.rulebook import PIECE_COST_MAX
from tagger.core.rules.model import Canned, Keyword, Rule, RuleSet
from tests.unit.steps import steps

# Bytecode instructions for each unit of cost, which is about a microsecond.
STEPS_MAX = 60
RNG = Random(1)
WORDS = [f"wort{n}" for n in range(400)]

KEYWORDS = [
    Rule(f"r{n}", f"T{n}", from_="any", any=(Keyword(f"word{n}", f"word{n}"), Keyword("x*", "x", "prefix")))
    for n in range(300)
]
EXACT = [
    Rule(f"r{n}", "T", from_="any", any=(Keyword("é", "é", case_sensitive=n > 1, accents_exact=n % 2 == 1),))
    for n in range(4)
]
OF_ONE_VOCABULARY = [
    Rule(f"r{n}", f"T{n}", canned=(Canned(" ".join(RNG.sample(WORDS, 60))),)) for n in range(60)
]
OF_TWO_WORDS = [
    Rule(f"r{n}", f"T{n}", canned=(Canned(" ".join(RNG.choice("ab") for _ in range(200))),)) for n in range(2)
]

CASES: dict[str, tuple[list[Rule], Author, list[str]]] = {
    "dense keywords": (KEYWORDS, "customer", [" ".join(f"word{n} and" for n in range(250))] * 9),
    "every rule holds": (KEYWORDS, "customer", ["x x"]),
    "many short messages": (KEYWORDS, "customer", ["x"] * 60),
    "odd characters": (EXACT, "customer", ["e\u0301 \u1112\u1161\u11ab " * 300]),
    "responses of one vocabulary": (OF_ONE_VOCABULARY, "agent", [" ".join(RNG.choices(WORDS, k=800))]),
    "responses of two words": (OF_TWO_WORDS, "agent", [" ".join(RNG.choices("ab", k=400))]),
}


def conversation(author: Author, texts: list[str]) -> Conversation:
    said = tuple(Said(f"e{at}", author, (text,)) for at, text in enumerate(texts))
    return Conversation(ThreadKey("", "chat", "thread"), said)


@pytest.mark.parametrize(("rules", "author", "texts"), CASES.values(), ids=CASES)
def test_no_piece_costs_more_than_it_says(rules: list[Rule], author: Author, texts: list[str]) -> None:
    decider, thread = Decider.compile(RuleSet(tuple(rules), "h")), conversation(author, texts)
    decider.decide(thread, 0)  # fills the tables
    pieces = decider.pieces(thread, 0)
    cost, decision = 0, None
    while decision is None:
        done: list[int | Decision] = []
        taken = steps(lambda: done.append(next(pieces, None) or decider.decide(thread, 0)))  # noqa: B023
        if isinstance(done[0], Decision):
            break
        assert taken < STEPS_MAX * max(cost, PIECE_COST_MAX)
        cost = done[0]


def test_an_ordinary_thread_is_one_piece() -> None:
    decider = Decider.compile(RuleSet(tuple(KEYWORDS), "h"))
    assert list(decider.pieces(conversation("customer", ["the word7, please: größe"] * 60), 0)) == []


@pytest.mark.parametrize(("rules", "author", "texts"), CASES.values(), ids=CASES)
def test_a_large_thread_is_many_pieces(rules: list[Rule], author: Author, texts: list[str]) -> None:
    decider = Decider.compile(RuleSet(tuple(rules), "h"))
    assert len(list(decider.pieces(conversation(author, texts * 20), 0))) > 1
