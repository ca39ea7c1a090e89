"""Which tags of a chat of the past are to be set and removed now, and which must be left alone. Pure.

Only what rules of ours call for is set, and only what decisions of ours set is removed. A tag that people set or
removed is theirs.
"""

from collections import Counter
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field, replace
from itertools import zip_longest
from typing import Final, Literal, NamedTuple

from tagger.core.conversation import ThreadKey
from tagger.core.matching.decide import Decision, Reason
from tagger.core.review.authorship import (
    NOT_SET,
    Authorship,
    Verdict,
    authorship,
    may_remove,
    may_set,
    reasons_of,
)
from tagger.core.review.past_chat import PastChat, PastDecision

# A chat that ended so recently and has no decision may still be on its way through the service.
GRACE_MS: Final = 300_000

TAGS_MAX: Final = 200  # of one chat, to set or to remove: LiveChat names no limit; a chat has a handful
REASONS_MAX: Final = 5  # of one tag, those of different rules first: enough to see why

# Why a tag was left alone; what is as it should be is no reason.
Untouched = Literal["people", "ordered", "never", "shared", "unknown"]
# After a number of tags.
UNTOUCHED: Final[Mapping[Untouched, str]] = {
    "people": "set or removed by people",
    "shared": "also called for by another rule",
    "never": "set by no rule",
    "ordered": "removed on purpose by an earlier retag",
    "unknown": "without a reason on record",
}


@dataclass(frozen=True, slots=True)
class Asked:
    """What a person asked for. With `undo` or `rename`, nothing else is done."""

    remove: bool = False  # also remove what no rule calls for now
    undo: tuple[str, ...] = ()  # rules whose tags to remove, where no other rule called for them
    rename: Mapping[str, str] = field(default_factory=dict)  # old tag → new one

    @property
    def decides(self) -> bool:
        """Whether what was said must be known."""
        return not (self.undo or self.rename)

    @property
    def keeps_away(self) -> bool:
        """Whether a removed tag must not come back by the rules that had called for it: they may still do so."""
        return not self.decides


class Change(NamedTuple):
    """What to do to one thread. A line of a plan."""

    thread: ThreadKey
    ended_at_ms: int
    messages: int
    set: tuple[str, ...]
    remove: tuple[str, ...]
    because: tuple[Reason, ...] = ()  # of the tags to set


class Outlook(NamedTuple):
    """A change, as far as it may still be done."""

    set: tuple[str, ...]
    remove: tuple[str, ...]
    untouched: Counter[Untouched]


class Retag:
    """Turns chats into changes, and counts. Holds no chat."""

    def __init__(self, asked: Asked, on_trial: Collection[str] = ()) -> None:
        """`on_trial` are the rules that are on trial today: what they call for is neither set nor kept."""
        self._asked, self._on_trial = asked, frozenset(on_trial)
        self.chats = 0  # seen
        self.planned = 0  # of these
        self.incomplete = 0  # what was said is not wholly known, so nothing is decided
        self.recent = 0  # ended just now, and not decided on yet
        self.set = Counter[str]()  # by tag
        self.removed = Counter[str]()
        self.untouched = Counter[Untouched]()  # tags left alone, by why
        self.named = set[str]()  # rules to undo and tags to rename that a decision names

    def plan(self, chat: PastChat, today: Decision | None, now_ms: int) -> Change | None:
        """Return what to do; None: nothing. `today` is needed unless only earlier decisions matter."""
        self.chats += 1
        if self._asked.decides and (
            today is None or chat.conversation is None or not chat.conversation.complete
        ):
            self.incomplete += 1
            return None
        if not chat.decisions and chat.ended_at_ms > now_ms - GRACE_MS:
            self.recent += 1
            return None
        whose = authorship(chat.decisions, chat.told)
        found = _Found(chat, whose, self._on_trial, self.untouched)
        if today is None or not self._asked.decides:
            found.undo(frozenset(self._asked.undo))
            found.replace_tags(self._asked.rename)
            self.named |= found.named
        else:
            found.set_missing(today)
            if self._asked.remove:
                found.remove_stale(today)
        if not found.set and not found.remove:
            return None
        self.planned += 1
        wanted, unwanted = sorted(found.set)[:TAGS_MAX], sorted(found.remove)[:TAGS_MAX]
        self.set.update(wanted)
        self.removed.update(unwanted)
        said = 0 if chat.conversation is None else len(chat.conversation.said)
        messages = max([said, *(made.messages for made in chat.decisions)])
        return Change(
            chat.thread,
            chat.ended_at_ms,
            messages,
            tuple(wanted),
            tuple(unwanted),
            tuple(reason for reason in found.because if reason.tag in wanted),
        )

    @property
    def calls(self) -> int:
        """Calls of LiveChat's API that the plan takes: one a tag."""
        return self.set.total() + self.removed.total()


class _Found:
    """What is to be done to one chat."""

    def __init__(
        self, chat: PastChat, whose: Authorship, on_trial: frozenset[str], untouched: Counter[Untouched]
    ) -> None:
        self._chat, self._whose, self._on_trial, self._untouched = chat, whose, on_trial, untouched
        self._there = chat.tags  # None: not known
        self.set, self.remove, self.named = set[str](), set[str](), set[str]()
        self.because: list[Reason] = []

    def set_missing(self, today: Decision) -> None:
        for tag in today.tags:
            because = [each for each in today.because if each.tag == tag and each.rule not in self._on_trial]
            self._set(tag, because)

    def remove_stale(self, today: Decision) -> None:
        for tag in sorted((self._whose.decided | (self._there or frozenset())) - {*today.tags}):
            self._remove(tag)

    def undo(self, rules: frozenset[str]) -> None:
        for tag, called in _rules_of(self._chat.decisions).items():
            if not called & rules:
                continue
            self.named |= called & rules
            if called <= rules | self._on_trial:
                self._remove(tag)
            elif tag in self._whose.ours:
                self._untouched["shared"] += 1

    def replace_tags(self, names: Mapping[str, str]) -> None:
        for old, new in names.items():
            if old not in self._whose.decided and old not in (self._there or ()):
                continue
            self.named.add(old)
            self._remove(old)
            if old not in self.remove:
                continue
            because, was_wanted = reasons_of(self._chat.decisions, old), new in self.set
            self._set(new, [replace(reason, tag=new) for reason in because])
            if new in self.set and not because and not was_wanted:  # a plan sets nothing without a reason
                self.set.discard(new)
                self.remove.discard(old)
                self._untouched["unknown"] += 1

    def _set(self, tag: str, because: list[Reason]) -> None:
        if self._there is not None and tag in self._there:
            return
        verdict = may_set(self._whose, tag, (reason.rule for reason in because))
        _count(self._untouched, verdict)
        if verdict == "go":
            self.set.add(tag)
            self.because += _few(because)

    def _remove(self, tag: str) -> None:
        verdict = may_remove(self._whose, tag)
        _count(self._untouched, verdict)
        if verdict == "go" and (self._there is None or tag in self._there):
            self.remove.add(tag)


def still(change: Change, whose: Authorship) -> Outlook:
    """Return what of a planned change may be done by what is known now; the same change again leaves nothing to do."""
    untouched = Counter[Untouched]()
    rules = {tag: {each.rule for each in change.because if each.tag == tag} for tag in change.set}
    wanted = {tag: may_set(whose, tag, rules[tag]) for tag in change.set}
    unwanted = {tag: may_remove(whose, tag) for tag in change.remove}
    for verdict in (*wanted.values(), *unwanted.values()):
        _count(untouched, verdict)
    return Outlook(_going(wanted), _going(unwanted), untouched)


def _going(verdicts: Mapping[str, Verdict]) -> tuple[str, ...]:
    return tuple(tag for tag, verdict in verdicts.items() if verdict == "go")


def _count(untouched: Counter[Untouched], verdict: Verdict) -> None:
    match verdict:
        case "go" | "there":
            return
        case _:
            untouched[verdict] += 1


def _rules_of(decisions: Iterable[PastDecision]) -> dict[str, frozenset[str]]:
    """The rules that called for each tag that was decided; `""` among them where not all are known."""
    rules: dict[str, set[str]] = {}
    for made in decisions:
        if made.outcome in NOT_SET:
            continue
        for tag in made.tags:
            found = {reason.rule for reason in made.because if reason.tag == tag}
            rules.setdefault(tag, set()).update(found if found and not made.reasons_omitted else {*found, ""})
    return {tag: frozenset(found) for tag, found in rules.items()}


def _few(because: Iterable[Reason]) -> list[Reason]:
    by_rule: dict[str, list[Reason]] = {}
    for reason in because:
        by_rule.setdefault(reason.rule, []).append(reason)
    turns = zip_longest(*by_rule.values())
    return [reason for turn in turns for reason in turn if reason is not None][:REASONS_MAX]
