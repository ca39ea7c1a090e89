"""What one tag costs, in a process of its own. Its chats are half of one and half of another, with words of their own."""

import resource
from random import Random
from time import process_time
from typing import Final

from tagger.core.review.suggest.index import Index
from tagger.core.review.suggest.labels import Labels, labelled
from tagger.core.review.suggest.proposals import Wanted, counted, drafts
from tests.bench.suggest.corpus import Chat, frequent, past, read

WORDS: Final = 56  # of a chat
MOST: Final = 10  # phrases


def cost(folder: str, chats: int) -> tuple[float, float, int]:
    """CPU seconds and the peak in MiB of one tag from so many chats, and how many words there are."""
    known = read(folder, "train")
    (tag,) = frequent(known, 1)
    rng = Random(1)
    index, labels, words = Index(), Labels(), 0
    made = 0.0
    started = process_time()
    for number in range(chats):
        begun = process_time()
        chat = past(number, *mixed(known[number % len(known)], known[rng.randrange(len(known))], rng))
        made += process_time() - begun
        one = labelled(chat)
        assert one is not None
        labels.add(number, one.people, one.rules)
        index.add(one.texts)
        words += sum(text.count(" ") + 1 for text in one.texts)
    counted(index, drafts(index, [Wanted(tag, labels.people[tag], [])], MOST))
    spent = process_time() - started - made
    return spent, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024, words


def mixed(one: Chat, other: Chat, rng: Random) -> tuple[list[str], frozenset[str]]:
    """Half of each, with a number and a name of its own, until it is long enough."""
    texts = [*one.texts[: len(one.texts) // 2 + 1], *other.texts[len(other.texts) // 2 :]]
    texts.append(f"my order is {rng.getrandbits(40):x}, this is {rng.getrandbits(20):x}")
    more = 0
    while sum(text.count(" ") + 1 for text in texts) < WORDS and more < len(other.texts):
        texts.append(other.texts[more])
        more += 1
    return texts, one.tags
