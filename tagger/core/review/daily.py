"""What rules and keywords did, day by day, so that a day that is over is counted once. Pure.

A day is one in UTC, and a chat belongs to the day on which it ended. Days can be added up.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field

from tagger.core.review.last_words import last_words
from tagger.core.review.past_chat import PastChat, called_for
from tagger.core.review.statistics import RuleUse, Statistics, Use
from tagger.core.rules.model import Rule


@dataclass(slots=True)
class Day:
    """Counts of one day, or of several added up. Of rules and keywords only those that did something."""

    chats: int = 0
    untagged: int = 0
    removed: int = 0  # tags that people removed, of those that decisions called for
    added: int = 0  # tags that people added
    rules: dict[tuple[str, str], RuleUse] = field(default_factory=dict)  # by id and tag


def day_of(rules: Iterable[Rule], chats: Iterable[PastChat]) -> Day:
    """Count the chats of one day by a set of rules."""
    statistics, day = Statistics(rules), Day()
    for chat in chats:
        statistics.add(chat)
        for correction in last_words(called_for(chat.decisions), chat.corrections).values():
            day.removed += correction.change == "removed"
            day.added += correction.change == "added"
    day.chats, day.untagged = statistics.chats, statistics.untagged
    for row in statistics.rows():
        use = row.use
        if use.chats or use.removed or use.added:
            use.keywords = {word: its for word, its in use.keywords.items() if its.chats}
            day.rules[row.id, row.tag] = use
    return day


def added_up(days: Iterable[Day]) -> Day:
    """Add up days; they stay as they are."""
    total = Day()
    for day in days:
        total.chats += day.chats
        total.untagged += day.untagged
        total.removed += day.removed
        total.added += day.added
        for key, use in day.rules.items():
            whole = total.rules.setdefault(key, RuleUse())
            _add(whole, use)
            whole.removed += use.removed
            whole.added += use.added
            for word, its in use.keywords.items():
                _add(whole.keywords.setdefault(word, Use()), its)
    return total


def _add(whole: Use, part: Use) -> None:
    whole.chats += part.chats
    whole.alone += part.alone
    if part.last_ms is not None:
        whole.last_ms = part.last_ms if whole.last_ms is None else max(whole.last_ms, part.last_ms)
