"""A small world, the members of its group, and everything that may be done to them.

Every step can be done in every state, so steps can be left out of a history that fails until what
remains is short.
"""

from collections import Counter
from typing import Final, TypeVar

from tagger.core.offsets import Hint, encode
from tests.simulation.member import Member
from tests.simulation.setting import UNTRUE, Setting, Step
from tests.simulation.world import START_MS, Event, Thread, World

T = TypeVar("T")

HOUR_MS: Final = 3_600_000


class History:
    """A world, the members of its group, and what may be done to them."""

    def __init__(self, setting: Setting) -> None:
        self.setting = setting
        self.world = World()
        self.world.untrue = bool(setting.faults & UNTRUE)
        self.world.log_is_whole = setting.faults & UNTRUE <= {"poison", "strangers"}
        self.zombies: list[Member] = []
        self.stashed: list[Member] = []
        self.seen: Counter[str] = Counter()  # what happened, for the coverage that is asserted
        self.member = self._new_member()
        self.member.assign()

    def _new_member(self) -> Member:
        return Member(self.world, self.setting.limits, self.setting.bytes_max)

    def do(self, step: Step) -> None:
        name, a, b = step
        getattr(self, name)(a, b)

    # What customers and agents do

    def begins(self, a: int, b: int) -> None:
        words = ["hello", "a", "z", "b"][: a % 3] if a & 8 else []
        known = "strangers" not in self.setting.faults or bool(b & 3)
        thread = self.world.thread_begins(a % 3, (a >> 4) & 1, words, known)
        if "api" in self.setting.faults:
            thread.refuses = b % 7 == 0
            thread.stale = (0, 0, 1, 2, 50)[(b >> 5) % 5]
            thread.lags = (b >> 9) % 3
        # Its webhook may come after its first events: then a cut can fall between them.
        self._send(thread, "incoming_chat", None, b >> 8 & ~2)

    def says(self, a: int, b: int) -> None:
        thread = self._pick([t for t in self.world.threads.values() if t.active][-4:], a)
        if thread is not None:
            self._say(thread, b)

    def late(self, a: int, b: int) -> None:
        ended = [t for t in self.world.threads.values() if not t.active]
        thread = self._pick(ended[-3:], a)
        if thread is None:
            return
        by_ingest_ms = self.world.now_ms + self.world.ingest_offset_ms - thread.end_ms
        if not self._lingers(thread) or abs(by_ingest_ms) > self.setting.limits.linger_s * 1000:
            self.world.untrue = True  # so late, by some clock, that nobody may know the thread any more
        self._say(thread, b)

    def ends(self, a: int, b: int) -> None:
        # An end hardly ever overtakes its beginning; where it does, LiveChat must be asked.
        ready = [t for t in self.world.threads.values() if t.active and (t.begun or b >> 12 & 7 == 0)]
        thread = self._pick(ready[-5:], a)
        if thread is not None:
            thread.active = False
            self._send(thread, "chat_deactivated", None, b)

    def again(self, a: int, b: int) -> None:
        """LiveChat repeats a webhook that it had no answer for: one of the last, or how a thread began."""
        world = self.world
        young_threads = [
            t for t in world.threads.values() if t.begun and world.now_ms - t.created_ms < 30_000
        ]
        thread = self._pick(young_threads, a)
        if thread is not None and b % 3:
            world.send(thread, "incoming_chat", None)
            return
        record = self._pick(world.log[world.log_start :][-6:], a)
        young = record is not None and world.now_ms - self._true_ms(record.timestamp) < 30_000
        if record is not None and young and record.offset not in world.poisoned:
            world.append(record.key, record.value)

    def poison(self, a: int, b: int) -> None:
        """A webhook reaches the log as something nobody can read."""
        junk = (b"{", b"[]", b'{"action":7}', b'{"action":"incoming_event","payload":{}}', b"\xff", b"")[
            a % 6
        ]
        threads = list(self.world.threads.values())
        thread = self._pick([t for t in threads if not t.begun] or threads[-4:], a >> 4)
        if thread is None or b % 5 == 0:
            self.world.append(None, junk)
        elif thread.active or self._lingers(thread):
            event = self.world.says(thread, *self._words(b)) if b & 1 else None
            self.world.poison(thread, event, junk)

    def wait(self, a: int, b: int) -> None:
        self.passes((1, 300, 1_000, 3_000, 7_000)[a % 5] + b % 100)

    def silence(self, a: int, b: int) -> None:
        limits = self.setting.limits
        self.world.untrue = True
        for _ in range((limits.chat_idle_s_max * (1 + a % 3)) // (2 * limits.skew_s)):
            self.passes(limits.skew_s * 1000)
            if b & 1:
                self.member.tick()

    def passes(self, ms: int) -> None:
        world, limits = self.world, self.setting.limits
        world.passes(ms)
        if world.now_ms - START_MS > (min(limits.chat_idle_s_max, limits.chat_age_s_max) - 60) * 1000:
            world.untrue = True

    def _say(self, thread: Thread, b: int) -> None:
        self._send(thread, "incoming_event", self.world.says(thread, *self._words(b)), b >> 8)

    @staticmethod
    def _words(b: int) -> tuple[str, bool]:
        by_customer = bool(b & 16)
        words = ("a", "b", "z", "hello", "g") if by_customer else ("g", "n", "a", "hello")
        return words[(b >> 5) % len(words)], by_customer

    def _send(self, thread: Thread, action: str, event: Event | None, b: int) -> None:
        delay_ms = 0
        if "disorder" in self.setting.faults and b % 4 == 0:
            delay_ms = (b >> 4) % (self.setting.limits.skew_s * 900)
        self.world.send(thread, action, event, delay_ms)

    def _lingers(self, thread: Thread) -> bool:
        if thread.end_offset is None:
            return True
        return self.world.now_ms - self._true_ms(thread.end_ms) < self.setting.limits.linger_s * 500

    def _true_ms(self, record_ms: int) -> int:
        """The time a record was appended at, whatever ingest's clock said."""
        while record_ms - self.world.now_ms > HOUR_MS // 2:
            record_ms -= HOUR_MS
        while self.world.now_ms - record_ms > HOUR_MS // 2:
            record_ms += HOUR_MS
        return record_ms

    @staticmethod
    def _pick(items: list[T], a: int) -> T | None:
        return items[a % len(items)] if items else None

    # What the tagger does

    def poll(self, a: int, b: int) -> None:
        self.member.poll(1 + a % 5)

    def act(self, a: int, b: int) -> None:
        outcome = ("ok", "ok", "fail", "lost")[b % 4] if "api" in self.setting.faults else "ok"
        self.member.act(a, outcome)

    def commit(self, a: int, b: int) -> None:
        self.member.commit(("ok", "ok", "ok", "lost", "fail")[a % 5])

    def tick(self, a: int, b: int) -> None:
        self.member.tick()

    # What happens to it

    def crash(self, a: int, b: int) -> None:
        """The process dies, or is thought dead and goes on; another one has the partition."""
        if a % 2:
            self.zombies = [*self.zombies[-1:], self.member]
        self._replace(self._new_member())

    def rebalance(self, a: int, b: int) -> None:
        """The partition is taken from its member, and given back or to another."""
        if a & 1:
            self.member.commit()
        self.member.suspend()
        self.member.answer_late(b)
        if a & 2:
            self._replace(self.member)
            return
        self.stashed = [*self.stashed[-1:], self.member]
        self._replace(self.stashed.pop(0) if a & 4 else self._new_member())

    def _replace(self, member: Member) -> None:
        self.count(self.member)
        self.zombies = [zombie for zombie in self.zombies if zombie is not member]
        member.clock_offset_ms = self.member.clock_offset_ms  # the clock is the machine's
        self.member = member
        member.assign()

    def zombie(self, a: int, b: int) -> None:
        """A member that lost the partition, and does not know it, goes on."""
        zombie = self._pick(self.zombies, a)
        if zombie is not None:
            zombie.poll(1 + b % 3)
            zombie.act(b >> 4, "ok")
            zombie.commit()

    def lost_seek(self, a: int, b: int) -> None:
        """The client reads on from the committed offset, whatever it was told."""
        self.member.lose_seek = True
        self.rebalance(a, b)
        self.member.lose_seek = False

    def metadata(self, a: int, b: int) -> None:
        """Somebody else wrote the group's metadata, or it was damaged."""
        world = self.world
        if world.committed is None:
            return
        garbled = list(world.metadata or "x")
        garbled[b % len(garbled)] = chr(33 + (b >> 8) % 90)
        elsewhere = Hint(b % (world.committed + 5), START_MS - 1 - b, b % 3 * START_MS)
        world.metadata = ("", "".join(garbled), "AQAB", "lt2;r=0;x=1", encode(elsewhere))[a % 5]
        self.crash(a >> 3, b)

    def retention(self, a: int, b: int) -> None:
        """The log's beginning is deleted: past where a restart would read from, or past what is committed."""
        world = self.world
        limit = len(world.log) if a & 1 else (world.committed or 0)
        if limit <= world.log_start:
            return
        world.log_start += 1 + b % (limit - world.log_start)
        for thread in world.threads.values():
            end = thread.end_offset
            if (
                end is not None
                and end < world.log_start
                and (world.committed is None or end >= world.committed)
            ):
                thread.waived = True

    def reset(self, a: int, b: int) -> None:
        """The group's members are stopped, and its offset is set by hand."""
        world = self.world
        self.zombies, self.stashed = [], []
        world.committed = world.log_start + b % (len(world.log) - world.log_start + 1)
        world.metadata = ""
        for thread in world.threads.values():
            if thread.end_offset is not None and thread.end_offset < world.committed:
                thread.waived = True
        self._replace(self._new_member())

    def recreate(self, a: int, b: int) -> None:
        """The topic is deleted and made anew; the group's offsets are deleted with it, or not."""
        self.world.log_start = 0
        self._cut_tail(0)
        if a & 1:
            self.world.committed, self.world.metadata = None, ""
        self.member.begin()

    def truncate(self, a: int, b: int) -> None:
        """A broker without the last records became leader; others may come before the member is assigned again."""
        world = self.world
        self._cut_tail(max(world.log_start, len(world.log) - 1 - b % 5))
        if a & 1:
            self.member.suspend()
            for number in range(3 + b % 7):
                self.says(a >> 2, (a + number * 977) ^ b)
        self.member.begin()

    def _cut_tail(self, length: int) -> None:
        world = self.world
        world.now_ms += 1
        self.zombies, self.stashed = [], []
        del world.log[length:]
        for thread in world.threads.values():
            if thread.end_offset is not None and thread.end_offset >= length:
                thread.end_offset, thread.waived = None, True
            if thread.begin_offset is not None and thread.begin_offset >= length:
                thread.begin_offset = None  # so late LiveChat does not repeat it
            for event in thread.events:
                if event.first_offset is not None and event.first_offset >= length:
                    event.first_offset, event.readable = None, False

    def clocks(self, a: int, b: int) -> None:
        """A clock jumps by an hour: ingest's or the tagger's.

        Where a log is cut, ingest's clock is not behind LiveChat's by more than `skew_s`: that is a condition.
        """
        if a % 4:
            self.member.clock_offset_ms = (-HOUR_MS, 0, -HOUR_MS, 0, HOUR_MS)[b % 5]
        else:
            jump_ms = (-HOUR_MS, 0, HOUR_MS)[b % 3]
            if jump_ms >= 0 or not self.setting.faults & UNTRUE:
                self.world.ingest_offset_ms = jump_ms

    def count(self, member: Member) -> None:
        for (name, reason), count in member.partition.stats().counters.items():
            self.seen[f"{name} {reason}".rstrip()] += count
