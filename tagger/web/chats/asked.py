"""What is asked of Chats: the filters in its address, so that a link can be shared. Pure."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Final, Literal, NamedTuple, get_args
from urllib.parse import urlencode

from tagger.core.limits import ID_BYTES_MAX
from tagger.core.records.past import NAME_CHARS_MAX
from tagger.history.wanted import Key, Wanted
from tagger.web.times import DAY_MS

Which = Literal["untagged", "all", "tagged", "corrected", "unset"]
PATH: Final = "/chats"


class Since(NamedTuple):
    """A choice of how far back."""

    name: str  # in the address
    words: str  # behind "Ended within"; "" for any time
    ms: int | None


SINCES: Final = (
    Since("24h", "24 hours", DAY_MS),
    Since("7d", "7 days", 7 * DAY_MS),
    Since("30d", "30 days", 30 * DAY_MS),
    Since("all", "", None),
)
_KEY: Final = re.compile(r"(\d{1,15})\.(\d{1,18})", re.ASCII)
_NAMED: Final = ("tag", "rule", "outcome", "organization", "chat")


@dataclass(frozen=True, slots=True)
class Asked:
    """The filters, and the place in the list; all that is given must hold."""

    which: Which = "all"
    since: Since = SINCES[0]
    tag: str = ""  # "": any, as of the others
    rule: str = ""
    outcome: str = ""
    organization: str = ""
    chat: str = ""  # id of a chat or of one of its threads
    before: Key | None = None
    after: Key | None = None

    def wanted(self, now_ms: int) -> Wanted:
        """What the ledger is asked for. An id is looked for in all that it has."""
        since_ms = None if self.since.ms is None or self.chat else now_ms - self.since.ms
        return Wanted(
            tag=self.tag or None,
            rule=self.rule or None,
            outcome=self.outcome or None,
            organization=self.organization or None,
            an_id=self.chat or None,
            untagged=self.which == "untagged",
            tagged=self.which == "tagged",
            corrected=self.which == "corrected",
            not_set=self.which == "unset",
            since_ms=since_ms,
        )

    def is_first_page(self) -> bool:
        """Whether it shows the newest ones."""
        return self.before is None and self.after is None

    def href(self, suffix: str = "", last: int | None = None, **changed: object) -> str:
        """The address of the same with something changed; at the first page unless a key is named.

        `last` is the id of the last decision that is shown, for what comes live.
        """
        here = replace(self, **({"before": None, "after": None} | changed))  # type: ignore[arg-type]
        fields = {
            "which": here.which if here.which != "all" else "",
            "since": here.since.name if here.since != SINCES[0] else "",
            **{name: getattr(here, name) for name in _NAMED},
            "before": _key(here.before),
            "after": _key(here.after),
            "last": "" if last is None else str(last),
        }
        given = urlencode({name: value for name, value in fields.items() if value})
        return PATH + suffix + (f"?{given}" if given else "")


def read(fields: Mapping[str, str]) -> Asked | str:
    """The filters of an address; or what is wrong with it, with what to do."""
    which, since = fields.get("which", "all"), fields.get("since", SINCES[0].name)
    known = {choice.name: choice for choice in SINCES}
    if which not in get_args(Which) or since not in known:
        return "This filter does not exist. Choose one on the page."
    names = {name: fields.get(name, "").strip() for name in _NAMED}
    if any(len(value) > NAME_CHARS_MAX for value in names.values()):
        return f"A filter is longer than {NAME_CHARS_MAX:,} characters. Choose one on the page."
    if len(names["chat"].encode("utf-8", "replace")) > ID_BYTES_MAX:
        return "That is no chat id. LiveChat shows it in the address of a chat, such as PJ0MRSHTDG."
    keys = {name: _KEY.fullmatch(fields[name]) for name in ("before", "after") if fields.get(name)}
    if len(keys) > 1 or None in keys.values():
        return "This address is damaged. Go to the first page of Chats."
    places = {name: Key(int(found[1]), int(found[2])) for name, found in keys.items() if found}
    return Asked(which, known[since], **names, **places)  # type: ignore[arg-type]


def _key(key: Key | None) -> str:
    return "" if key is None else f"{key.ended_at_ms}.{key.id}"


def chat_href(chat_id: str, thread_id: str, organization: str = "", suffix: str = "") -> str:
    """The address of one thread. Ids may hold anything, so they are not part of its path."""
    fields = {"chat": chat_id, "thread": thread_id}
    if organization:
        fields["organization"] = organization
    return f"{PATH}/chat{suffix}?{urlencode(fields)}"
