"""Which topics the chats without a tag have, each as a few phrases.

A seed is the phrase that the most of them say and the fewest others; phrases that are said in much the same chats join
it; what all of these chats say is described like a tag. Then those chats are set aside, and the next seed is looked for.
"""

from collections.abc import Iterator, Sequence
from typing import Final, NamedTuple

from tagger.core.review.suggest.candidates import CHATS_MIN, Candidate, Sides, phrases
from tagger.core.review.suggest.cover import PRIOR, Terms, choose, plainness
from tagger.core.review.suggest.index import Index
from tagger.core.review.suggest.proposals import find
from tagger.core.review.suggest.vocabulary import Joint

GAMMA: Final = 1.5
PHRASES_MAX: Final = 5  # of a topic
LIFT_MIN: Final = 3  # times as frequent without a tag as with one
TOPIC_SHARE_MIN: Final = 0.01  # of the chats without a tag
PHRASE_SHARE_MIN: Final = TOPIC_SHARE_MIN / 3
NEW_SHARE: Final = 0.05  # of a topic's chats that each of its phrases must add
COMPANIONS_MAX: Final = 3
COMPANION_CHATS_MIN: Final = 3  # that a companion must add
INSIDE_MIN: Final = 0.4  # share of a companion's chats that the seed is said in
SAME_MIN: Final = 0.5  # share of a topic's chats that another one has for the two to be one
LOOKS: Final = 2  # seeds that are looked for, for each topic that is wanted


class Topic(NamedTuple):
    """What many chats without a tag are about."""

    phrases: tuple[str, ...]  # as keywords of a rule; most chats first
    untagged: int  # chats that any of them is found in
    tagged: int


class _Line(NamedTuple):
    """A topic in the making."""

    rule: list[Candidate]
    chats: int  # bits of those without a tag that it finds


def topics(index: Index, untagged: Sequence[int], most: int) -> list[Topic]:
    """At most so many topics, those of most chats first, with what the matcher finds of each."""
    these = index.bits(untagged)
    sides = Sides(these, index.bits(range(len(index))) & ~these)
    if len(untagged) < CHATS_MIN:
        return []
    candidates = _candidates(index, untagged, sides)
    lines = [_shortened(line) for line in _lines(candidates, sides, most)]
    chats = find(index, {phrase for line in lines for phrase in line})
    found = []
    for line in lines:
        said = tuple(phrase for phrase in line if (chats[phrase] & these).bit_count() >= CHATS_MIN)
        hit = 0
        for phrase in said:
            hit |= chats[phrase]
        if said:
            found.append(Topic(said, (hit & these).bit_count(), (hit & sides.others).bit_count()))
    return sorted(found, key=lambda topic: (-topic.untagged, topic.phrases))


def _candidates(index: Index, untagged: Sequence[int], sides: Sides) -> list[Candidate]:
    """Words and phrases that are several times as frequent without a tag as with one."""
    said = phrases(index, untagged, max(CHATS_MIN, PHRASE_SHARE_MIN * len(untagged)))
    found = index.find(phrase for phrase in said if len(phrase) > 1)
    tagged = sides.others.bit_count()
    candidates = []
    for phrase in said:
        alone = len(phrase) == 1 and index.vocabulary.joints[phrase[0]] == Joint.SPACE
        chats = index.bits(index.chats[phrase[0]] if alone else found[phrase])
        here, there = (chats & sides.these).bit_count(), (chats & sides.others).bit_count()
        if here * (tagged + 1) >= LIFT_MIN * len(untagged) * (there + 1):
            candidates.append(Candidate((index.vocabulary.text(phrase),), chats))
    return sorted(candidates)


def _lines(candidates: list[Candidate], sides: Sides, most: int) -> list[_Line]:
    lines: list[_Line] = []
    left = sides.these
    least = max(CHATS_MIN, TOPIC_SHARE_MIN * left.bit_count())
    for _ in range(LOOKS * most):
        seed = _seed(candidates, left, sides, least)
        if seed is None:
            break
        hit = _with_companions(candidates, seed.chats & left, left)
        new_min = max(COMPANION_CHATS_MIN, NEW_SHARE * hit.bit_count())
        told = Sides(hit, (sides.these | sides.others) & ~hit)
        rule = choose(candidates, told, Terms(PHRASES_MAX, GAMMA, new_min))
        found = _union(rule)
        left &= ~(found | seed.chats)
        found &= sides.these
        if found.bit_count() < least:
            continue
        same = SAME_MIN * found.bit_count()
        twin = next((at for at, line in enumerate(lines) if (found & line.chats).bit_count() >= same), None)
        if twin is not None:
            lines[twin] = _Line(lines[twin].rule + rule, lines[twin].chats | found)
        elif len(lines) < most:
            lines.append(_Line(rule, found))
    return lines


def _seed(candidates: list[Candidate], left: int, sides: Sides, least: float) -> Candidate | None:
    """The phrase that the most of the chats that are left say, and the fewest with a tag."""
    scale = sides.these.bit_count() / max(1, sides.others.bit_count())

    def ranked() -> Iterator[tuple[float, tuple[int, str], Candidate]]:
        for one in candidates:
            here = (one.chats & left).bit_count()
            if here >= least:
                there = scale * (one.chats & sides.others).bit_count()
                yield here**GAMMA / (here + there + PRIOR), plainness(one.keywords), one

    return max(ranked(), default=(0, (0, ""), None))[2]


def _with_companions(candidates: list[Candidate], seed: int, left: int) -> int:
    """The chats of a seed, and those of phrases that are mostly said in chats of the seed."""
    hit = seed
    for _ in range(COMPANIONS_MAX):
        best, companion = 0.0, 0
        for one in candidates:
            here = one.chats & left
            new = (here & ~hit).bit_count()
            if new < COMPANION_CHATS_MIN:
                continue
            inside = (here & seed).bit_count() / here.bit_count()
            if inside >= INSIDE_MIN and inside * new > best:
                best, companion = inside * new, here
        hit |= companion
    return hit


def _shortened(line: _Line) -> list[str]:
    """The phrases that, one after the other, find most of what is left of a topic's chats."""
    kept: list[str] = []
    rest, rule = line.chats, line.rule
    while rule and len(kept) < PHRASES_MAX:
        best = max(rule, key=lambda one: ((one.chats & rest).bit_count(), plainness(one.keywords)))
        if not best.chats & rest:
            break
        kept += best.keywords
        rest &= ~best.chats
    return kept


def _union(rule: list[Candidate]) -> int:
    found = 0
    for one in rule:
        found |= one.chats
    return found
