"""What rules and keywords did over many chats, and what people corrected of it. Pure.

Fed with decisions, which name rules and keywords but hold no words of chats. A chat counts once for a rule and once
for a keyword, however often the keyword was said.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Final, NamedTuple

from tagger.core.matching.decide import Reason
from tagger.core.review.last_words import last_words
from tagger.core.review.past_chat import Correction, PastChat, called_for
from tagger.core.rules.model import Rule
from tagger.core.rules.places import named_by

# Keywords counted that are in no rule of the set now, such as those of rules that were deleted. The newest sets name
# all others, whose number is limited when they are read. Beyond it they are counted as omitted.
OTHER_KEYWORDS_MAX: Final = 100_000


@dataclass(slots=True)
class Use:
    """What one rule or keyword did. Counts are chats, times Unix milliseconds."""

    chats: int = 0
    alone: int = 0  # chats in which nothing else called for the tag
    last_ms: int | None = None  # the end of the newest such chat; None: never

    def note(self, ended_at_ms: int, *, alone: bool) -> None:
        """Count one chat."""
        self.chats += 1
        self.alone += alone
        self.last_ms = ended_at_ms if self.last_ms is None else max(self.last_ms, ended_at_ms)


@dataclass(slots=True)
class RuleUse(Use):
    """A rule's own use, and what people made of its tag."""

    removed: int = 0  # chats from which people removed the tag that the rule had called for
    added: int = 0  # chats to which people added the tag, and the rule had not called for it
    keywords: dict[str, Use] = field(default_factory=lambda: defaultdict(Use))


@dataclass(slots=True)
class TagUse:
    """A tag by our decisions and on the chats themselves, over the chats whose tags are known."""

    decided: int = 0  # a decision called for it
    there: int = 0  # it is on the chat
    both: int = 0


class Row(NamedTuple):
    """One rule and its use. `rule` is None for a rule that the set no longer has."""

    id: str
    tag: str
    rule: Rule | None
    use: RuleUse

    @property
    def is_on_trial(self) -> bool:
        """Whether the rule is decided and recorded only."""
        return self.rule is not None and self.rule.dry_run


class Statistics:
    """Counts over chats added one by one. Holds no chat."""

    def __init__(self, rules: Iterable[Rule]) -> None:
        """`rules` are those of the set to report on: each gets a row, and each of its keywords, used or not."""
        self._rules = {rule.id: rule for rule in rules}
        self._uses: dict[tuple[str, str], RuleUse] = {}  # (rule, tag): a rule's tag may have changed
        self._others = 0
        for rule in self._rules.values():
            use = self._uses[rule.id, rule.tag] = RuleUse()
            for keyword, _ in named_by(rule):
                use.keywords[keyword]
        self.chats = 0
        self.untagged = 0
        self.untagged_there = 0  # no tag is on the chat itself, where LiveChat gave its tags
        self.undecided = 0  # no decision is known: not counted among `chats`
        self.omitted = 0  # reasons of keywords beyond `OTHER_KEYWORDS_MAX`
        # Of chats whose tags LiveChat gave; empty if it gave none.
        self.tags: dict[str, TagUse] = defaultdict(TagUse)
        self._added = Counter[str]()  # tag → chats to which people added it
        self._added_though = Counter[tuple[str, str]]()  # of these, chats in which the rule had called for it

    def add(self, chat: PastChat) -> None:
        """Count one chat by its decisions: everything that any of them called for."""
        if not chat.decisions:
            self.undecided += 1
            return
        self.chats += 1
        tags = called_for(chat.decisions)
        self.untagged += not tags
        because = {reason for decision in chat.decisions for reason in decision.because}
        self._count(chat.ended_at_ms, because)
        self._correct(chat.corrections, because, tags)
        if chat.tags is not None:
            self.untagged_there += not chat.tags
            for tag in tags | chat.tags:
                use = self.tags[tag]
                use.decided += tag in tags
                use.there += tag in chat.tags
                use.both += tag in tags and tag in chat.tags

    def _count(self, ended_at_ms: int, because: Iterable[Reason]) -> None:
        said: dict[str, dict[str, set[str]]] = defaultdict(lambda: defaultdict(set))  # tag → rule → keywords
        for reason in because:
            said[reason.tag][reason.rule].add(reason.keyword)
        for tag, rules in said.items():
            in_force = [rule for rule in rules if not self._is_trial(rule)]
            for rule, keywords in rules.items():
                use = self._use(rule, tag)
                use.note(ended_at_ms, alone=in_force == [rule] or len(rules) == 1)
                for keyword in keywords:
                    if keyword in use.keywords or self._has_room():
                        use.keywords[keyword].note(ended_at_ms, alone=len(keywords) == 1)

    def _correct(
        self, corrections: Iterable[Correction], because: Iterable[Reason], tags: frozenset[str]
    ) -> None:
        by_rule = {(reason.rule, reason.tag) for reason in because}
        for tag, correction in last_words(tags, corrections).items():
            called = [key for key in by_rule if key[1] == tag]
            if correction.change == "removed":
                for rule, _ in called:
                    self._use(rule, tag).removed += 1
            else:
                self._added[tag] += 1
                self._added_though.update(called)

    def _is_trial(self, rule: str) -> bool:
        return rule in self._rules and self._rules[rule].dry_run

    def _use(self, rule: str, tag: str) -> RuleUse:
        use = self._uses.get((rule, tag))
        return self._uses.setdefault((rule, tag), RuleUse()) if use is None else use

    def _has_room(self) -> bool:
        self._others += 1
        self.omitted += self._others > OTHER_KEYWORDS_MAX
        return self._others <= OTHER_KEYWORDS_MAX

    def rows(self) -> list[Row]:
        """A row a rule: those that never matched first, then by chats, fewest first."""
        for (id, tag), use in self._uses.items():
            use.added = self._added[tag] - self._added_though[id, tag]
        rows = [
            Row(id, tag, self._rules[id] if self._is_current(id, tag) else None, use)
            for (id, tag), use in self._uses.items()
        ]
        return sorted(rows, key=lambda row: (row.use.chats, row.id, row.tag))

    def _is_current(self, rule: str, tag: str) -> bool:
        return rule in self._rules and self._rules[rule].tag == tag
