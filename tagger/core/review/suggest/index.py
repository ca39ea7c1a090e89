"""The words of many chats, and which chats say a word or a phrase."""

from array import array
from bisect import bisect_left
from collections.abc import Iterable, Iterator, Sequence
from functools import cached_property
from typing import Any, Final

from tagger.core.review.suggest.vocabulary import Joint, Vocabulary

# Chats and bytes of text that are looked at; 100,000 chats of 56 words take 200 MB with all that belongs to them.
CHATS_MAX: Final = 1_000_000
TEXT_BYTES_MAX: Final = 512 << 20

_BETWEEN: Final = b"\xff"  # is in no text in UTF-8
_CHATS: Final = -1  # in a tree of phrases: the chats of the one that ends here; no word has this number


class Index:
    """Chats by number, in the order in which they were added. All are added before anything is asked."""

    def __init__(self) -> None:
        self.vocabulary = Vocabulary()
        self._words = array("I")  # of all chats, one after the other
        self._starts = array("Q", [0])
        self._texts: list[bytes] = []
        self._bytes = 0

    def __len__(self) -> int:
        return len(self._texts)

    @property
    def is_full(self) -> bool:
        """Whether no more chats should be added."""
        return len(self) >= CHATS_MAX or self._bytes >= TEXT_BYTES_MAX

    def add(self, texts: Iterable[str]) -> None:
        """Add the next chat: what one side said in it, each text to be searched by itself."""
        written = []
        for text in texts:
            self._words.extend(self.vocabulary.read(text))
            written.append(text.encode())
        self._starts.append(len(self._words))
        self._texts.append(_BETWEEN.join(written))
        self._bytes += len(self._texts[-1])

    def texts(self, chat: int) -> list[str]:
        """What was said in a chat."""
        return [text.decode() for text in self._texts[chat].split(_BETWEEN)]

    def words(self, chat: int) -> Sequence[int]:
        """The numbers of a chat's words, in order."""
        return self._words[self._starts[chat] : self._starts[chat + 1]]

    def distinct(self, chat: int) -> set[int]:
        """The words of a chat; joined ones with and without what joins them."""
        found = set(self.words(chat))
        found.update([self.vocabulary.bare[n] for n in found & self.vocabulary.bare.keys()])
        found.discard(0)
        return found

    @cached_property
    def chats(self) -> "list[array[int]]":
        """By number of a word: the chats that say it."""
        chats: list[array[int]] = [array("I") for _ in self.vocabulary.words]
        for chat in range(len(self)):
            for word in self.distinct(chat):
                chats[word].append(chat)
        return chats

    @cached_property
    def spaced(self) -> list[str]:
        """The words of scripts with spaces, sorted."""
        words, joints = self.vocabulary.words, self.vocabulary.joints
        return sorted(word for n, word in enumerate(words) if n and joints[n] == Joint.SPACE)

    def starting(self, stem: str, words: Sequence[str] | None = None) -> Iterator[int]:
        """The words that start with a stem, in order; those of `words`, which is sorted, or all."""
        words = self.spaced if words is None else words
        at = bisect_left(words, stem)
        while at < len(words) and words[at].startswith(stem):
            yield self.vocabulary.number(words[at], Joint.SPACE)
            at += 1

    def find(self, phrases: Iterable[tuple[int, ...]]) -> "dict[tuple[int, ...], array[int]]":
        """The chats of each phrase of two or more words, in one pass over everything."""
        found: dict[tuple[int, ...], array[int]] = {phrase: array("I") for phrase in phrases}
        tree: dict[int, Any] = {}
        for phrase, chats in found.items():
            node = tree
            for word in phrase:
                node = node.setdefault(word, {})
            node[_CHATS] = chats
        for joined, bare in self.vocabulary.bare.items():
            if bare in tree:
                tree[joined] = tree[bare]
        for chat in range(len(self)):
            words = self.words(chat)
            for at, word in enumerate(words):
                if word not in tree:
                    continue
                node, end = tree[word], at + 1
                while end < len(words) and words[end] in node:
                    node = node[words[end]]
                    end += 1
                    chats = node.get(_CHATS)
                    if chats is not None and (not chats or chats[-1] != chat):
                        chats.append(chat)
        return found

    def bits(self, chats: Iterable[int]) -> int:
        """A set of chats as one number, a bit each: of 100,000 chats, two sets meet in a microsecond."""
        found = bytearray(len(self) // 8 + 1)
        for chat in chats:
            found[chat >> 3] |= 1 << (chat & 7)
        return int.from_bytes(found, "little")
