"""Texts as the numbers of their words, cut where the matcher sees the edges of a word.

A phrase is a run of words with one space, an apostrophe or a hyphen between two of them: "can't log in" is four words,
of which the second is joined to the first. In scripts without spaces every character is a word, and nothing is
between them. Anything else between two words is a break, and so is a number: no phrase goes across one.
"""

import re
from collections.abc import Iterable, Iterator
from enum import IntEnum
from itertools import chain
from typing import Final

from tagger.core.folding.characters import CONTINUES, TABLE_ENTRIES_MAX, is_mark, is_spaceless, is_word
from tagger.core.folding.fold import fold, without_emphasis

BREAK: Final = 0
WORD_BITS: Final = 21  # of the number of a word in a phrase that is packed into one number
# Words that have a number; a phrase stops at others. Two million cost 300 MB; English chats have 200,000, typing
# errors included.
WORDS_MAX: Final = 1 << WORD_BITS
# Pieces of text whose words are remembered: most of what people write.
PIECES_MAX: Final = 50_000
# Behind an apostrophe, shorter ends are no words: don't, I'll, we've. Longer ones are: l'abonnement.
ENDING_CHARS_MAX: Final = 2


class Joint(IntEnum):
    """What stands between a word and the one before it in a phrase."""

    SPACE = 0
    APOSTROPHE = 1
    HYPHEN = 2
    NOTHING = 3  # in scripts without spaces
    GLUED = 4  # likewise, and it makes one sign or word with the one before: a vowel sign, a run of katakana


SIGNS: Final = (" ", "'", "-", "", "")
JOINED: Final = (Joint.APOSTROPHE, Joint.HYPHEN, Joint.GLUED)
_JOINT_OF: Final = {" ": Joint.SPACE, "'": Joint.APOSTROPHE, "-": Joint.HYPHEN}

# A word, with the sign that joins it to a word right before it.
_ASCII_PIECES: Final = re.compile(r"(?:(?<=[a-z0-9_])[ '\-])?[a-z0-9_]+")
_PIECES: Final = re.compile(r"(?:(?<=w)[ '\-])?w+|s+")


class _Classes(dict[int, str]):
    """Of each code point: w in a word, s in a script without spaces; signs that join as they are; x others."""

    def __missing__(self, point: int) -> str:
        if len(self) >= TABLE_ENTRIES_MAX:
            self.clear()
        ch = chr(point)
        kind = "w" if CONTINUES[ch] else "s" if is_word(ch) and is_spaceless(ch) else "x"
        self[point] = ch if ch in _JOINT_OF else kind
        return self[point]


_CLASSES: Final = _Classes()


class Vocabulary:
    """The words of all texts. A word that is joined to another has a number of its own."""

    def __init__(self) -> None:
        self.words: list[str] = [""]
        self.joints = bytearray(1)  # by number
        self.bare: dict[int, int] = {}  # number of a joined word → of the same word by itself
        self._numbers: dict[Joint, dict[str, int]] = {joint: {} for joint in Joint}
        self._pieces = _Pieces(self)

    def __len__(self) -> int:
        return len(self.words)

    def read(self, text: str) -> Iterable[int]:
        """The numbers of a text's words, with breaks. It begins with a break, unless it has no words at all."""
        beside = without_emphasis(fold(text).text)
        if beside.isascii():
            return chain.from_iterable(map(self._pieces.__getitem__, _ASCII_PIECES.findall(beside)))
        return chain.from_iterable(self._in_any_script(beside))

    def _in_any_script(self, text: str) -> Iterator[tuple[int, ...]]:
        for found in _PIECES.finditer(text.translate(_CLASSES)):
            piece = text[found.start() : found.end()]
            yield (
                self._pieces[piece] if found[0][-1] == "w" else (BREAK, *self._without_spaces(piece), BREAK)
            )

    def _without_spaces(self, run: str) -> Iterator[int]:
        before = ""
        for ch in run:
            glued = is_mark(ch) or (_is_katakana(ch) and _is_katakana(before))
            yield self.number(ch, Joint.GLUED if glued and before else Joint.NOTHING)
            before = ch

    def number(self, word: str, joint: Joint) -> int:
        """The number of a word, a new one if it has none; `BREAK` where there are too many."""
        known = self._numbers[joint].get(word)
        if known is not None:
            return known
        bare = BREAK
        if joint in JOINED:
            bare = self.number(word, Joint.NOTHING if joint == Joint.GLUED else Joint.SPACE)
        number = len(self.words)
        if number >= WORDS_MAX:
            return BREAK
        self.words.append(word)
        self.joints.append(joint)
        if joint in JOINED:
            self.bare[number] = bare
        self._numbers[joint][word] = number
        return number

    def may_begin(self, number: int) -> bool:
        """Whether people would read a phrase that begins with this word as one."""
        joint = self.joints[number]
        if joint in {Joint.APOSTROPHE, Joint.HYPHEN}:
            return len(self.words[number]) > ENDING_CHARS_MAX
        return joint != Joint.GLUED

    def text(self, phrase: Iterable[int]) -> str:
        """A phrase as people write it."""
        first, *rest = phrase
        return self.words[first] + "".join(SIGNS[self.joints[n]] + self.words[n] for n in rest)


class _Pieces(dict[str, tuple[int, ...]]):
    """A word with the sign before it → its number, behind a break where it has no sign or is one itself."""

    def __init__(self, vocabulary: Vocabulary) -> None:
        super().__init__()
        self._vocabulary = vocabulary

    def __missing__(self, piece: str) -> tuple[int, ...]:
        if len(self) >= PIECES_MAX:
            self.clear()
        sign = piece[0] if piece[0] in _JOINT_OF else ""
        word = piece[len(sign) :]
        if word.isdigit():
            numbers: tuple[int, ...] = (BREAK,)
        else:
            number = self._vocabulary.number(word, _JOINT_OF[sign or " "])
            numbers = (number,) if sign else (BREAK, number)
        self[piece] = numbers
        return numbers


def _is_katakana(ch: str) -> bool:
    return "\u30a1" <= ch <= "\u30ff"
