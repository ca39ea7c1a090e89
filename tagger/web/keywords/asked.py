"""What is asked of Keywords: the time, the set, the order and the rule that is open, all in the address. Pure."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Final
from urllib.parse import urlencode

PATH: Final = "/keywords"
DAYS: Final = (1, 7, 30, 90)
DAYS_DEFAULT: Final = 30
SORTS: Final = ("chats", "alone", "removed", "added", "last", "rule")
NAME_CHARS_MAX: Final = 200  # of a rule's id, which has 64 at most

_HASH: Final = re.compile("[0-9a-f]{12}")


@dataclass(frozen=True, slots=True)
class Asked:
    """The filters."""

    days: int = DAYS_DEFAULT
    set: str = ""  # hash of a set of the past; "": the one in force
    sort: str = SORTS[0]
    rule: str = ""  # that is open
    never: str = ""  # "all": everything that never matched is listed

    def href(self, suffix: str = "", **changed: object) -> str:
        """The address of the same with something changed."""
        here = replace(self, **changed)  # type: ignore[arg-type]
        fields = {
            "days": str(here.days) if here.days != DAYS_DEFAULT else "",
            "set": here.set,
            "sort": here.sort if here.sort != SORTS[0] else "",
            "rule": here.rule,
            "never": here.never,
        }
        given = urlencode({name: value for name, value in fields.items() if value})
        return PATH + suffix + (f"?{given}" if given else "")


def read(fields: Mapping[str, str]) -> Asked:
    """The filters of an address; an odd one counts for nothing."""
    days, sort, name = fields.get("days", ""), fields.get("sort", ""), fields.get("set", "")
    return Asked(
        int(days) if days in {str(each) for each in DAYS} else DAYS_DEFAULT,
        name if _HASH.fullmatch(name) else "",
        sort if sort in SORTS else SORTS[0],
        fields.get("rule", "")[:NAME_CHARS_MAX],
        "all" if fields.get("never") == "all" else "",
    )
