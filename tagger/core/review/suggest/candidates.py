"""Phrases that may be proposed for some chats: words, phrases and stems that these chats say more often than others.

Every set of chats here is exact where folding is regular; what is proposed in the end is counted by the matcher.
"""

from array import array
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import chain, combinations, pairwise
from typing import Final, NamedTuple
from unicodedata import normalize

from tagger.core.review.suggest.index import Index
from tagger.core.review.suggest.vocabulary import JOINED, WORD_BITS, Joint

Phrase = tuple[int, ...]  # numbers of words

CHATS_MIN: Final = 5  # no phrase is proposed that fewer chats have: it could tell who they are
# Words of a phrase; joined ones do not count, and no phrase is longer than `PARTS_MAX` with them.
WORDS_MAX: Final = 3
SPACELESS_MAX: Final = 6
PARTS_MAX: Final = 12
COMMON_MAX: Final = 0.1  # share of the other chats; what more of them say tells nothing
LIFT_MIN: Final = 2  # times as frequent as in the others
STEM_CHARS_MIN: Final = 4  # decomposed: two syllables of Hangul are enough
PAIR_WORDS_MAX: Final = 40  # the best by themselves are paired: 780 pairs


class Candidate(NamedTuple):
    """A keyword, or two of which both must be said, as they are written in a rule."""

    keywords: tuple[str, ...]
    chats: int  # bits of all chats that say it


class Sides(NamedTuple):
    """Bits of the chats to be told apart. Those on neither side are no evidence."""

    these: int
    others: int


def phrases(index: Index, chats: Sequence[int], least: float) -> list[Phrase]:
    """Words and phrases that at least so many of these chats say, with a beginning and an end where a word has them.

    Pairs of frequent words are counted first. A phrase of other pairs is too rare.
    """
    alone = Counter(chain.from_iterable(map(index.distinct, chats)))
    frequent = {word for word, times in alone.items() if times >= least}
    pairs: Counter[int] = Counter()
    for chat in chats:
        pairs.update(set(_pairs(index, chat, frequent)))
    following = {pair for pair, times in pairs.items() if times >= least}
    del pairs
    found: Counter[Phrase] = Counter()
    for chat in chats:
        found.update(set(_phrases(index, chat, frequent, following)))
    return [phrase for phrase, times in found.items() if times >= least]


def _pairs(index: Index, chat: int, frequent: set[int]) -> Iterator[int]:
    bare = index.vocabulary.bare
    for one, other in pairwise(index.words(chat)):
        if other in frequent:
            if one in frequent:
                yield one << WORD_BITS | other
            if one in bare and bare[one] in frequent:
                yield bare[one] << WORD_BITS | other


def _phrases(index: Index, chat: int, frequent: set[int], following: set[int]) -> Iterator[Phrase]:
    """The words and phrases of a chat that begin and end where people would say that a word does."""
    vocabulary, words = index.vocabulary, index.words(chat)
    joints, bare = vocabulary.joints, vocabulary.bare
    ends = [joints[word] not in JOINED for word in words[1:]]  # before a joined word nothing ends
    ends.append(True)
    for at, word in enumerate(words):
        first = bare.get(word, word)
        if first not in frequent or (word in bare and not vocabulary.may_begin(word)):
            continue
        if ends[at] and _is_word(index, first):
            yield (first,)
        longest = SPACELESS_MAX if joints[first] == Joint.NOTHING else WORDS_MAX
        phrase, count = [first], 1
        for after in range(at + 1, min(at + PARTS_MAX, len(words))):
            count += joints[words[after]] not in JOINED
            if count > longest or phrase[-1] << WORD_BITS | words[after] not in following:
                break
            phrase.append(words[after])
            if ends[after]:
                yield tuple(phrase)


def _is_word(index: Index, word: int) -> bool:
    """Whether it may be proposed by itself: no single letter, and no sign of a script without spaces."""
    return index.vocabulary.joints[word] == Joint.SPACE and len(index.vocabulary.words[word]) > 1


class Pool:
    """The candidates for some chats."""

    def __init__(self, index: Index, sides: Sides, least: float) -> None:
        self._index = index
        self._sides = sides
        self._least = least
        self._these = sides.these.bit_count()
        self._others = sides.others.bit_count()

    def _told(self, chats: int) -> tuple[int, int]:
        return (chats & self._sides.these).bit_count(), (chats & self._sides.others).bit_count()

    def _tells(self, chats: int) -> bool:
        here, there = self._told(chats)
        return (
            here >= self._least
            and there <= COMMON_MAX * self._others
            and here * self._others >= LIFT_MIN * there * self._these
        )

    def candidates(
        self, said: Iterable[Phrase], words: Iterable[int], found: "Mapping[Phrase, array[int]]"
    ) -> list[Candidate]:
        """What these chats say more often than the others: words, phrases and stems, then pairs of words.

        said   words and phrases of these chats
        words  all their words: stems are looked for among these
        found  the chats of the phrases of two or more words
        """
        index, bits = self._index, self._index.bits
        single: dict[str, int] = {}  # all words and stems that these chats have, whether they tell or not
        told: dict[str, int] = {}
        for phrase in said:
            alone = len(phrase) == 1
            chats = bits(index.chats[phrase[0]] if alone else found[phrase])
            text = index.vocabulary.text(phrase)
            if alone:
                single[text] = chats
            if self._tells(chats):
                told[text] = chats
        for stem, chats in self._stems(words):
            single[f"{stem}*"] = chats
            if self._tells(chats):
                told[f"{stem}*"] = chats
        return [
            *(Candidate((text,), chats) for text, chats in told.items()),
            *self._pairs(single),
        ]

    def _stems(self, words: Iterable[int]) -> Iterator[tuple[str, int]]:
        """What neighbouring words of these chats, in alphabetical order, begin with."""
        vocabulary = self._index.vocabulary
        spaced = sorted(vocabulary.words[n] for n in words if vocabulary.joints[n] == Joint.SPACE)
        for stem in sorted({_beginning(one, other) for one, other in pairwise(spaced)}):
            if len(normalize("NFD", stem)) >= STEM_CHARS_MIN:
                chats = self._index.chats
                yield (
                    stem,
                    self._index.bits(chain.from_iterable(chats[n] for n in self._index.starting(stem))),
                )

    def _pairs(self, single: Mapping[str, int]) -> Iterator[Candidate]:
        """Two words of the same chats, out of those that tell these chats best by themselves (by F1)."""

        def rank(item: tuple[str, int]) -> tuple[float, str]:
            here, there = self._told(item[1])
            return -here / (here + there + self._these), item[0]

        best = sorted(single.items(), key=rank)[:PAIR_WORDS_MAX]
        for (one, these), (other, those) in combinations(sorted(best), 2):
            if not one.startswith(other.rstrip("*")) and not other.startswith(one.rstrip("*")):
                yield Candidate((one, other), these & those)


def _beginning(one: str, other: str) -> str:
    """What both begin with."""
    for at, (ch, twin) in enumerate(zip(one, other, strict=False)):
        if ch != twin:
            return one[:at]
    return one if len(one) < len(other) else other
