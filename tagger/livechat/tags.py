"""What is known of an organization's tags: which exist, in which case, and in which groups.

Promises that nothing waits for this: a tag is set whether it is known here or not, and no call is made just
to find out. It serves the people who want to know beforehand that a tag will be refused.
"""

from collections import OrderedDict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final, Literal, Protocol

from tagger.livechat.calls.requests import Call, Done, Refused, Wait, list_tags

FRESH_S: Final = 600.0  # tags are made by people; a new one may go unseen for so long
ORGANIZATIONS_MAX: Final = 1_000  # whose tags are kept; LiveChat allows 2,000 tags each, about 200 KB
ALL_GROUPS: Final = (
    0  # LiveChat's general group; that every thread shares it is our reading, so it is trusted
)
NAMED_MAX: Final = 20  # group ids that one sentence names

Known = Mapping[str, frozenset[int]]  # the groups of each tag, by its exact name


@dataclass(frozen=True, slots=True)
class Wanted:
    """A tag that a rule sets."""

    tag: str
    group_ids: frozenset[int] | None = None  # the groups that the rule is for; None: all


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
    """What is wrong with each wanted tag, one for one; None: nothing. Pure."""
    folded = {name.casefold(): name for name in sorted(known)}
    return [_finding(known, folded, one) for one in wanted]


def findings(known: Known, wanted: Iterable[Wanted]) -> list[Finding]:
    """What is wrong with wanted tags, in their order. Pure."""
    return [finding for finding in verdicts(known, wanted) if finding is not None]


def to_create(found: Iterable[Finding]) -> list[str]:
    """The tags that can be made. One that exists in another case cannot: LiveChat takes the two for one."""
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
        text = f"LiveChat has {tag!r} in groups {_named(groups)} only, and refuses it on threads of others"
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

    async def ask(
        self, organization: str, call: Call, *, background: bool = False
    ) -> Done | Wait | Refused: ...


class Tags:
    """The tags of every organization that was asked about, no older than FRESH_S."""

    def __init__(self, client: Asks, clock: Callable[[], float]) -> None:
        self._client, self._clock = client, clock
        self._known: OrderedDict[str, tuple[float, Known]] = OrderedDict()

    async def of(self, organization: str) -> Known | Wait | Refused:
        """One organization's tags; one call to LiveChat where they are not known or no longer fresh."""
        held = self._known.get(organization)
        if held is not None and self._clock() - held[0] < FRESH_S:
            return held[1]
        answer = await self._client.ask(organization, list_tags(), background=True)
        if not isinstance(answer, Done):
            return answer
        known = known_of(answer.value)
        self._known[organization] = (self._clock(), known)
        self._known.move_to_end(organization)
        if len(self._known) > ORGANIZATIONS_MAX:
            self._known.popitem(last=False)
        return known
