"""Conversation + hits → Decision(tags, because, rejected)."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Because:
    """One hit that made a rule hold."""

    rule: str
    tag: str
    keyword: str  # as written in the file; the template's text for a canned response
    event_id: str
    start: int  # code points in the original text of that field, `end` exclusive
    end: int
    field: int = 0  # which of the event's fields


@dataclass(frozen=True, slots=True)
class Rejected:
    """One candidate that did not count, and why."""

    rule: str
    keyword: str
    event_id: str
    start: int
    end: int
    reason: str  # for people: 'inside a word', 'said by the agent', ...
    field: int = 0


@dataclass(frozen=True, slots=True)
class Decision:
    """The tags a conversation calls for, with the reasons."""

    tags: tuple[str, ...]  # to be set: sorted, each once, without those of dry-run rules
    because: tuple[Because, ...]
    rejected: tuple[Rejected, ...]  # filled only when asked to explain
    config: str  # RuleSet.hash
