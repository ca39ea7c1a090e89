"""What a person asks on "Change": which file and rule, and what it is to say. Pure."""

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Final

from tagger.web.typed import clean

TEXT_BYTES_MAX: Final = 256 << 10  # in UTF-8: some 8,000 keywords
NEW_FILE: Final = "+"
REFUSED: Final = "refused/"  # before a file's name: as it stands on disk, and not as it is in force
DAYS: Final = (1, 7, 30)
DAYS_DEFAULT: Final = 7
NAME_CHARS_MAX: Final = 100
NO_SUCH_FILE: Final = (
    "There is no such file any more. Copy the text, and open another file above, or a new one."
)

_NAME: Final = re.compile(r"\w[\w .-]*\.ya?ml")


@dataclass(frozen=True, slots=True)
class Draft:
    """A form as it was sent."""

    file: str  # as it is shown: without folder
    rule: str | None  # id, or NEW_RULE; None: the whole file
    text: str = field(repr=False)
    tag: str = ""  # of a list of keywords
    name: str = ""  # of a new file
    days: int = DAYS_DEFAULT  # chats of so many days are tried
    trial: str = ""  # the trial whose page was changed

    @property
    def called(self) -> str:
        """What the file is called."""
        return self.name if self.file == NEW_FILE else self.file.removeprefix(REFUSED)


def read(fields: Mapping[str, str]) -> Draft:
    """A form's fields; what is missing or odd is as in an empty form."""
    days = fields.get("days", "")
    return Draft(
        fields.get("file", ""),
        fields.get("rule") or None,
        clean(fields.get("text", "")),
        fields.get("tag", "").strip(),
        fields.get("name", "").strip(),
        int(days) if days in {str(each) for each in DAYS} else DAYS_DEFAULT,
        fields.get("trial", ""),
    )


def problem_of(draft: Draft, names: Collection[str]) -> str | None:
    """Why a form cannot be taken, with what to do; `names` are those of the files there are."""
    if (size := len(draft.text.encode("utf-8", "replace"))) > TEXT_BYTES_MAX:
        limit = TEXT_BYTES_MAX >> 10
        return f"The text has {size >> 10:,} KiB; the limit is {limit}. Change one rule at a time."
    if draft.file != NEW_FILE:
        return None if draft.called in names else NO_SUCH_FILE
    if _NAME.fullmatch(draft.name) is None or len(draft.name) > NAME_CHARS_MAX:
        return "Give the new file a name that ends in .yaml, such as refunds.yaml."
    if draft.name in names:
        return f"There is a {draft.name} already. Choose another name, or open that file."
    return None
