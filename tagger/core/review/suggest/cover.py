"""Chooses the few phrases that, together, find the most of some chats and the least of others.

Greedy: each step takes the phrase that raises found^gamma / (found + others + PRIOR) of all that are chosen the most.
Said in words, with gamma = 1.35: each new phrase must be about three quarters as accurate as the choice so far. Neither a
threshold on accuracy nor a statistical test does as well where people forget to tag: half of the "others" may be such.
"""

from collections.abc import Iterable
from typing import Final, NamedTuple

from tagger.core.folding.characters import is_spaceless
from tagger.core.review.suggest.candidates import CHATS_MIN, COMMON_MAX, Candidate, Sides

PRIOR: Final = 5  # chats: what a phrase in a few chats is doubted by


class Terms(NamedTuple):
    """On what terms candidates are chosen."""

    most: int
    gamma: float
    new_min: float  # chats that each must add
    pair_cost: float = 0  # chats that a pair of words is charged, beyond the one that every candidate is


def choose(candidates: Iterable[Candidate], sides: Sides, terms: Terms) -> list[Candidate]:
    """The candidates that find these chats, in the order in which they were chosen."""
    these, others = sides
    common = COMMON_MAX * others.bit_count()
    left = [
        one
        for one in candidates
        if (one.chats & these).bit_count() >= CHATS_MIN and (one.chats & others).bit_count() <= common
    ]
    chosen: list[Candidate] = []
    found, wrong, score = 0.0, 0, 0.0
    while len(chosen) < terms.most:
        best: tuple[float, int, str] = (score, 0, "")
        taken: Candidate | None = None
        still = []
        for one in left:
            new = (one.chats & these).bit_count()
            if new < terms.new_min:
                continue
            still.append(one)
            right = found + new - _cost(one, terms)
            if right <= 0:
                continue
            here = right**terms.gamma / (right + wrong + (one.chats & others).bit_count() + PRIOR)
            if here > best[0] or (taken and here == best[0] and plainness(one.keywords) > best[1:]):
                best, taken = (here, *plainness(one.keywords)), one
        if taken is None:
            return chosen
        chosen.append(taken)
        left, score = still, best[0]
        found += (taken.chats & these).bit_count() - _cost(taken, terms)
        wrong += (taken.chats & others).bit_count()
        these &= ~taken.chats
        others &= ~taken.chats
    return chosen


def _cost(one: Candidate, terms: Terms) -> float:
    """Chats found that do not count: the luck of having been looked for."""
    return 1 + terms.pair_cost * (len(one.keywords) > 1)


def plainness(keywords: tuple[str, ...]) -> tuple[int, str]:
    """Of two that are equally good, the greater is taken.

    It is the shorter one; in scripts without spaces the longer one, for it is more of a word. Then by name.
    """
    text = " + ".join(keywords)
    return (len(text) if is_spaceless(text[0]) else -len(text)), text
