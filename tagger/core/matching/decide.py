"""Conversation + matches → Decision(tags, because, near_misses).

A rule holds if everything it asks for was said, and nothing that it forbids. Deterministic: the same rules and
conversation give the same decision, in the same order. Knows neither where a conversation comes from nor what happens to
its tags.
"""

from collections import Counter, defaultdict
from collections.abc import Generator, Iterator
from dataclasses import dataclass
from datetime import date
from typing import Final

from tagger.core.conversation import Conversation
from tagger.core.matching.canned import DEFAULT_PLACEHOLDER
from tagger.core.matching.near_misses import near_misses
from tagger.core.matching.rulebook import ALL, ANY, CANNED, PIECE_COST_MAX, Rulebook, RuleMatch, Tally
from tagger.core.matching.why_not import WhyNot
from tagger.core.rules.model import Rule, RuleSet

# The first ones of each rule are explained. More would bury what people look for.
NEAR_MISSES_PER_RULE_MAX: Final = 50

# Of a reason, in the units of `PIECE_COST_MAX`; the longest decision has a hundred thousand.
_REASON_COST: Final = 4

_DAY_MS: Final = 86_400_000
_EPOCH: Final = date(1970, 1, 1).toordinal()


@dataclass(frozen=True, slots=True)
class Reason:
    """A match that made a rule hold."""

    rule: str
    tag: str
    keyword: str  # as written in the file; the template's text for a canned response
    event_id: str
    start: int  # code points in the original text of that field, `end` exclusive
    end: int
    field: int = 0  # which of the event's fields


@dataclass(frozen=True, slots=True)
class NearMiss:
    """A match, or nearly one, that did not count, and why it did not."""

    rule: str
    keyword: str
    event_id: str
    start: int
    end: int
    why_not: WhyNot
    field: int = 0


@dataclass(frozen=True, slots=True)
class Decision:
    """The tags a conversation calls for, with the reasons."""

    tags: tuple[str, ...]  # to be set: sorted, each once, without those of dry-run rules
    because: tuple[Reason, ...]
    near_misses: tuple[NearMiss, ...]  # filled only when asked to explain
    config: str  # RuleSet.hash

    @property
    def rules(self) -> frozenset[str]:
        """The rules that held, those that are tried out included."""
        return frozenset(reason.rule for reason in self.because)


class Decider:
    """Decides by one set of rules. Immutable: a set is swapped as a whole, and threads may share it."""

    def __init__(self, ruleset: RuleSet, book: Rulebook) -> None:
        self.rules = ruleset.rules
        self.hash = ruleset.hash
        self._book = book

    @classmethod
    def compile(cls, ruleset: RuleSet, placeholder: str = DEFAULT_PLACEHOLDER) -> "Decider":
        """Build the automata. CPU only. Raises re.error if the placeholder is not a valid regular expression."""
        return cls(ruleset, Rulebook(ruleset.rules, placeholder))

    def decide(self, conversation: Conversation, ended_at_ms: int, *, explain: bool = False) -> Decision:
        """Decide which tags a thread calls for, as of the time of the record of its end.

        Linear in the text, and in the finds in it: see `Matcher.find`.
        """
        pieces = self.pieces(conversation, ended_at_ms, explain=explain)
        while True:
            try:
                next(pieces)
            except StopIteration as done:
                decision: Decision = done.value
                return decision

    def pieces(
        self, conversation: Conversation, ended_at_ms: int, *, explain: bool = False
    ) -> Generator[int, None, Decision]:
        """The same in pieces, for a caller that has other things to do in between.

        Yields between two pieces what the next one costs: more than `PIECE_COST_MAX` only if it cannot be divided. The
        first piece never costs more, and an ordinary thread has only one. An explanation is not divided: people wait
        for it.
        """
        tallies: dict[int, Tally] = defaultdict(Tally)
        spent = yield from self._book.search(conversation, tallies)
        tags: set[str] = set()
        because: list[Reason] = []
        against: list[tuple[RuleMatch, WhyNot]] = []
        for at in sorted(tallies):
            rule, matches = self.rules[at], sorted(tallies[at].matches)
            spent += _REASON_COST * (1 + len(matches))
            if spent > PIECE_COST_MAX:
                yield PIECE_COST_MAX
                spent = 0
            why_not = _why_not(rule, tallies[at], conversation, ended_at_ms)
            if why_not is not None:
                against += [(match, why_not) for match in matches]
                continue
            because += [self._reason(match, conversation) for match in matches]
            if not rule.dry_run:
                tags.add(rule.tag)
        if explain:
            against += near_misses(self._book, conversation)
        near = tuple(self._near_misses(against, conversation)) if explain else ()
        return Decision(tuple(sorted(tags)), tuple(because), near, self.hash)

    def _reason(self, match: RuleMatch, conversation: Conversation) -> Reason:
        rule, event_id = self.rules[match.rule], conversation.said[match.said].event_id
        return Reason(rule.id, rule.tag, match.keyword, event_id, match.start, match.end, match.field)

    def _near_misses(
        self, against: list[tuple[RuleMatch, WhyNot]], conversation: Conversation
    ) -> Iterator[NearMiss]:
        count: Counter[int] = Counter()
        for match, why_not in sorted(set(against)):
            count[match.rule] += 1
            if count[match.rule] <= NEAR_MISSES_PER_RULE_MAX:
                event_id = conversation.said[match.said].event_id
                rule = self.rules[match.rule].id
                yield NearMiss(rule, match.keyword, event_id, match.start, match.end, why_not, match.field)


def _why_not(rule: Rule, tally: Tally, conversation: Conversation, ended_at_ms: int) -> WhyNot | None:
    """Why a rule with a match does not hold; None: it holds."""
    if rule.groups is not None:
        if conversation.group_ids is None:
            return WhyNot("group_unknown")
        if not rule.groups & conversation.group_ids:
            return WhyNot("other_group", ", ".join(map(str, sorted(conversation.group_ids))))
    if rule.expires is not None and _EPOCH + ended_at_ms // _DAY_MS > rule.expires.toordinal():
        return WhyNot("expired", str(rule.expires))
    if rule.none and not conversation.complete:
        return WhyNot("incomplete")
    if tally.forbidden is not None:
        return WhyNot("none_said", tally.forbidden)
    return _what_is_missing(rule, tally)


def _what_is_missing(rule: Rule, tally: Tally) -> WhyNot | None:
    if rule.any and (ANY, 0) not in tally.parts:
        return WhyNot("any_missing")
    silent = [group for group in range(len(rule.all)) if (ALL, group) not in tally.parts]
    if silent:
        return WhyNot("all_missing", needed=silent[0] + 1)
    if rule.canned and (CANNED, 0) not in tally.parts:
        return WhyNot("canned_missing")
    if not (rule.any or rule.all or rule.canned):
        return WhyNot("asks_for_nothing")
    if (rule.any or rule.all) and tally.count < rule.min_matches:
        return WhyNot("too_few_matches", has=tally.count, needed=rule.min_matches)
    return None
