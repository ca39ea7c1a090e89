"""What a history consists of, drawn from its seed: organizations, chats, and how LiveChat misbehaves."""

from dataclasses import dataclass, field, replace
from random import Random
from typing import Final, Literal

Kind = Literal[
    "storm",  # a share of the calls is answered 429
    "outage",  # every call of every organization fails
    "hiccups",  # a share of the calls fails, or the answer is lost
    "slow",  # answers take seconds
    "limit",  # at most `share` calls a second pass
    "revoked",  # one organization's token is refused
    "read_only",  # one organization's token may not write
    "no_token",  # one organization's token cannot be refreshed
]
TROUBLES: Final[tuple[Kind, ...]] = (
    "storm", "outage", "hiccups", "slow", "revoked", "read_only", "no_token",
)  # fmt: skip

# What LiveChat may answer forever about a chat: systemic errors by type, and refusals.
FOREVER: Final = (
    "internal", "timeout", "undocumented", "service_unavailable", "too_many_requests", "wrong_shape",
    "authentication", "validation", "missing_access", "not_found", "not_found",
)  # fmt: skip
OUTAGES: Final = (
    "service_unavailable",
    "internal",
    "network",
    "timeout",
    "dns",
    "not_json",
    "request_timeout",
)
RUSH_A_S: Final = 15  # chats that end in a rush
ITEMS: Final = frozenset({"validation", "missing_access", "not_found"})


@dataclass(frozen=True, slots=True)
class Trouble:
    """Something that affects one lane, or all, for a while."""

    kind: Kind
    begin: float
    end: float
    organization: str | None  # None: all
    share: float
    error_type: str
    retry_after_s: float | None


@dataclass(frozen=True, slots=True)
class Chat:
    """One thread that ends."""

    organization: str  # as the webhook names it
    id: str
    at: float  # when it ends, in seconds from the beginning
    tags: tuple[str, ...]
    incomplete: bool = False  # it must be fetched from LiveChat
    bad: str | None = None  # the error type that answers each of its calls
    removed_after_s: float | None = None  # how long after they were set a person removes its tags
    spoiled_after_s: float | None = None  # how long after it was tagged it becomes unreadable


# What a history is about, and how many of a hundred are.
STORIES: Final = {
    "anything": 62,
    "alone": 12,  # one organization is out, and no other has traffic
    "refused": 8,  # a few good chats, then fifty that are each refused
    "strangers": 6,  # bad chats before anything has succeeded, then good ones
    "crowd": 10,  # many chats end while LiveChat is out
    "rush": 1,  # more calls than the lane's first rate, during a storm
    "overload": 1,  # a limit below the load, with some bad chats
}


@dataclass(slots=True)
class Setting:
    seed: int
    organizations: list[str]
    one_for_all: bool
    chats: list[Chat] = field(default_factory=list)
    troubles: list[Trouble] = field(default_factory=list)
    bad_tag: str | None = None
    elsewhere: str | None = None  # the organization that another region serves
    story: str = "anything"
    steady: bool = False  # good chats keep ending, so every bad one can be distinguished from an outage


def setting(seed: int) -> Setting:
    rng = Random(seed)
    (story,) = rng.choices(list(STORIES), list(STORIES.values()))
    drawn = Setting(seed, [f"o{n}" for n in range(rng.choice((1, 2, 2, 3)))], rng.random() < 0.3, story=story)
    _DRAWN_BY[story](rng, drawn)
    return drawn


def _anything(rng: Random, drawn: Setting) -> None:
    named = drawn.organizations
    for _ in range(rng.choice((0, 0, 1, 1, 2))):
        drawn.troubles.append(_trouble(rng, named))
    if rng.random() < 0.1:
        drawn.bad_tag = "t0"
    if rng.random() < 0.1:
        drawn.elsewhere = rng.choice(named)
    _draw_chats(rng, drawn)
    if rng.random() < 0.3:
        _go_on(drawn)


def _alone(rng: Random, drawn: Setting) -> None:
    drawn.organizations, drawn.one_for_all = ["o0", "o1", "o2"][: rng.choice((2, 3))], False
    begin = rng.uniform(20, 60)
    kind: Kind = rng.choice(("revoked", "no_token"))
    drawn.troubles.append(
        Trouble(kind, begin, begin + rng.uniform(1_300, 1_500), "o0", 1.0, "authentication", None)
    )
    for number in range(rng.choice((3, 5))):
        drawn.chats.append(_chat(rng, f"c{number}", "o0", rng.uniform(0, 200), None))


def _refused(rng: Random, drawn: Setting) -> None:
    drawn.organizations = drawn.organizations[:1]
    for number in range(rng.choice((1, 3))):
        chat = Chat("o0", f"c{number}", 5.0 * number, (f"t{number}",))
        if rng.random() < 0.7:
            chat = replace(chat, removed_after_s=rng.uniform(1, 30))
        drawn.chats.append(chat)
    if rng.random() < 0.3:  # not the chats' fault: for a while the token may not write
        drawn.troubles.append(Trouble("read_only", 45, 200, None, 1.0, "authorization", None))
        kind = None
    else:
        kind = rng.choice(("validation", "missing_access"))
    for number in range(52):
        who = f"forged{number}" if drawn.one_for_all else "o0"
        drawn.chats.append(Chat(who, f"w{number}", rng.uniform(50, 55), ("t1",), rng.random() < 0.1, kind))
    drawn.chats.append(Chat("o0", "last", rng.uniform(60, 200), ("t0",)))


def _strangers(rng: Random, drawn: Setting) -> None:
    drawn.organizations = drawn.organizations[:1]
    kind = rng.choice([one for one in FOREVER if one not in ITEMS])
    for number in range(rng.choice((4, 8, 16, 30))):
        drawn.chats.append(Chat("o0", f"w{number}", rng.uniform(0, 2), ("t1",), bad=kind))
    for number in range(12):
        drawn.chats.append(Chat("o0", f"c{number}", 5 + 60.0 * number, ("t0",)))
    _go_on(drawn)


def _crowd(rng: Random, drawn: Setting) -> None:
    lasts = rng.choice((100.0, 200.0))
    drawn.troubles.append(Trouble("outage", 30, 30 + lasts, None, 1.0, rng.choice(OUTAGES), None))
    for number in range(rng.choice((30, 40))):
        drawn.chats.append(Chat("o0", f"c{number}", rng.uniform(0, 90), ("t0",)))


def _rush(rng: Random, drawn: Setting) -> None:
    drawn.organizations = drawn.organizations[:1]
    if rng.random() < 0.4:
        drawn.troubles.append(Trouble("limit", 0, 20, None, 4.0, "too_many_requests", None))
        ends = [number / 6 for number in range(120)] + [20 + number / RUSH_A_S for number in range(700)]
    else:
        share = rng.choice((0.1, 0.2, 1.0))
        retry_after_s = rng.choice((None, 5.0))
        drawn.troubles.append(Trouble("storm", 10, 20, None, share, "too_many_requests", retry_after_s))
        ends = [number / RUSH_A_S for number in range(700)]
    for number, at in enumerate(ends):
        drawn.chats.append(Chat("o0", f"c{number}", at, ("t0",)))


def _overload(rng: Random, drawn: Setting) -> None:
    drawn.organizations = drawn.organizations[:1]
    drawn.troubles.append(Trouble("limit", 0, 900, None, 1.0, "too_many_requests", None))
    for number in range(1_080):
        drawn.chats.append(Chat("o0", f"c{number}", number / 1.2, ("t0",)))
    kind = rng.choice(("internal", "undocumented"))
    for number in range(2):
        drawn.chats.append(Chat("o0", f"w{number}", 20.0 + number, ("t0",), bad=kind))


def _go_on(drawn: Setting) -> None:
    """Add a good chat every 65 s to each organization with traffic, until everything hopeless is known to be."""
    drawn.steady = True
    tag = "t1" if drawn.bad_tag == "t0" else "t0"
    over = max([chat.at for chat in drawn.chats] + [trouble.end for trouble in drawn.troubles])
    at, number = 0.0, 0
    for organization in sorted({chat.organization for chat in drawn.chats} & set(drawn.organizations)):
        while at < over + 2_000:
            at, number = at + 65.0, number + 1
            drawn.chats.append(Chat(organization, f"s{organization}{number}", at, (tag,)))
        at = 0.0


def _trouble(rng: Random, named: list[str]) -> Trouble:
    kind = rng.choice(TROUBLES)
    begin = rng.uniform(20, 200)
    long = kind in {"revoked", "no_token"} and rng.random() < 0.4
    lasts = rng.uniform(1_300, 1_500) if long else rng.choice((5.0, 15.0, 60.0, 300.0))
    of_all = kind in {"outage", "slow"}
    share = rng.choice((0.05, 0.2, 0.5, 1.0)) if kind == "storm" else 0.3
    retry_after_s = rng.choice((None, None, 1.0))
    error_type = rng.choice(OUTAGES)
    whose = None if of_all else rng.choice(named)
    return Trouble(kind, begin, begin + lasts, whose, share, error_type, retry_after_s)


def _draw_chats(rng: Random, drawn: Setting) -> None:
    rate = rng.choice((0.05, 0.2, 1.0))  # ends a second
    bad = rng.choice((0.0, 0.1, 0.5, 0.9))
    kinds = rng.sample(FOREVER, rng.choice((1, 2)))
    forged = drawn.one_for_all and rng.random() < 0.5
    quiet = drawn.organizations[-1] if len(drawn.organizations) > 1 and rng.random() < 0.4 else None
    at, number, ends = 0.0, 0, rng.choice((4, 6, 10))
    wave_at = rng.uniform(5, 60) if rng.random() < 0.15 else None  # many at once, all bad
    while number < ends:
        at += rng.expovariate(rate)
        organization = rng.choice([one for one in drawn.organizations if one != quiet])
        number += 1
        is_bad = number > 3 and rng.random() < bad  # only after something succeeded: a witness
        drawn.chats.append(_chat(rng, f"c{number}", organization, at, rng.choice(kinds) if is_bad else None))
    if wave_at is not None:
        kind = rng.choice(FOREVER)
        for extra in range(rng.choice((10, 55)) if kind in ITEMS else rng.choice((8, 16))):
            organization = f"forged{extra}" if forged else drawn.chats[0].organization
            drawn.chats.append(_chat(rng, f"w{extra}", organization, wave_at, kind))


def _chat(rng: Random, name: str, organization: str, at: float, bad: str | None) -> Chat:
    tags = tuple(sorted({f"t{rng.randrange(4)}" for _ in range(rng.choice((1, 1, 2)))}))
    removed = rng.uniform(1, 60) if rng.random() < 0.3 else None
    spoiled = rng.uniform(1, 60) if rng.random() < 0.05 else None
    return Chat(organization, name, at, tags, rng.random() < 0.2, bad, removed, spoiled)


_DRAWN_BY: Final = {
    "anything": _anything,
    "alone": _alone,
    "refused": _refused,
    "strangers": _strangers,
    "crowd": _crowd,
    "rush": _rush,
    "overload": _overload,
}
