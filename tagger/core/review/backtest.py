"""Two keyword sets over the same chats: which tags each chat would get by either, and why they differ. Pure.

Rules that both sets have, word for word, call for the same tags in both, so they decide once; a small change to
a large set costs hardly more than the set itself.
"""

from bisect import insort
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, fields, is_dataclass
from typing import Any, Final, Literal, NamedTuple

from tagger.core.conversation import Author, Conversation, ThreadKey
from tagger.core.matching.canned import DEFAULT_PLACEHOLDER
from tagger.core.matching.decide import Decider, NearMiss, Reason
from tagger.core.matching.why_not import WhyNot
from tagger.core.review.past_chat import PastChat
from tagger.core.rules.model import Rule, RuleSet

Change = Literal["gained", "lost"]

# Changed chats that can be kept for each tag and direction; all others are only counted. Each is an id, a time and a
# few positions, some 500 bytes, and its words if they are to be shown. A person reads tens, not thousands.
SAMPLE_MAX: Final = 1_000
_NO_MEANING: Final = frozenset({"place", "owner", "tests"})
# Reasons kept for one changed chat: enough to see why.
REASONS_MAX: Final = 5


class Changed(NamedTuple):
    """A chat that one set tags and the other does not."""

    ended_at_ms: int
    thread: ThreadKey
    because: tuple[Reason, ...]  # of the set that calls for the tag
    author: Author  # who said the first of them
    conversation: Conversation | None  # None unless its words are to be shown
    before: tuple[str, ...] = ()  # its tags by the old set, sorted
    why_not: WhyNot | None = None  # why the first of the reasons counts no more; None: unknown, or a gain


@dataclass(slots=True)
class TagChange:
    """What happens to one tag. Counts are chats."""

    before: int = 0
    after: int = 0
    gained: int = 0
    lost: int = 0
    # (direction, rule, keyword) → chats whose change it explains; a chat may be explained by several.
    causes: Counter[tuple[Change, str, str]] = field(default_factory=Counter)
    # (rule, keyword, why it counts no more) → chats that lose the tag; None: the new set does not say. Explained only.
    losses: Counter[tuple[str, str, WhyNot | None]] = field(default_factory=Counter)
    # The newest changed chats, newest first.
    sample: dict[Change, list[Changed]] = field(default_factory=lambda: {"gained": [], "lost": []})

    @property
    def is_changed(self) -> bool:
        """Whether any chat gains or loses the tag."""
        return bool(self.gained or self.lost)

    def share_of_before(self) -> float:
        """Changed chats by chats that had the tag; infinite where none had it and some gain it."""
        changed = self.gained + self.lost
        return changed / self.before if self.before else float("inf") if changed else 0.0


class Backtest:
    """Counts over chats added one by one; holds no chat but the sample."""

    def __init__(  # noqa: PLR0913 - two sets, and what to keep of the chats
        self,
        old: RuleSet,
        new: RuleSet,
        placeholder: str = DEFAULT_PLACEHOLDER,
        *,
        sample: int = SAMPLE_MAX,
        keep_words: bool = False,
        explain: bool = False,
    ) -> None:
        """Compile both sets. Raises re.error if the placeholder is not a valid regular expression.

        `sample`: how many changed chats to keep for each tag and direction, the newest. `explain`: find out why what
        counted by the old set does not by the new one; chats that lose a tag are decided once more for it.
        """
        in_old, in_new = _by_meaning(old.rules), _by_meaning(new.rules)
        same = in_old.keys() & in_new.keys()
        self._same = _decider((in_new[rule] for rule in in_new if rule in same), placeholder)
        self._old = _decider((in_old[rule] for rule in in_old if rule not in same), placeholder)
        self._new = _decider((in_new[rule] for rule in in_new if rule not in same), placeholder)
        # Rules on trial are among the reasons, but give no tag.
        self._on_trial: dict[Change, set[str]] = {
            "gained": _ids_on_trial(new.rules),
            "lost": _ids_on_trial(old.rules),
        }
        self._sample, self._keep_words, self._explain = min(sample, SAMPLE_MAX), keep_words, explain
        self.chats = 0
        self.untagged_before = self.untagged_after = 0
        self.changed_chats = 0
        self.gaining = self.losing = 0  # chats that gain, and that lose, a tag; a chat may do both
        self.newly_tagged = self.newly_untagged = 0  # chats without a tag by one of the sets only
        self.incomplete = 0  # not decided: their beginning is missing, or their words are not known
        self.tags: dict[str, TagChange] = defaultdict(TagChange)
        for rule in (*old.rules, *new.rules):
            if not rule.dry_run:
                self.tags[rule.tag]

    def add(self, chat: PastChat) -> None:
        """Decide one chat by both sets."""
        said = chat.conversation
        if said is None or not said.complete:
            self.incomplete += 1
            return
        same, old, new = (
            decider.decide(said, chat.ended_at_ms) if decider.rules else None
            for decider in (self._same, self._old, self._new)
        )
        both = frozenset(same.tags if same else ())
        before, after = both.union(old.tags if old else ()), both.union(new.tags if new else ())
        self.chats += 1
        self.untagged_before += not before
        self.untagged_after += not after
        self._count_changes(before, after)
        for tag in before | after:
            change = self.tags[tag]
            change.before += tag in before
            change.after += tag in after
            if tag not in before and new:
                self._note(change, "gained", self._giving(tag, "gained", new.because), chat, before)
            elif tag not in after and old:
                self._note(change, "lost", self._giving(tag, "lost", old.because), chat, before)

    def _count_changes(self, before: frozenset[str], after: frozenset[str]) -> None:
        self.changed_chats += before != after
        self.gaining += bool(after - before)
        self.losing += bool(before - after)
        self.newly_tagged += not before and bool(after)
        self.newly_untagged += not after and bool(before)

    def _giving(self, tag: str, direction: Change, because: Iterable[Reason]) -> list[Reason]:
        """The reasons of rules that give a tag."""
        trial = self._on_trial[direction]
        return [reason for reason in because if reason.tag == tag and reason.rule not in trial]

    def _note(
        self,
        change: TagChange,
        direction: Change,
        reasons: Sequence[Reason],
        chat: PastChat,
        before: Iterable[str],
    ) -> None:
        why_not = None
        if direction == "gained":
            change.gained += 1
        else:
            change.lost += 1
            why_not = self._explained(change, reasons, chat) if self._explain else None
        change.causes.update({(direction, reason.rule, reason.keyword) for reason in reasons})
        said = chat.conversation
        assert said is not None, "only what was said is decided"
        sample = change.sample[direction]
        author = next(one.author for one in said.said if one.event_id == reasons[0].event_id)
        kept = said if self._keep_words else None
        insort(
            sample,
            Changed(
                chat.ended_at_ms,
                chat.thread,
                tuple(reasons[:REASONS_MAX]),
                author,
                kept,
                tuple(sorted(before)),
                why_not,
            ),
            key=lambda one: (-one.ended_at_ms, one.thread),
        )
        del sample[self._sample :]

    def _explained(self, change: TagChange, reasons: Sequence[Reason], chat: PastChat) -> WhyNot | None:
        """Why the first reason counts no more; the reasons of the chat are counted once each."""
        assert chat.conversation is not None, "only what was said is decided"
        near = self._new.decide(chat.conversation, chat.ended_at_ms, explain=True).near_misses
        whys = [_why_not(reason, near) for reason in reasons]
        change.losses.update(
            {(reason.rule, reason.keyword, why) for reason, why in zip(reasons, whys, strict=True)}
        )
        return whys[0]

    def changed_tags(self) -> list[str]:
        """Tags of which chats change, those that change most first."""
        changed = [tag for tag, change in self.tags.items() if change.is_changed]
        return sorted(changed, key=lambda tag: (-self.tags[tag].gained - self.tags[tag].lost, tag))

    def above(self, share_max: float) -> list[str]:
        """Tags of which more than this share of the chats that had them change."""
        return [tag for tag in self.changed_tags() if self.tags[tag].share_of_before() > share_max]


def _ids_on_trial(rules: Iterable[Rule]) -> set[str]:
    """The ids of rules that are decided and recorded only."""
    return {rule.id for rule in rules if rule.dry_run}


def _why_not(reason: Reason, near_misses: Sequence[NearMiss]) -> WhyNot | None:
    """Why the rule does not hold by what it held by: what is said of the place, or else of the rule."""
    of_rule = [no for no in near_misses if no.rule == reason.rule]
    at_place = (
        no
        for no in of_rule
        if (no.event_id, no.field) == (reason.event_id, reason.field)
        and no.start < reason.end
        and reason.start < no.end
    )
    first = next(at_place, of_rule[0] if of_rule else None)
    return first.why_not if first else None


def _by_meaning(rules: Iterable[Rule]) -> dict[Any, Rule]:
    return {_meaning(rule): rule for rule in rules}


def _meaning(part: Any) -> Any:
    """All of a rule that decides: not where it is written, whom to ask, or how it is tested."""
    if isinstance(part, tuple):
        return tuple(map(_meaning, part))
    if not is_dataclass(part):
        return part
    return tuple(_meaning(getattr(part, one.name)) for one in fields(part) if one.name not in _NO_MEANING)


def _decider(rules: Iterable[Rule], placeholder: str) -> Decider:
    return Decider.compile(RuleSet(tuple(rules), ""), placeholder)
