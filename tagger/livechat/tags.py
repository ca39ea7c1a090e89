"""An organization's tags: which exist, in which case, and in which groups.

It warns people beforehand that LiveChat will refuse a tag. Nothing waits for this: a tag is set whether it is
known here or not.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final, Literal, Protocol

from tagger.livechat.calls.answers import Answer, Done, Permanent, Transient
from tagger.livechat.calls.requests import Call, list_tags

ALL_GROUPS: Final = 0  # LiveChat's general group, which we take every thread to share
NAMED_MAX: Final = 20  # group ids named in one sentence

Known = Mapping[str, frozenset[int]]  # the groups of each tag, by its exact name


@dataclass(frozen=True, slots=True)
class Wanted:
    """A tag that a rule sets."""

    tag: str
    group_ids: frozenset[int] | None = None  # the rule's groups; None: all


@dataclass(frozen=True, slots=True)
class Finding:
    """Why LiveChat will, or may, refuse a tag."""

    kind: Literal["missing", "other_case", "groups"]
    tag: str
    text: str


def known_of(answer: Any) -> Known:
    """The tags in an answer of `list_tags`, whose shape was checked. Pure."""
    return {tag["name"]: frozenset(tag.get("group_ids", ())) for tag in answer}


def verdicts(known: Known, wanted: Iterable[Wanted]) -> list[Finding | None]:
    """What is wrong with each wanted tag, in order; None: nothing. Pure."""
    folded = {name.casefold(): name for name in sorted(known)}
    return [_finding(known, folded, one) for one in wanted]


def findings(known: Known, wanted: Iterable[Wanted]) -> list[Finding]:
    """What is wrong with wanted tags, in order. Pure."""
    return [finding for finding in verdicts(known, wanted) if finding is not None]


def to_create(found: Iterable[Finding]) -> list[str]:
    """The tags that can be created. One that exists in another case cannot: to LiveChat they are the same."""
    return sorted({finding.tag for finding in found if finding.kind == "missing"})


def _finding(known: Known, folded: Mapping[str, str], wanted: Wanted) -> Finding | None:
    tag = wanted.tag
    groups = known.get(tag)
    if groups is None:
        other = folded.get(tag.casefold())
        if other is None:
            return Finding("missing", tag, f"LiveChat has no tag {tag!r}")
        return Finding("other_case", tag, f"LiveChat has {other!r}, not {tag!r}: its tags are case-sensitive")
    # "if the thread and the tag are assigned to at least one common group":
    # https://platform.text.com/docs/management/configuration-api#tags
    if not groups or ALL_GROUPS in groups:
        return None
    if wanted.group_ids is None:
        text = (
            f"LiveChat has {tag!r} only in groups {_named(groups)}, and refuses it on threads of other groups"
        )
        return Finding("groups", tag, text)
    if not wanted.group_ids & groups:
        text = f"LiveChat has {tag!r} in groups {_named(groups)}, none of which is the rule's"
        return Finding("groups", tag, f"{text} ({_named(wanted.group_ids)})")
    return None


def _named(groups: Iterable[int]) -> str:
    ids = sorted(groups)
    return ", ".join(map(str, ids[:NAMED_MAX])) + (", …" if len(ids) > NAMED_MAX else "")


class Asks(Protocol):
    """What this needs of the client."""

    async def ask(self, organization: str, call: Call, *, background: bool = False) -> Answer:
        """Make a call; `background` goes last."""


async def tags_of(client: Asks, organization: str) -> Known | Transient | Permanent:
    """One organization's tags; one call to LiveChat, behind all others."""
    answer = await client.ask(organization, list_tags(), background=True)
    return known_of(answer.value) if isinstance(answer, Done) else answer
