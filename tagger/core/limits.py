"""Every limit of the state that one partition keeps, with its unit and its reason.

The defaults are those of a busy installation. Operators set the five that cost them something
(`TAGGER_*`); the others are properties of LiveChat and Kafka.
"""

from dataclasses import dataclass
from typing import Final

# Somebody's clock is an hour off: a record this far ahead of ours is still believed, for the trust time only.
CLOCK_JUMP_MS: Final = 3_600_000


@dataclass(frozen=True, slots=True)
class Limits:
    """What one partition may hold, and for how long. Times are event time, in seconds."""

    replay_records_max: int = 300_000
    """Records below the committed offset that a restart reads again: five seconds at 60,000 a second."""

    chat_age_s_max: int = 14_400
    """A thread open for longer is forgotten, and asked for when it ends: one stuck thread pins nothing."""

    chat_idle_s_max: int = 7_200
    """Silence after which an open thread is forgotten. LiveChat itself closes a thread after 30 minutes."""

    linger_s: int = 600
    """An ended thread waits this long for events that come late."""

    skew_s: int = 60
    """How far clocks may differ, and how much later an `incoming_chat` may come than its first event."""

    thread_events_max: int = 2_000
    """Events kept of one thread; a repeat is found by a scan, so an endless thread must not grow for ever."""

    thread_bytes_max: int = 512 * 1024
    """Bytes kept of one thread: 32 messages of the longest kind that LiveChat accepts (16 KB)."""

    unsettled_max: int = 5_000
    """Ended threads that wait to be settled; at this many the partition is paused."""

    offsets_max: int = 20_000
    """Offsets from the committed one on that are kept track of: what waits, and what is settled behind it, which
    a crash does again. At this many the partition is paused."""

    still_active_asks_max: int = 12
    """How often LiveChat is asked again while it calls a thread active whose end we have: two minutes."""

    still_active_every_s: int = 10
    """The pause before each of these questions."""
