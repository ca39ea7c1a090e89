"""Two decisions on one conversation, compared in words: by which rule and keyword a tag came or went. Pure."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Literal

from tagger.core.matching.decide import Decision, Reason
from tagger.core.matching.explain import short
from tagger.core.matching.why_not import worded
from tagger.core.rules.model import Rule
from tagger.core.rules.places import named_by


@dataclass(frozen=True, slots=True)
class Change:
    """A tag that only one of two decisions calls for, and why."""

    tag: str
    change: Literal["gained", "lost"]
    why: str


def changes(
    tags: Iterable[str],
    because: Iterable[Reason],
    before: Mapping[str, Rule],
    now: Decision,
    after: Mapping[str, Rule],
) -> list[Change]:
    """Return what `now` gains and loses against tags that were decided for these reasons.

    `before` and `after` are the rules of the two sets by id. `now` must be explained. Without the set of then,
    `before` is empty, and what is new is told by the reasons alone.
    """
    had, has = set(tags), set(now.tags)
    was, is_now = _in_force(because, before), _in_force(now.because, after)
    gained = [Change(tag, "gained", "; ".join(_gained(tag, before, is_now))) for tag in sorted(has - had)]
    lost = [Change(tag, "lost", "; ".join(_lost(tag, was, now, after))) for tag in sorted(had - has)]
    return gained + lost


def _in_force(because: Iterable[Reason], rules: Mapping[str, Rule]) -> tuple[Reason, ...]:
    """The reasons that give a tag: not those of rules on trial."""
    return tuple(each for each in because if each.rule not in rules or not rules[each.rule].dry_run)


def rules_by_id(rules: Iterable[Rule]) -> dict[str, Rule]:
    """Return rules by their id."""
    return {rule.id: rule for rule in rules}


def is_new(reason: Reason, before: Mapping[str, Rule]) -> str:
    """Say what is new about a reason against the rules of before; "" if rule and keyword were there."""
    rule = before.get(reason.rule)
    if rule is None:
        return f"rule {reason.rule} is new"
    if reason.keyword not in texts_of(rule):
        return f"new in rule {reason.rule}"
    return ""


def texts_of(rule: Rule) -> set[str]:
    """Return the keywords and canned responses of a rule, as reasons name them."""
    return {name for name, _ in named_by(rule)}


def _gained(tag: str, before: Mapping[str, Rule], because: Iterable[Reason]) -> Iterator[str]:
    for rule, keyword in dict.fromkeys((each.rule, each.keyword) for each in because if each.tag == tag):
        new = is_new(Reason(rule, tag, keyword, "", 0, 0), before) if before else ""
        yield f"`{short(keyword)}` ({new or f'rule {rule}'})"


def _lost(tag: str, because: Iterable[Reason], now: Decision, after: Mapping[str, Rule]) -> Iterator[str]:
    for rule_id in dict.fromkeys(each.rule for each in because if each.tag == tag):
        rule = after.get(rule_id)
        if rule is None:
            yield f"there is no rule {rule_id} any more"
            continue
        if rule.tag != tag:
            yield f"rule {rule_id} has another tag now, {rule.tag}"
            continue
        if rule.dry_run:
            yield f"rule {rule_id} is on trial"
            continue
        words = dict.fromkeys(each.keyword for each in because if each.rule == rule_id)
        gone = [word for word in words if word not in texts_of(rule)]
        if gone:
            yield f"{', '.join(f'`{short(word)}`' for word in gone)} not in rule {rule_id} any more"
        misses = dict.fromkeys(worded(each.why_not) for each in now.near_misses if each.rule == rule_id)
        for reason in list(misses)[:3]:
            yield f"rule {rule_id}: {reason}"
        if not gone and not misses:
            yield f"rule {rule_id} does not hold any more"
