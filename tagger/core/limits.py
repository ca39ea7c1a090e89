"""Every limit of the state that one partition keeps, with its unit and its reason.

The defaults are those of a busy installation. Operators set the five that cost them something
(`TAGGER_*`); the others are properties of LiveChat and Kafka.

One organization whose token is dead must not stop the others until it is parked, after 15 minutes. At 300 ends
a second these are 270,000 ended threads. What waits beyond the share of an organization is accounted with 1.25 KB
at most (the thread 520, its ending 173, its ids 400, its offset 156; 950 are allocated), 340 MB in all. Half of
`TAGGER_OPEN_BYTES_MAX` (1 GiB) may wait, of which texts within the share take an eighth: 402 MB are left. As many
offsets are kept track of. With one organization alone nobody else waits: reading pauses at `unsettled_max`, and
nothing has to be asked for later.

What is settled among these offsets a crash does again: of the others' chats in those 15 minutes at worst 300,000,
$81 for each tag they have at $0.27 a thousand calls; and a tag that a person took off meanwhile comes back. To pause
at fewer offsets would save some of that after a crash, and stop the others in every such quarter of an hour
without one.
"""

from dataclasses import dataclass
from typing import Final

# Somebody's clock is an hour off: a record this far ahead of ours is still believed, for `complete since` only.
CLOCK_JUMP_MS: Final = 3_600_000
# The last moment that dates can name, with an hour to spare: the year 9999. A record may claim any time.
TIME_MS_MAX: Final = 253_402_300_800_000 - CLOCK_JUMP_MS
# Two processes that look for new partitions every 15 s may differ by so much in where they put a chat.
METADATA_AGE_MS: Final = 30_000

# Bytes of an id, in UTF-8: LiveChat's have 10 to 41. A record with a longer one is `unreadable`.
ID_BYTES_MAX: Final = 256

# Of what a partition may hold, ended threads that wait may take half, with their text a quarter: the rest is for
# open ones.
WAITING_SHARE: Final = 2
TEXTS_SHARE: Final = 4
# Organizations that have a share each; all others have one together, so that a flood of forged names takes one
# share more. With all of them busy, each has 15 of the 1,000 jobs under way: 150 a second.
ORGANIZATIONS_MAX: Final = 64
# What an offset costs that is kept track of, and one that is not settled besides.
OFFSET_BYTES: Final = 16
UNSETTLED_BYTES: Final = 140


@dataclass(frozen=True, slots=True)
class Limits:
    """What one partition may hold, and for how long. Times are event time, in seconds."""

    replay_records_max: int = 300_000
    """Records below the committed offset that a restart reads again: five seconds at 60,000 a second."""

    chat_age_s_max: int = 14_400
    """A thread open for longer expires, and is asked for when it ends: one stuck thread pins nothing."""

    chat_idle_s_max: int = 7_200
    """Silence after which an open thread expires. LiveChat itself closes a thread after 30 minutes."""

    linger_s: int = 600
    """An ended thread waits this long for events that come late. Where this is raised over a restart, an event
    that came between the old time and the new may be taken for one that was decided on."""

    skew_s: int = 60
    """How far clocks may differ, and how much later an `incoming_chat` may come than its first event."""

    thread_events_max: int = 2_000
    """Events kept of one thread; a repeat is found by a scan, so an endless thread must not grow for ever."""

    thread_bytes_max: int = 512 * 1024
    """Bytes kept of one thread: 32 messages of the longest kind that LiveChat accepts (16 KB)."""

    unsettled_max: int = 5_000
    """Ended threads that wait with their text; of several organizations none has more than are left for others.
    At this many the partition is paused."""

    offsets_max: int = 300_000
    """Offsets from the committed one on that are kept track of: what waits, and what is settled behind it, which
    a crash does again. At this many the partition is paused: after 15 minutes of one organization's failures."""

    still_active_asks_max: int = 12
    """How often LiveChat is asked again while it calls a thread active whose end we have: two minutes."""

    still_active_every_s: int = 10
    """The pause before each of these questions."""
