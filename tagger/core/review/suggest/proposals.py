"""Which phrases tell the chats of a tag from the rest: drafted from an index of words, then counted by the matcher."""

from array import array
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Final, NamedTuple

from tagger.core.matching.automaton import Matcher
from tagger.core.review.suggest.candidates import CHATS_MIN, Candidate, Phrase, Pool, Sides, phrases
from tagger.core.review.suggest.cover import Terms, choose
from tagger.core.review.suggest.index import Index
from tagger.core.rules.model import Keyword

GAMMA: Final = 1.35
# Chats that each phrase must add: a hundredth of those of the tag, and two or three of a small one.
NEW_SHARE: Final = 0.01
NEW_MIN: Final = 3
NEW_OF_FEW_MIN: Final = 2
PAIR_COST: Final = (
    0.02  # share of the tag's chats that a pair is charged: there are many, so some fit by chance
)

# A tag is weak if it has fewer chats, or the phrases find less of them, or more of others.
WEAK_CHATS: Final = 20
WEAK_SHARE: Final = 0.25


class Proposal(NamedTuple):
    """One keyword, or two of which both must be said."""

    keywords: tuple[str, ...]  # as written in a rule
    with_tag: int  # chats that it finds
    without_tag: int
    example: str  # what customers say; it is found in this


class Suggestion(NamedTuple):
    """What is proposed for one tag."""

    tag: str
    of_with: int  # chats that people tagged and no rule did
    of_without: int  # chats without the tag
    proposals: tuple[Proposal, ...]  # best first
    weak: str | None  # why they should not be trusted, in words


class Wanted(NamedTuple):
    """A tag that phrases are wanted for."""

    tag: str
    people: Sequence[int]  # chats that people tagged and no rule did
    rules: Sequence[int]  # chats that have it from a rule: on neither side, because nothing has to find them

    @property
    def new_min(self) -> float:
        """Chats that each phrase must add."""
        few = max(NEW_OF_FEW_MIN, len(self.people) // NEW_MIN)
        return max(min(NEW_MIN, few), NEW_SHARE * len(self.people))

    @property
    def least(self) -> float:
        """Chats of the tag that must say a phrase."""
        return max(CHATS_MIN, self.new_min)


class Draft(NamedTuple):
    """A suggestion before it is counted."""

    tag: str
    sides: Sides
    chosen: list[Candidate]


def drafts(index: Index, tags: Iterable[Wanted], most: int) -> Iterator[Draft]:
    """Choose at most so many phrases for each tag."""
    tags = list(tags)
    said = [phrases(index, one.people, one.least) if len(one.people) >= CHATS_MIN else [] for one in tags]
    found = index.find({phrase for each in said for phrase in each if len(phrase) > 1})
    for one, each in zip(tags, said, strict=True):
        yield _draft(index, one, each, found, most)


def _draft(
    index: Index, one: Wanted, said: list[Phrase], found: "Mapping[Phrase, array[int]]", most: int
) -> Draft:
    these = index.bits(one.people)
    sides = Sides(these, index.bits(range(len(index))) & ~these & ~index.bits(one.rules))
    if not said:
        return Draft(one.tag, sides, [])
    words = set().union(*map(index.distinct, one.people))
    candidates = Pool(index, sides, one.least).candidates(said, words, found)
    terms = Terms(most, GAMMA, one.new_min, PAIR_COST * len(one.people))
    chosen = choose(candidates, sides, terms)
    return Draft(one.tag, sides, chosen)


def counted(index: Index, drafted: Iterable[Draft]) -> list[Suggestion]:
    """The suggestions, with what the matcher finds in the chats."""
    drafted = list(drafted)
    chats = find(index, {word for one in drafted for chosen in one.chosen for word in chosen.keywords})
    return [_suggestion(index, one, chats) for one in drafted]


def find(index: Index, keywords: Iterable[str]) -> dict[str, int]:
    """Bits of the chats in which the matcher finds each keyword, in one pass over everything."""
    written = sorted(keywords)
    matcher = Matcher(
        [Keyword(word, word.rstrip("*"), "prefix" if word[-1] == "*" else "word") for word in written]
    )
    chats: list[list[int]] = [[] for _ in written]
    for chat in range(len(index)) if written else ():
        for number in {match.keyword for text in index.texts(chat) for match in matcher.find(text)}:
            chats[number].append(chat)
    return {word: index.bits(of) for word, of in zip(written, chats, strict=True)}


def both(chats: dict[str, int], keywords: Iterable[str]) -> int:
    """Bits of the chats that have all of these keywords."""
    first, *others = keywords
    found = chats[first]
    for other in others:
        found &= chats[other]
    return found


def _suggestion(index: Index, one: Draft, chats: dict[str, int]) -> Suggestion:
    these, others = one.sides
    proposals = []
    found = 0
    for chosen in one.chosen:
        hit = both(chats, chosen.keywords)
        here = (hit & these).bit_count()
        if here >= CHATS_MIN:
            example = " ".join(_example(index, keyword) for keyword in chosen.keywords)
            proposals.append(Proposal(chosen.keywords, here, (hit & others).bit_count(), example))
            found |= hit
    of_with, of_without = these.bit_count(), others.bit_count()
    right = (found & these).bit_count() - len(proposals)  # the first chat of each may be luck
    weak = _weakness(of_with, right, (found & others).bit_count()) if proposals else None
    return Suggestion(one.tag, of_with, of_without, tuple(proposals), weak)


def _example(index: Index, keyword: str) -> str:
    """The keyword; of a stem, the word that most chats say, if not too few do."""
    if keyword[-1] != "*":
        return keyword
    words = ((len(index.chats[n]), index.vocabulary.words[n]) for n in index.starting(keyword[:-1]))
    chats, word = max(words, key=lambda counted: (counted[0], -len(counted[1]), counted[1]), default=(0, ""))
    return word if chats >= CHATS_MIN else keyword[:-1]


def _weakness(of_with: int, right: int, wrong: int) -> str | None:
    if of_with < WEAK_CHATS:
        return f"fewer than {WEAK_CHATS} chats have the tag"
    if right < wrong:
        return "they find more chats without the tag than with it"
    if right < WEAK_SHARE * of_with:
        return "they find less than a quarter of the chats with the tag"
    return None
