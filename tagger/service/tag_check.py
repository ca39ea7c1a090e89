"""Whether LiveChat will take the tags that the rules set, reported as problems of the keyword files.

A tag must exist in the rule's spelling and share a group with the thread. Missing tags can be created.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Final

from tagger.core.rules.model import Rule
from tagger.core.rules.problems import Problem
from tagger.livechat.authorization.credentials import Credentials
from tagger.livechat.calls.requests import create_tag, list_tags
from tagger.livechat.client import Client
from tagger.livechat.interactive import Desk
from tagger.livechat.tags import ALL_GROUPS, Finding, Known, Wanted, known_of, to_create, verdicts

CODES: Final = {"missing": "tag-missing", "other_case": "tag-case", "groups": "tag-groups"}


async def problems_online(
    client: Client, who: Credentials, *, rules: Sequence[Rule], say: Callable[[str], None], create: bool
) -> list[Problem]:
    """What is wrong with the rules' tags, in every organization that has credentials.

    With `create`, missing tags are created first, and `say` hears of each. Raises NoAnswerError.
    """
    found: list[Problem] = []
    for organization in who.organizations() or [""]:
        desk = Desk(client, organization)
        known = known_of(await desk.call(list_tags()))
        if create:
            known = {**known, **await _created(desk, rules, known, organization, say)}
        found += problems_of(rules, known, organization)
    return found


async def _created(
    desk: Desk, rules: Sequence[Rule], known: Known, organization: str, say: Callable[[str], None]
) -> Mapping[str, frozenset[int]]:
    """Create the tags that are missing, and return them with their groups."""
    missing = [finding for finding in verdicts(known, map(wanted_of, rules)) if finding is not None]
    made = {}
    for tag in to_create(missing):
        made[tag] = groups_of(tag, rules)
        await desk.call(create_tag(tag, tuple(sorted(made[tag]))))
        say(f"created the tag {tag!r}{_of(organization)}")
    return made


def wanted_of(rule: Rule) -> Wanted:
    """The tag of a rule, and the groups it is for."""
    return Wanted(rule.tag, rule.groups)


def groups_of(tag: str, rules: Iterable[Rule]) -> frozenset[int]:
    """The groups for a new tag: those of its rules, or all where one of the rules is for all. Pure."""
    groups = [rule.groups for rule in rules if rule.tag == tag]
    named = [one for one in groups if one is not None]
    return frozenset[int]().union(*named) if named and len(named) == len(groups) else frozenset({ALL_GROUPS})


def problems_of(rules: Sequence[Rule], known: Known, organization: str) -> list[Problem]:
    """What LiveChat will refuse, or may: a warning if that depends on the thread's group or the rule is a dry run."""
    found = zip(rules, verdicts(known, map(wanted_of, rules)), strict=True)
    return [_problem(rule, finding, organization) for rule, finding in found if finding is not None]


def _problem(rule: Rule, finding: Finding, organization: str) -> Problem:
    certain = not rule.dry_run and (finding.kind != "groups" or rule.groups is not None)
    text = f"rule `{rule.id}`: {finding.text}{_of(organization)}"
    severity: Final = "error" if certain else "warning"
    return Problem(rule.place, CODES[finding.kind], text, _advice(finding, rule), severity)


def _advice(finding: Finding, rule: Rule) -> str:
    if finding.kind == "missing":
        return "Create it in LiveChat, or here: tagger check --online --create"
    if finding.kind == "other_case":
        return "Write it as LiveChat does, or rename it there"
    if rule.groups is None:
        return "Assign the tag to all groups in LiveChat, or give the rule its `groups`"
    return "Assign the tag to one of the rule's groups in LiveChat, or change the rule's `groups`"


def _of(organization: str) -> str:
    return f" (organization {organization})" if organization else ""
