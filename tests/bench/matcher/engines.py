"""The matcher and its neighbours, each as one function over a message. Every one is given what it likes best.

Only `verdict` answers the whole question: the neighbours are given text that was folded before, and all but
`re` find parts of words too.
"""

import re
from collections.abc import Callable, Sized

import ahocorasick
import ahocorasick_rs
import hyperscan

from tagger.core.folding.fold import fold
from tagger.core.matching.automaton import Matcher
from tagger.core.rules.model import Keyword

Engine = Callable[[str], Sized]  # one message → its hits


def verdict(keywords: list[str]) -> Engine:
    """Ours: fold, find, and check every find exactly, on the message as it was sent."""
    return Matcher([Keyword(keyword, keyword) for keyword in keywords]).find


def bare_iter(keywords: list[str]) -> Engine:
    """pyahocorasick over folded text: the floor for anything built on it."""
    automaton = ahocorasick.Automaton(ahocorasick.STORE_INTS)
    for at, keyword in enumerate(keywords):
        automaton.add_word(fold(keyword).text, at)
    automaton.make_automaton()
    search = automaton.iter
    return lambda text: list(search(text))


def re_alternation(keywords: list[str]) -> Engine:
    """What everybody writes first."""
    longest_first = sorted(keywords, key=len, reverse=True)
    pattern = re.compile(rf"\b(?:{'|'.join(map(re.escape, longest_first))})\b")
    return pattern.findall


def rust(keywords: list[str]) -> Engine:
    """ahocorasick_rs; the kind of automaton is its own choice."""
    automaton = ahocorasick_rs.AhoCorasick(keywords, matchkind=ahocorasick_rs.MatchKind.Standard)
    return lambda text: automaton.find_matches_as_indexes(text, overlapping=True)


def intel(keywords: list[str]) -> Engine:
    """hyperscan literals; a call back into Python for each hit."""
    database = hyperscan.Database(mode=hyperscan.HS_MODE_BLOCK)
    numbers = list(range(len(keywords)))
    database.compile([keyword.encode() for keyword in keywords], ids=numbers, flags=0, literal=True)
    scratch = hyperscan.Scratch(database)

    def find(text: str) -> list[tuple[int, int]]:
        hits: list[tuple[int, int]] = []

        def found(number: int, _start: int, end: int, _flags: int, _context: object) -> None:
            hits.append((number, end))

        database.scan(text.encode(), match_event_handler=found, scratch=scratch)
        return hits

    return find
