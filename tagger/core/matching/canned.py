"""Canned responses: is this message that canned response, filled in and lightly edited?

The literal words of the response must be in the message, in order: all of a short one, nine tenths of one of ten words
or more. A placeholder may be any text of up to eight words, and an agent may have added a few words in between. Rare
words of each response are searched for like keywords, so the cost does not grow with the number of responses; comparing
one with a message is linear in the words of both.
"""

import re
from bisect import bisect_right
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import accumulate
from typing import Final, NamedTuple

from tagger.core.folding.characters import CONTINUES, is_mark, is_spaceless, is_word
from tagger.core.folding.fold import fold, without_emphasis

# LiveChat does not document its own syntax in public; this is one setting in one place.
DEFAULT_PLACEHOLDER: Final = r"%[A-Za-z_]+%"
PLACEHOLDER_WORDS_MAX: Final = 8
# Words that an editor may have put between two neighbouring words of the response: "is on its way" and
# "is now already on its way". Each missing word may be replaced by one more.
INSERTED_WORDS_MAX: Final = 3

# Ways to read a response into a message that are followed at a time: the half that has found the most words, and the
# half that began last. Few words other than a response's own begin one, so only a text that keeps repeating itself has
# more ways, and there it does not matter which one is found.
WAYS_MAX: Final = 24
# Places of a word in a response that are tried for one way.
PLACES_TRIED_MAX: Final = 4

# How many of the words by which a response is looked for must be there: one alone is in many other messages.
ANCHORS_NEEDED: Final = 3
# Shorter words are in too many messages, and in longer words; they are taken last.
ANCHOR_CHARS: Final = 4

_ASCII_WORD: Final = re.compile(r"\w+(?:'\w+)*")


def words_of(folded: str) -> list[tuple[int, int]]:
    """Where the words of a folded text begin and end; punctuation is between them.

    An apostrophe between two letters is part of a word, so that `don't` and `o'clock` are one each, as people count. In
    scripts without spaces each character, with the marks on it, is a word.
    """
    folded = without_emphasis(folded)
    if folded.isascii():
        return [found.span() for found in _ASCII_WORD.finditer(folded)]
    words: list[tuple[int, int]] = []
    is_open = False  # whether a following letter belongs to the last word
    for at, ch in enumerate(folded):
        if not is_word(ch):
            if ch == "'" and is_open and words[-1][1] == at and CONTINUES[folded[at + 1 : at + 2]]:
                words[-1] = (words[-1][0], at + 1)
                continue
            is_open = False
            continue
        spaceless = is_spaceless(ch)
        joins = words and words[-1][1] == at and (is_mark(ch) or (is_open and not spaceless))
        if joins:
            words[-1] = (words[-1][0], at + 1)
        else:
            words.append((at, at + 1))
            is_open = not spaceless
    return words


class Template:
    """One canned response as it is compared."""

    __slots__ = ("filled", "fills", "missing_max", "places", "words")

    def __init__(self, words: Sequence[str], fills: Sequence[int], missing_max: int) -> None:
        self.words = tuple(words)  # the literal words, folded
        self.fills = tuple(fills)  # per word: how many words the placeholders right before it may hold
        self.missing_max = missing_max
        self.filled = tuple(accumulate(self.fills))  # the same, of this word and all before it
        self.places = places_of(self.words)

    @classmethod
    def read(cls, text: str, placeholder: str = DEFAULT_PLACEHOLDER) -> "Template":
        """Read a response as written. Raises re.error if the placeholder is not a valid regular expression.

        A word that a placeholder is part of, such as `%name%'s`, is filled in with it.
        """
        words: list[str] = []
        fills: list[int] = []
        fill, done = 0, 0
        for found in [*re.finditer(placeholder, text), None]:
            folded = fold(text[done : found.start() if found else len(text)]).text
            for start, end in _own_words(folded, after=done > 0, before=found is not None):
                words.append(folded[start:end])
                fills.append(fill)
                fill = 0
            fill += PLACEHOLDER_WORDS_MAX
            done = found.end() if found else done
        return cls(words, fills, missing_max(len(words)))


def _own_words(folded: str, *, after: bool, before: bool) -> list[tuple[int, int]]:
    """The words of a text that stands after a placeholder, before one, or both, without those that go on in it."""
    words = words_of(folded)
    if after and words and CONTINUES[folded.removeprefix("'")[:1]]:
        del words[0]
    if before and words and CONTINUES[folded.removesuffix("'")[-1:]]:
        del words[-1]
    return words


def missing_max(words: int) -> int:
    """How many of so many words may be missing: a tenth, so none of fewer than ten."""
    return words // 10


def places_of(words: Sequence[str]) -> dict[str, list[int]]:
    """Word → its places, in order."""
    places: dict[str, list[int]] = defaultdict(list)
    for at, word in enumerate(words):
        places[word].append(at)
    return dict(places)


class Anchors:
    """Rare words of each template, by which messages are found that may be it.

    At most `missing_max` words may be missing, so all but that many of the chosen words are in each message that the
    template is recognised in. Few messages have them by chance.
    """

    def __init__(self, templates: Sequence[Template]) -> None:
        owners = Counter(word for template in templates for word in set(template.words))
        of: dict[str, dict[int, int]] = defaultdict(dict)
        self._needed: list[int] = []
        for at, template in enumerate(templates):
            rarest = sorted(
                template.words, key=lambda word: (len(word) < ANCHOR_CHARS, owners[word], -len(word), word)
            )
            chosen = Counter(rarest[: template.missing_max + ANCHORS_NEEDED])
            for word, times in chosen.items():
                of[word][at] = times
            self._needed.append(chosen.total() - template.missing_max)
        self.words = list(of)
        self._of = list(of.values())  # per word: template → how many of the chosen words it is

    def possible(self, found: Iterable[int]) -> list[int]:
        """The templates that may be in a message with these of `words`, by number."""
        there: Counter[int] = Counter()
        for word in set(found):
            for template, times in self._of[word].items():
                there[template] += times
        return sorted(template for template, times in there.items() if times >= self._needed[template])


class Likeness(NamedTuple):
    """The place of a canned response in a message, in words, and how many of its words are missing."""

    start: int
    end: int
    missing: int


class Message:
    """The words of a message, ready to be compared with many responses."""

    __slots__ = ("places", "words")

    def __init__(self, words: Sequence[str]) -> None:
        self.words = words
        self.places: Mapping[str, Sequence[int]] = places_of(words)


@dataclass(slots=True)
class _Way:
    """A response read as far as one of its words."""

    start: int  # where in the message it begins
    at: int  # where in the message the last word is that was found
    index: int  # which of the response's words that is
    missing: int  # how many of those before it are not there
    until: int = 0  # the last place in the message from which it can go on


def find(template: Template, said: Message, spare: int | None = None) -> Likeness | None:
    """The best place of a template in a message: the fewest words missing, then the first end, the last start.

    None if more words are missing than `spare`, or else than the template allows.

    Between two of its words that are in the message there are at most `INSERTED_WORDS_MAX` others, or, where the
    template has placeholders, as many as they hold; and one more for each word missing in between.

    Costs O(words of both): at each word of the message at most `WAYS_MAX` ways are continued.
    """
    spare = template.missing_max if spare is None else spare
    absent = sum(word not in said.places for word in template.words)
    if not template.words or absent > spare:
        return None
    # With so few to spare hardly anything is tried, and usually that is enough.
    found = _best(template, said, absent)
    return found if found or absent == spare else _best(template, said, spare)


def _best(template: Template, said: Message, spare: int) -> Likeness | None:
    last, end = len(template.words) - 1, len(said.words)
    begins = _begins(template, said, spare)
    best: tuple[int, int, int] | None = None
    ways: list[_Way] = []
    at = -1
    while ways or begins:
        at = at + 1 if ways else begins[-1]
        if begins and begins[-1] == at:
            begins.pop()
        grown = _grown(template, said.words[at], at, ways, spare)
        for way in grown:
            missing = way.missing + last - way.index
            if missing <= spare and (best is None or (missing, at + 1, -way.start) < best):
                best = missing, at + 1, -way.start
        if best is not None:
            spare = best[0] - 1  # a later end must have more of the words
        if spare < 0 or at + 1 == end:
            break
        ways = [way for way in ways if way.until > at] + grown
        if len(ways) > WAYS_MAX:
            ways = _most_promising(ways, last, spare)
    return Likeness(-best[2], best[1], best[0]) if best else None


def _begins(template: Template, said: Message, spare: int) -> list[int]:
    """The places in the message where the template may begin, the first of them last."""
    firsts = set(template.words[: spare + 1])
    return sorted((at for word in firsts for at in said.places.get(word, ())), reverse=True)


def _grown(template: Template, word: str, at: int, ways: Sequence[_Way], spare: int) -> list[_Way]:
    """The ways that lead to this word of the message: of those to one place in the template the best."""
    places = template.places.get(word)
    if places is None:
        return []
    best: dict[int, _Way] = {}
    if places[0] <= spare:
        best[places[0]] = _Way(at, at, places[0], places[0])
    for way in ways:
        first = bisect_right(places, way.index)
        for index in places[first : first + PLACES_TRIED_MAX]:
            skipped, held = index - way.index - 1, template.filled[index] - template.filled[way.index]
            missing, between = way.missing + skipped, at - way.at - 1
            if missing > spare:
                break
            if between > (held or INSERTED_WORDS_MAX) + skipped:
                continue  # a later place of the word has more room before it
            known = best.get(index)
            if known is None or (missing, -way.start) < (known.missing, -known.start):
                best[index] = _Way(way.start, at, index, missing)
            if between == skipped and not held:
                # The new way continues like the old one, one word ahead; only that word may still come later.
                way.until = min(way.until, at + INSERTED_WORDS_MAX)
            break
    for way in best.values():
        way.until = _reach(template, way, spare)
    return list(best.values())


def _reach(template: Template, way: _Way, spare: int) -> int:
    """The last place in a message where the next word of a way may be."""
    left = spare - way.missing
    last = min(way.index + 1 + left, len(template.words) - 1)
    held = template.filled[last] - template.filled[way.index]
    return way.at + 1 + max(held, INSERTED_WORDS_MAX) + left


def _most_promising(ways: list[_Way], words: int, spare: int) -> list[_Way]:
    """The half that is furthest ahead of losing its share of words, and the half that is youngest."""
    half = WAYS_MAX // 2
    older = sorted(ways[:-half], key=lambda way: way.missing * words - way.index * (spare + 1))
    return older[:half] + ways[-half:]
