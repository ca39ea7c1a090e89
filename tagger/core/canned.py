"""Canned responses: is this message that canned response, filled in and lightly edited?

The literal words of the response must stand in the message in order, nearly all of them; a placeholder may be
anything of up to eight words, and a few words may have come in between. Candidates come from rare words of
the response, which are searched for like keywords, so the cost does not grow with the number of responses.
"""

import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple

from tagger.core.characters import is_mark, is_spaceless, is_word
from tagger.core.text import fold

# LiveChat does not document its own syntax in public; this is one setting in one place.
DEFAULT_PLACEHOLDER: Final = r"%[A-Za-z_]+%"
PLACEHOLDER_WORDS_MAX: Final = 8
# Words that an editor may have put between two neighbouring words of the response: "is on its way" and
# "is now already on its way". In place of a missing word one more may stand, whatever is beside it.
INSERTED_WORDS_MAX: Final = 3

# How many of the words by which a response is looked for must be there: one alone is in many other messages.
ANCHORS_NEEDED: Final = 3
# Shorter words are in too many messages, and in longer words; they are taken last.
ANCHOR_CHARS: Final = 4

_ASCII_WORD: Final = re.compile(r"\w+")


def words_of(folded: str) -> list[tuple[int, int]]:
    """Where the words of a folded text begin and end; punctuation is between them.

    In scripts without spaces every character, with the marks on it, is a word.
    """
    if folded.isascii():
        return [found.span() for found in _ASCII_WORD.finditer(folded)]
    words: list[tuple[int, int]] = []
    is_open = False  # whether a following letter belongs to the last word
    for at, ch in enumerate(folded):
        if not is_word(ch):
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


@dataclass(frozen=True, slots=True)
class Template:
    """One canned response as it is compared."""

    words: tuple[str, ...]  # the literal words, folded
    fills: tuple[int, ...]  # per word: how many words the placeholders right before it may hold
    missing_max: int

    @classmethod
    def read(cls, text: str, placeholder: str = DEFAULT_PLACEHOLDER) -> "Template":
        """Raises re.error if the placeholder is no regular expression."""
        words: list[str] = []
        fills: list[int] = []
        fill, done = 0, 0
        for found in [*re.finditer(placeholder, text), None]:
            folded = fold(text[done : found.start() if found else len(text)]).text
            for start, end in words_of(folded):
                words.append(folded[start:end])
                fills.append(fill)
                fill = 0
            fill += PLACEHOLDER_WORDS_MAX
            done = found.end() if found else done
        return cls(tuple(words), tuple(fills), missing_max(len(words)))


def missing_max(words: int) -> int:
    """How many of so many words may be missing: a tenth; of under ten one, but three or all must stay."""
    return words // 10 if words >= 10 else min(1, max(0, words - 3))


class Anchors:
    """Rare words of each template, by which messages are found that may be it.

    As many words may be missing as `missing_max` says, so of those chosen all but that many are in every
    message that the template is recognised in. Few messages have these by chance.
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

    def candidates(self, heard: Iterable[int]) -> list[int]:
        """The templates that may be in a message with these of `words`, by number."""
        there: Counter[int] = Counter()
        for word in set(heard):
            for template, times in self._of[word].items():
                there[template] += times
        return sorted(template for template, times in there.items() if times >= self._needed[template])


class Likeness(NamedTuple):
    """Where in a message a canned response is: words `start` to `end`; how many of its own are missing."""

    start: int
    end: int
    missing: int


def find(template: Template, said: Sequence[str], spare: int | None = None) -> Likeness | None:
    """The best place of a template in the words of a message, the first of equals.

    None if more words are missing than `spare`, or else than the template allows.

    Between two of its words that stand in the message there are at most `INSERTED_WORDS_MAX` others, or,
    where the template has placeholders, as many as they hold; and one for each word missing in between.

    Costs O(words x missing x said / 64), where missing is that of the best place, or what is allowed if there
    is none: sets of places are integers, and few missing words are tried before many. Most messages are told
    apart before, by the words that they do not have.
    """
    spare = template.missing_max if spare is None else spare
    present = set(said)
    tried = sum(word not in present for word in template.words)
    if not template.words or tried > spare:
        return None
    everywhere = (1 << len(said) + 1) - 1
    while (forth := _align(template.words, template.fills, said, everywhere, tried)) is None:
        if tried == spare:
            return None
        tried = min(spare, 2 * tried + 1)
    end, missing = forth
    # Backwards from the end the same way is found again, and where it began.
    back = _align(template.words[::-1], (0, *template.fills[:0:-1]), said[:end][::-1], 1, missing)
    assert back is not None
    return Likeness(end - back[0], end, missing)


def _align(
    words: Sequence[str], fills: Sequence[int], said: Sequence[str], begin: int, spare: int
) -> tuple[int, int] | None:
    """(where the last of the words ends in `said`, how many are missing), or None if too many are.

    `read[n]`: the places up to which `said` can have been read with n words missing so far, as bits: first
    those since whose last word no placeholder has come, then the others. `begin`: the places to start from.
    """
    places = _places(said)
    inside = (1 << len(said) + 1) - 1
    read = {0: (begin, 0)}
    for word, fill in zip(words, fills, strict=True):
        here = places.get(word, 0)
        grown: dict[int, tuple[int, int]] = {}
        for n, (near, filled) in read.items():
            found = ((_ahead(near, fill or INSERTED_WORDS_MAX) | _ahead(filled, fill)) & here) << 1
            left_out = grown.get(n, (0, 0))  # the word before this one was missing
            grown[n] = left_out[0] | found, left_out[1]
            if n < spare and fill:
                grown[n + 1] = 0, _ahead(near | filled, fill + 1) & inside
            elif n < spare:
                grown[n + 1] = _ahead(near, 1) & inside, _ahead(filled, 1) & inside
        read = _best(grown)
    for n, (near, filled) in read.items():
        ends = near | filled
        return (ends & -ends).bit_length() - 1, n
    return None


def _best(read: dict[int, tuple[int, int]]) -> dict[int, tuple[int, int]]:
    """Leave out the places that were reached with fewer words missing, or without a placeholder. By n."""
    best: dict[int, tuple[int, int]] = {}
    near_before, before = 0, 0
    for n in sorted(read):
        near = read[n][0] & ~near_before
        near_before |= near
        filled = read[n][1] & ~(before | near_before)
        before |= near | filled
        if near or filled:
            best[n] = near, filled
    return best


def _places(said: Sequence[str]) -> dict[str, int]:
    """Word → the set of its places, as bits."""
    places: dict[str, int] = defaultdict(int)
    for at, word in enumerate(said):
        places[word] |= 1 << at
    return places


def _ahead(places: int, steps_max: int) -> int:
    """All places that are up to so many steps ahead of one of these."""
    done = 0
    while done < steps_max:
        step = min(done + 1, steps_max - done)
        places |= places << step
        done += step
    return places
