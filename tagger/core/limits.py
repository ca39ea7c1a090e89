"""Every limit on the state that one partition keeps, with its unit and its reason.

The defaults suit a busy installation. Operators set the five that cost them something (`TAGGER_*`); the others are
properties of LiveChat and Kafka.

One organization whose token is dead must not stop the others in the 15 minutes before it is parked. At 300 ends a
second that is 270,000 ended threads. Beyond its organization's share, a waiting thread is accounted with at most
1.25 KB (the thread 528, its ending 181, its ids 400, its offset 156; 950 are allocated): 340 MB in all. Of
`TAGGER_OPEN_BYTES_MAX` (1 GiB) half may wait, and an eighth goes to texts within the shares: 402 MB are left. As
many offsets are tracked. With only one organization nobody else waits: reading pauses at `unsettled_max`, and
nothing has to be fetched later.

After a crash, what was settled among these offsets is repeated: at worst 300,000 chats of the others, $81 per tag at
$0.27 per thousand calls. A tag that a person removed meanwhile comes back only if that is told further on in the log
than `partition.catching_up` reads first: beyond half of what may wait. Pausing at fewer offsets would save part of that
after a crash, but would stop the others in every such quarter of an hour, crash or not.
"""

from dataclasses import dataclass
from typing import Final

# A clock may be off by an hour: a record this far ahead of ours is still believed, for `complete since` only.
CLOCK_JUMP_MS: Final = 3_600_000
# The last moment that a date can name, with an hour to spare: the year 9999. A record may claim any time.
TIME_MS_MAX: Final = 253_402_300_800_000 - CLOCK_JUMP_MS
# Processes look for new partitions every 15 s: for this long two of them may put a chat into different ones.
METADATA_AGE_MS: Final = 30_000

# Bytes of an id in UTF-8: LiveChat's have 10 to 41. A record with a longer one is `unreadable`.
ID_BYTES_MAX: Final = 256

# Waiting threads may take half of what a partition may hold, those with their text a quarter: the rest is for open
# threads.
WAITING_SHARE: Final = 2
TEXTS_SHARE: Final = 4
# Organizations with a share of their own; all others share one, so a flood of forged names takes one more share. If
# all are busy, each has 15 of the 1,000 jobs under way: 150 a second.
ORGANIZATIONS_MAX: Final = 64
# Bytes that a tracked offset costs, and an unsettled one in addition.
OFFSET_BYTES: Final = 16
UNSETTLED_BYTES: Final = 140


@dataclass(frozen=True, slots=True)
class Limits:
    """What one partition may hold, and for how long. Times are event time, in seconds."""

    replay_records_max: int = 300_000
    """Records below the committed offset that a restart re-reads: five seconds at 60,000 a second."""

    chat_age_s_max: int = 14_400
    """A thread open for longer expires, and is fetched when it ends: a stuck thread holds nothing back."""

    chat_idle_s_max: int = 7_200
    """Silence after which an open thread expires. LiveChat itself closes a thread after 30 minutes."""

    linger_s: int = 600
    """An ended thread is kept this long for late events. If a restart raises this, an event that came after the old
    time but within the new one may be taken for one that was decided on."""

    skew_s: int = 60
    """How far clocks may differ, and how much later an `incoming_chat` may come than its first event."""

    thread_events_max: int = 2_000
    """Events kept of one thread; a repeat is found by a scan, so a thread must not grow without end."""

    thread_bytes_max: int = 512 * 1024
    """Bytes kept of one thread: 32 messages of the greatest length that LiveChat accepts (16 KB)."""

    unsettled_max: int = 5_000
    """Ended threads that wait with their text; of several organizations, none has more than it leaves for the others.
    At this many the partition is paused. It is no less than `JOBS_MAX`: jobs under way keep their text, half of them
    may be of an organization that was alone, and the partition resumes at half of this."""

    offsets_max: int = 300_000
    """Offsets tracked from the committed one on: what waits, and what is settled behind it, which a crash repeats.
    At this many the partition is paused: after 15 minutes of one organization's failures."""

    still_active_asks_max: int = 12
    """How often LiveChat is asked again while it calls a thread active that has ended: two minutes."""

    still_active_every_s: int = 10
    """The pause before each of these calls."""
