"""Where a keyword of `none` was said that stopped a rule. A decision names the keyword, not its place. Pure."""

from collections.abc import Iterable, Mapping

from tagger.core.conversation import Conversation
from tagger.core.matching.decide import Decider, NearMiss, Reason
from tagger.core.rules.model import Rule, RuleSet


def stopped_by(near: NearMiss) -> str | None:
    """The keyword of `none`, as written, that stopped the rule of a near miss; None: something else did."""
    return near.why_not.value if near.why_not.kind == "none_said" else None


def stops(
    near: Iterable[NearMiss], conversation: Conversation, rules: Mapping[str, Rule]
) -> dict[str, Reason]:
    """By rule, the first place of what stopped it."""
    stopped = {no.rule: keyword for no in near if (keyword := stopped_by(no)) is not None}
    if not stopped:
        return {}
    # The keyword is looked for as if a rule asked for it, by whomever it was said.
    asking = [
        Rule(rule, "-", "any", any=(keyword,), links=rules[rule].links)
        for rule, written in stopped.items()
        for keyword in rules[rule].none
        if keyword.written == written
    ]
    found: dict[str, Reason] = {}
    for reason in Decider.compile(RuleSet(tuple(asking), "")).decide(conversation, 0).because:
        found.setdefault(reason.rule, reason)
    return found
