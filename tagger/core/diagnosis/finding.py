"""One thing that was looked at: what is so, and what to do about it. Pure.

No text holds a secret, a token or words of a chat.
"""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Final, Literal

State = Literal["ok", "doubtful", "wrong", "not checked"]

NOTHING_WRONG: Final = 0
SOMETHING_WRONG: Final = 1
NOT_EXAMINED: Final = 2  # settings, Kafka or LiveChat kept the rest from being looked at


@dataclass(frozen=True, slots=True)
class Finding:
    """What was found of one thing."""

    state: State
    check: str  # what was looked at: "topics", "rights"
    text: str  # a sentence without full stop
    remedy: str = ""  # what to do, likewise; "" where nothing is to be done
    blocks: bool = False  # wrong in a way that kept other things from being looked at


ok: Final = partial(Finding, "ok")
doubtful: Final = partial(Finding, "doubtful")
wrong: Final = partial(Finding, "wrong")
unchecked: Final = partial(Finding, "not checked")


def split(check: str, sentence: str, *, blocks: bool = False) -> Finding:
    """A wrong thing, from a sentence of ours: `what is so: what to do`."""
    text, _, remedy = sentence.partition(": ")
    return wrong(check, text, remedy, blocks)


def merged(found: Iterable[tuple[str, Finding]], organizations: Sequence[str]) -> list[Finding]:
    """Findings of organizations, each said once: with its organization, or of all where all have it.

    organizations  all that were looked at; [""] where one token serves all, which names none
    """
    of = dict[Finding, list[str]]()
    for organization, one in found:
        of.setdefault(one, []).append(organization)
    said = []
    for one, names in of.items():
        if len(names) == len(organizations) > 1:
            said.append(replace(one, text=f"{one.text} (each of {len(names)} organizations)"))
        else:
            said += [
                replace(one, text=f"{one.text} (organization {name})" if name else one.text) for name in names
            ]
    return said


def exit_code(found: Iterable[Finding]) -> int:
    """0: nothing is wrong, though something may be doubtful; 1: something is; 2: and it kept us from looking on."""
    bad = [one for one in found if one.state == "wrong"]
    if any(one.blocks for one in bad):
        return NOT_EXAMINED
    return SOMETHING_WRONG if bad else NOTHING_WRONG


def summary(found: Iterable[Finding]) -> str:
    """`2 wrong, 1 doubtful, 3 not checked, 17 ok`."""
    counts = Counter(one.state for one in found)
    states: tuple[State, ...] = ("wrong", "doubtful", "not checked", "ok")
    return ", ".join(f"{counts[state]} {state}" for state in states if counts[state])
