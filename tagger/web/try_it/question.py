"""What a person asks on "Try it": a text, who said it, in which group and on which day. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Final

from tagger.core.conversation import Author, Conversation, ThreadKey
from tagger.core.rules.model import Rule
from tagger.core.threads.transcript import Heard, messages
from tagger.web.times import start_of
from tagger.web.typed import clean

TEXT_BYTES_MAX: Final = 256 << 10  # in UTF-8; eight times what a long chat has
EXAMPLES_MAX: Final = 3
EXAMPLE_CHARS_MAX: Final = 200

_NO_THREAD: Final = ThreadKey("", "", "")


@dataclass(frozen=True, slots=True)
class Question:
    """A text, and how it is to be decided."""

    text: str = field(repr=False)
    by: Author = "customer"  # who says what has no name
    group: int | None = None  # None: any
    day: date | None = None  # None: today

    def decided_at_ms(self, now_ms: int) -> int:
        """The time that rules with `expires` go by."""
        return now_ms if self.day is None else start_of(self.day)


def read(fields: Mapping[str, str]) -> Question | str:
    """A form's fields as a question; or what is wrong, with what to do."""
    text = fields.get("text", "")
    if (size := len(text.encode("utf-8", "replace"))) > TEXT_BYTES_MAX:
        return f"The text has {size >> 10:,} KiB; the limit is {TEXT_BYTES_MAX >> 10}. Try a part of it."
    by: Author = "agent" if fields.get("by") == "agent" else "customer"
    group, day = fields.get("group", ""), fields.get("day", "")
    if group and not (group.isascii() and group.isdecimal() and len(group) < 10):
        return "The group is not a number: give its id in LiveChat, or choose any."
    try:
        when = date.fromisoformat(day) if day else None
    except ValueError:
        return "The day is not a date: write it as 2027-03-31."
    if when is not None and not 1970 <= when.year <= 9998:
        return "The day is too far away: choose a year from 1970 to 9998."
    return Question(clean(text), by, int(group) if group else None, when)


def conversation_of(question: Question, rules: Sequence[Rule]) -> tuple[Conversation, tuple[Heard, ...]]:
    """The conversation to decide, and where each of its messages stands in the text."""
    heard = messages(question.text, question.by)
    groups = frozenset(groups_of(rules)) if question.group is None else frozenset({question.group})
    return Conversation(_NO_THREAD, tuple(one.said for one in heard), groups), heard


def groups_of(rules: Sequence[Rule]) -> tuple[int, ...]:
    """The groups that rules name, in order."""
    return tuple(sorted({group for rule in rules for group in rule.groups or ()}))


def examples(rules: Sequence[Rule]) -> tuple[str, ...]:
    """Texts to begin with: what the first rules that have tests are to fire on."""
    found: list[str] = []
    for rule in rules:
        said = next((test.said for test in rule.tests if test.expect == "match"), ())
        named = len(said) > 1 or any(author == "agent" for author, _ in said)
        text = "\n".join(f"{author}: {line}" if named else line for author, line in said)
        if text and len(text) <= EXAMPLE_CHARS_MAX:
            found.append(text)
        if len(found) == EXAMPLES_MAX:
            break
    return tuple(found)
