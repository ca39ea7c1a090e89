"""What differs between histories: limits, kinds of faults, and steps. All of it is drawn from a seed.

A step is a name and two numbers, which the step interprets. Faults hide one another's effects, so a history has only
a few kinds.
"""

import random
from dataclasses import dataclass
from typing import Final

from tagger.core.limits import Limits

Step = tuple[str, int, int]

STEPS: Final = 110
UNDER_WAY_MAX: Final = 4  # jobs of one member

# Ordinary steps, and how often they come.
PLAIN: Final = {
    "begins": 9,
    "says": 24,
    "ends": 9,
    "again": 8,
    "wait": 12,
    "late": 4,
    "removes": 4,
    "adds": 2,
    "retags": 8,
    "poll": 30,
    "act": 24,
    "commit": 10,
    "tick": 4,
}
# Faults that a history may have, and how often they come if it does.
FAULTS: Final = {
    "crash": 6,
    "rebalance": 4,
    "zombie": 8,
    "disorder": 0,  # changes how webhooks are delivered
    "api": 0,  # changes what LiveChat answers
    "strangers": 0,  # threads whose customer is not named
    "poison": 3,
    "metadata": 3,
    "retention": 2,
    "reset": 2,
    "recreate": 1,
    "truncate": 4,
    "clocks": 6,
    "silence": 3,
    "very_late": 4,
    "lost_seek": 5,
    "window": 0,  # a short replay window
    "memory": 0,  # a low memory limit
    "long_threads": 0,  # more events than are kept
    "passed_over": 5,  # the client's position moves without delivery
    "hasty": 0,  # records come between an assignment and its seek
    "interrupted": 3,  # a revoke before a seek
    "slow_commits": 0,  # commits land after newer ones
    "lands": 4,
    "limits": 0,  # limits change at a restart
    "stale_ends": 0,  # the log's end was looked up a while ago
    "odd_times": 0,  # records without a time, or with an impossible one
    "undated": 0,  # threads without `created_at`
    "unbegun": 0,  # threads whose beginning never comes
    "ends_while_asked": 12,
    "refusals": 0,  # LiveChat refuses some tags
    "failing": 0,  # LiveChat does not answer for one organization
    "hole": 2,
    "grow": 2,
    "grown": 4,
}
# The faults that justify asking LiveChat; with the others, the log must be enough.
UNTRUE: Final = frozenset(
    "strangers poison metadata retention reset recreate truncate silence very_late window memory long_threads"
    " interrupted odd_times undated unbegun ends_while_asked failing hole grow grown".split()
)
# The faults that delete records or put them out of reach: a late event among them may be gone for good. Except here,
# a replay window covers more than the linger time.
LOSSY: Final = frozenset({"retention", "reset", "recreate", "truncate", "window", "hole", "grow"})
# Sets of kinds, and the chance that a history has each kind of its set.
KINDS: Final = (
    (sorted(FAULTS.keys() - UNTRUE), 0.5),
    (["lost_seek"], 1.0),
    (["clocks"], 1.0),
    (["window"], 1.0),
    (["window", "metadata", "retention", "api"], 0.5),
    (["silence"], 1.0),
    (["very_late"], 1.0),
    (["strangers", "poison", "api"], 0.7),
    (["silence", "strangers", "poison", "long_threads"], 0.4),
    (["memory"], 1.0),
    (["memory", "silence", "api"], 0.5),
    (["truncate"], 1.0),
    (["truncate", "recreate", "reset", "retention", "metadata", "api"], 0.4),
    (["passed_over", "lost_seek", "hasty", "stale_ends"], 0.7),
    (["slow_commits", "lands", "hasty"], 0.9),
    (["limits", "refusals"], 0.9),
    (["interrupted", "metadata", "window", "retention"], 0.8),
    (["odd_times", "undated", "window", "strangers"], 0.6),
    (["silence", "very_late", "ends_while_asked", "unbegun", "api"], 0.9),
    (["failing"], 1.0),
    (["failing", "poison", "refusals", "silence"], 0.7),
    (["hole", "passed_over", "api"], 0.8),
    (["grow", "grown"], 1.0),
    (sorted(FAULTS), 0.15),
    (sorted(FAULTS), 0.4),
)


@dataclass(frozen=True, slots=True)
class Setting:
    """The constants of one history."""

    seed: int
    faults: frozenset[str]
    limits: Limits
    bytes_max: int


def setting(seed: int) -> Setting:
    rng = random.Random(seed)
    kinds, chance = rng.choice(KINDS)
    faults = frozenset(name for name in kinds if rng.random() < chance) | {"crash", "rebalance", "disorder"}
    linger_s = rng.randint(40, 120)
    failing = "failing" in faults
    limits = Limits(
        replay_records_max=rng.randint(2, 25) if "window" in faults else 100_000,
        chat_age_s_max=rng.randint(150, 400),
        chat_idle_s_max=rng.randint(150, 300),
        linger_s=linger_s,
        skew_s=rng.randint(8, linger_s // 4),
        thread_events_max=rng.randint(2, 6) if "long_threads" in faults else 1000,
        unsettled_max=rng.randint(least_unsettled(faults), 20) if failing or rng.random() < 0.3 else 1_000,
        offsets_max=10_000 if failing else rng.randint(5, 40),
        still_active_asks_max=2,
        still_active_every_s=1,
    )
    bytes_max = rng.randint(1_500, 6_000) if "memory" in faults and not failing else 1 << 30
    return Setting(seed, faults, limits, bytes_max)


def least_unsettled(faults: frozenset[str]) -> int:
    """The least `unsettled_max` under which the properties hold.

    Jobs under way keep their text, and half of them may be of an organization that was alone. A paused partition
    goes on at half of its limit: if that were less, these jobs alone would keep it paused.
    """
    return UNDER_WAY_MAX if "failing" in faults else 2


def steps(setting: Setting) -> list[Step]:
    """Draw the steps. Their seed differs from `setting`'s, or the limits would determine the first steps."""
    rng = random.Random(~setting.seed)
    weights = {**PLAIN, **{name: often for name, often in FAULTS.items() if often and name in setting.faults}}
    names = rng.choices(list(weights), list(weights.values()), k=STEPS)
    return [(name, rng.getrandbits(20), rng.getrandbits(20)) for name in names]
