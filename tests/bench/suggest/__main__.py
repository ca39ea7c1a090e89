"""How good suggestions are on chats that they were not learnt from, and what they cost.

    python -m tests.bench.suggest --corpora FOLDER [--chats 100000] [--draws 24]

The folder holds a clone of github.com/awslabs/multi-domain-goal-oriented-dialogues-dataset. Its 40 most frequent intents
are the tags. What is proposed for them from the training chats is pasted into a keyword file, and decided on the test
chats. P is the mean precision of tags that fire, R the mean recall of those that the test chats have. Where people forgot
half of the tags, each tag of each chat was removed with a probability of one half. For topics, five intents are hidden
from the chats of the dev split: one is found if half of the chats of a topic have it, and the topic has a third of its
chats. What it costs is measured for the tag of the most chats.
"""

import sys
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from multiprocessing import get_context
from random import Random
from statistics import mean
from typing import Final, NamedTuple

from tagger.core.matching.decide import Decider
from tagger.core.review.suggest import rule_text
from tagger.core.review.suggest.index import Index
from tagger.core.review.suggest.labels import Labels, labelled
from tagger.core.review.suggest.proposals import Suggestion, Wanted, counted, drafts, find
from tagger.core.review.suggest.topics import topics
from tagger.core.rules.parse import RuleSet, parse
from tests.bench.suggest.corpus import Chat, frequent, past, read
from tests.bench.suggest.cost import cost
from tests.options import given

TAGS: Final = 40
MOST: Final = 10
HIDDEN: Final = 5
HIDDEN_CHATS_MIN: Final = 20  # of an intent that is hidden
PURE_MIN: Final = 0.5  # share of a topic's chats that have the intent
COVERED_MIN: Final = 0.3  # share of the intent's chats that the topic has
FORGETTING: Final = 4  # times half of the tags are removed

Measured = tuple[str, float, float]  # what, the figure, and what it must be at least; negative: at most


class Quality(NamedTuple):
    """How rules do on chats."""

    precision: float
    recall: float


def learn(chats: Sequence[Chat], tags: Iterable[str]) -> list[Suggestion]:
    """What is proposed for tags."""
    index, labels = Index(), Labels()
    for number, chat in enumerate(chats):
        known = labelled(past(number, chat.texts, chat.tags))
        assert known is not None
        labels.add(number, known.people, known.rules)
        index.add(known.texts)
    wanted = [Wanted(tag, labels.people.get(tag, []), []) for tag in tags]
    return counted(index, drafts(index, wanted, MOST))


def decide(chats: Sequence[Chat], tags: Iterable[str], suggestions: Iterable[Suggestion]) -> Quality:
    """Paste what is proposed into a keyword file, and decide by it."""
    rules = "\n".join(filter(None, map(rule_text.of_tag, suggestions)))
    read_set = parse({"suggested.yaml": f"version: 1\nrules:\n{rules}\n".encode()})
    assert isinstance(read_set, RuleSet), [str(problem) for problem in read_set]
    decider = Decider.compile(read_set)
    right: Counter[str] = Counter()
    fired: Counter[str] = Counter()
    there = Counter(tag for chat in chats for tag in chat.tags)
    for number, chat in enumerate(chats):
        conversation = past(number, chat.texts, chat.tags).conversation
        assert conversation is not None
        for tag in decider.decide(conversation, 0).tags:
            fired[tag] += 1
            right[tag] += tag in chat.tags
    precision = mean(right[tag] / times for tag, times in fired.items())
    return Quality(precision, mean(right[tag] / there[tag] for tag in tags if there[tag]))


def of_tags(folder: str) -> Iterator[Measured]:
    """Suggestions for tags, from all that people tagged and from half of it."""
    train, test = read(folder, "train"), read(folder, "test")
    tags = frequent(train, TAGS)
    suggestions = learn(train, tags)
    there = sum(any(tag in chat.tags for chat in test) for tag in tags)
    speak = [one for one in suggestions if one.proposals and not one.weak]
    print(
        f"{len(train):,} chats to learn from, {len(test):,} to test, which have {there} of {len(tags)} tags"
    )
    print(f"{len(speak)} tags have phrases that are not weak")
    quiet, loud = decide(test, tags, speak), decide(test, tags, suggestions)
    yield "P, weak ones silent", quiet.precision, 0.85
    yield "R, weak ones silent", quiet.recall, 0.65
    yield "P, with weak ones", loud.precision, 0.75
    yield "R, with weak ones", loud.recall, 0.70
    recalls = []
    for seed in range(FORGETTING):
        rng = Random(seed)
        forgot = [
            Chat(chat.texts, frozenset(tag for tag in sorted(chat.tags) if rng.random() < 0.5))
            for chat in train
        ]
        recalls.append(decide(test, tags, learn(forgot, tags)).recall)
    print(f"R with half of the tags, by draw: {', '.join(f'{recall:.3f}' for recall in recalls)}")
    yield "R with half of the tags", mean(recalls), 0.63


def of_topics(folder: str, draws: int) -> Iterator[Measured]:
    """Intents that are hidden, and found among the chats without a tag."""
    chats = read(folder, "dev")
    index = Index()
    for chat in chats:
        index.add(chat.texts)
    enough = [
        tag for tag in frequent(chats, TAGS) if sum(tag in chat.tags for chat in chats) >= HIDDEN_CHATS_MIN
    ]
    found, too_many = [], 0
    for seed in range(draws):
        hidden = set(Random(seed).sample(enough, HIDDEN))
        untagged = [number for number, chat in enumerate(chats) if not chat.tags - hidden]
        of_intent = {tag: index.bits(n for n in untagged if tag in chats[n].tags) for tag in hidden}
        lines = [
            union(find(index, topic.phrases).values()) & index.bits(untagged)
            for topic in topics(index, untagged, MOST)
        ]
        told = [{tag for tag, had in of_intent.items() if is_found(line, had)} for line in lines]
        found.append(len(set().union(*told)) / HIDDEN)
        too_many += sum(not tags for tags in told)
    print(
        f"{draws} times {HIDDEN} of {len(enough)} intents hidden; {too_many / draws:.1f} topics too many each time"
    )
    yield "hidden intents found", mean(found), 0.60


def is_found(line: int, had: int) -> bool:
    """Whether a topic tells an intent, given the bits of their chats."""
    both = (line & had).bit_count()
    return both > 0 and both >= PURE_MIN * line.bit_count() and both >= COVERED_MIN * had.bit_count()


def union(sets: Iterable[int]) -> int:
    """Bits of chats that are in any of the sets."""
    found = 0
    for one in sets:
        found |= one
    return found


def main(corpora: str = "", chats: int = 100_000, draws: int = 24) -> None:
    """Measure, print the figures, and exit 1 if one is not what it must be."""
    measured = [*of_tags(corpora), *of_topics(corpora, draws)]
    with get_context("spawn").Pool(1) as process:
        spent, peak, words = process.apply(cost, (corpora, chats))
    print(f"{chats:,} chats of {words / chats:.0f} words, one tag")
    measured += [("CPU seconds", spent, -40), ("MiB at most", peak, -300)]
    bad = 0
    for what, figure, bound in measured:
        holds = figure >= bound if bound > 0 else figure <= -bound
        bad += not holds
        side = "at least" if bound > 0 else "at most"
        print(f"{what:<24} {figure:8.3f}   {side} {abs(bound):g}{'' if holds else '   DOES NOT HOLD'}")
    sys.exit(1 if bad else 0)


if __name__ == "__main__":
    main(**given(main))
