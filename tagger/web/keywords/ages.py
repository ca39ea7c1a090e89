"""Since when each keyword is in force, from the sets that were in force before. Pure."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from tagger.core.rules.model import Rule, RuleSet
from tagger.core.rules.parse import keywords_of

Word = tuple[str, str]  # a rule's id and a keyword or canned response as written; "" for the rule itself


@dataclass(frozen=True, slots=True)
class Ages:
    """What is known of a set's age."""

    since_ms: dict[Word, int] = field(
        default_factory=dict
    )  # without a break since then; empty: nothing is known
    oldest_ms: int = 0  # of the sets that are known: what is as old as that may be older


class Aging:
    """Finds the age of everything in a set, from the sets that were in force before. It keeps none of them."""

    def __init__(self, current: RuleSet) -> None:
        self._current = current
        self._left = set(words_of(current.rules))
        self._since_ms: dict[Word, int] = {}
        self._oldest_ms = 0

    def take(self, in_force_ms: int, rules: RuleSet) -> bool:
        """Take the next older set, with the time since when it was in force; whether there is more to find."""
        if not self._since_ms and rules.hash != self._current.hash:
            return True  # newer than the set that is asked about
        self._oldest_ms = in_force_ms
        self._left &= set(words_of(rules.rules))
        self._since_ms.update(dict.fromkeys(self._left, in_force_ms))
        return bool(self._left)

    def ages(self) -> Ages:
        """What is known. What no set has is not in force yet, as far as they tell, and has no age."""
        return Ages(self._since_ms, self._oldest_ms)


def words_of(rules: Iterable[Rule]) -> Iterator[Word]:
    """Yield everything in a set that has an age."""
    for rule in rules:
        yield rule.id, ""
        for keyword in keywords_of(rule):
            yield rule.id, keyword.written
        for canned in rule.canned:
            yield rule.id, canned.text
