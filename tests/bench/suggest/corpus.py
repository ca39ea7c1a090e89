"""MultiDoGO as chats: what a customer wrote in one conversation, tagged with its intents.

github.com/awslabs/multi-domain-goal-oriented-dialogues-dataset (CDLA-Permissive 1.0): 14,565 chats of six trades, of which
people labelled every turn of the customer.
"""

import csv
import sys
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Final, NamedTuple

from tagger.core.conversation import Conversation, Said, ThreadKey
from tagger.core.review.past_chat import PastChat

# In a clone; or the same files in one folder, with the trade in their names.
PLACES: Final = ("**/splits_annotated_at_turn_level/*/{split}.tsv", "**/*-{split}.tsv")
BETWEEN: Final = "<div>"  # two intents of one turn
# Intents that tell nothing of what a chat is about.
GENERIC: Final = frozenset(
    "closinggreeting confirmation contentonly openinggreeting outofdomain rejection startserviceintent stopservice "
    "thankyou".split()
)


class Chat(NamedTuple):
    """One conversation."""

    texts: tuple[str, ...]
    tags: frozenset[str]


def read(folder: str, split: str) -> list[Chat]:
    """The chats of `train`, `dev` or `test`; exits where the folder has none."""
    places = (sorted(Path(folder).glob(place.format(split=split))) for place in PLACES)
    texts: dict[str, list[str]] = {}
    tags: dict[str, set[str]] = {}
    for path in next(filter(None, places), []) if folder else []:
        with path.open(newline="", encoding="utf-8") as lines:
            for row in csv.DictReader(lines, delimiter="\t"):  # a quoted text may contain line breaks
                name = row["conversationId"]
                texts.setdefault(name, []).append(row["utterance"] or "")
                tags.setdefault(name, set()).update((row["intent"] or "").split(BETWEEN))
    if not texts:
        sys.exit(f"No MultiDoGO in {folder or 'no folder'}: name the folder of a clone with --corpora FOLDER")
    return [Chat(tuple(texts[name]), frozenset(tags[name] - GENERIC - {""})) for name in texts]


def frequent(chats: Sequence[Chat], most: int) -> list[str]:
    """The tags of most chats; of equally frequent ones the first by name."""
    counted = Counter(tag for chat in chats for tag in chat.tags)
    return sorted(counted, key=lambda tag: (-counted[tag], tag))[:most]


def past(number: int, texts: Sequence[str], tags: frozenset[str]) -> PastChat:
    """A chat as history gives it."""
    thread = ThreadKey("", f"C{number}", f"T{number}")
    said = tuple(Said(str(at), "customer", (text,)) for at, text in enumerate(texts))
    return PastChat(thread, 0, Conversation(thread, said), tags=tags)
