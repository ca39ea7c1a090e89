"""A small world, the members of its group, and everything that can happen to them.

Every step works in every state, so a failing history can be shortened by leaving steps out.
"""

from collections import Counter
from dataclasses import dataclass, field, replace
from typing import Final, TypeVar

from tagger.core.partition.offsets import Hint, encode
from tagger.core.partition.protocol import Job
from tagger.core.review.retag import Asked, Change
from tests.simulation.member import Member
from tests.simulation.retagging import applied, plan
from tests.simulation.setting import UNTRUE, Setting, Step, least_unsettled
from tests.simulation.world import (
    AGENT_WORDS,
    CUSTOMER_WORDS,
    LEARNS_MS,
    MOVED,
    ORGANIZATIONS,
    START_MS,
    TAGS,
    Event,
    Log,
    Thread,
    World,
)

T = TypeVar("T")

HOUR_MS: Final = 3_600_000


@dataclass
class Seat:
    """One partition's place in the group: which member has it, and which ones had it."""

    log: Log
    member: Member
    zombies: list[Member] = field(default_factory=list)
    stashed: list[Member] = field(default_factory=list)


class History:
    """A world, the members of its group, and what can happen to them."""

    def __init__(self, setting: Setting) -> None:
        self.setting = setting
        self.limits = setting.limits
        self.world = World()
        self.world.linger_ms = self.limits.linger_s * 1000
        self.world.untrue = bool(setting.faults & UNTRUE)
        self.world.log_is_whole = setting.faults & UNTRUE <= {"poison", "strangers"}
        if "odd_times" in setting.faults:
            self.world.odd_times = (-1, 1 << 62, -1, 10**15)
        self.seen: Counter[str] = Counter()  # what happened, for the tests' check of coverage
        self.seats: list[Seat] = []
        self._seat(self.world.logs[0])
        self.plans: list[tuple[Thread, Asked, Change]] = []  # of `retag`
        self.at = 0  # the partition that the next step is about

    def _seat(self, log: Log) -> None:
        self.seats.append(Seat(log, self._new_member(log)))
        self.seats[-1].member.assign()

    def _new_member(self, log: Log) -> Member:
        failing = ORGANIZATIONS[1] if "failing" in self.setting.faults else ""
        return Member(self.world, log, self.limits, self.setting.bytes_max, self.seen, failing)

    @property
    def seat(self) -> Seat:
        return self.seats[self.at]

    @property
    def member(self) -> Member:
        return self.seat.member

    def do(self, step: Step) -> None:
        name, a, b = step
        self.at = (b >> 18) % len(self.seats)
        getattr(self, name)(a, b)

    # What customers, agents and LiveChat do

    def begins(self, a: int, b: int) -> None:
        words = ["hello", "a", "z", "b"][: a % 3] if a & 8 else []
        known = "strangers" not in self.setting.faults or bool(b & 3)
        thread = self.world.thread_begins(a % 3, (a >> 4) & 1, words, known)
        if "api" in self.setting.faults:
            thread.refuses = b % 7 == 0
            thread.stale = (0, 0, 1, 2, 50)[(b >> 5) % 5]
            thread.lags = (b >> 9) % 3
        thread.dated = "undated" not in self.setting.faults or b % 3 > 0
        self.world.untrue |= not thread.dated
        if "unbegun" in self.setting.faults and b % 2:
            self.world.untrue = True
            self._say(thread, b >> 4 & ~0x300 | 0x100)  # LiveChat gave up on the first webhook
            return
        # The webhook may come after the first events, so that a cut can fall between them.
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
        if not self._lingers(thread) or abs(by_ingest_ms) > self.limits.linger_s * 1000:
            self.world.untrue = True  # so late, by some clock, that the thread may be deleted
        self._say(thread, b)

    def removes(self, a: int, b: int) -> None:
        """A person removes a tag: mostly one that is there, in any thread, however old."""
        thread = self._pick([t for t in self.world.threads.values() if t.begun][-8:], a)
        if thread is not None:
            tags = sorted(thread.tags) if thread.tags and b & 7 else TAGS
            tag = tags[(b >> 3) % len(tags)]
            self.seen["removed by a person"] += tag in thread.tags
            self.seen["removed before the end"] += thread.active
            self.world.untags(thread, tag, delay_ms=self._delay_ms(b >> 8))

    def adds(self, a: int, b: int) -> None:
        """A person sets a tag."""
        thread = self._pick([t for t in self.world.threads.values() if t.begun][-8:], a)
        if thread is not None:
            tag = TAGS[(b >> 3) % len(TAGS)]
            self.seen["added by a person"] += 1
            self.world.tags(thread, tag, by_us=False, delay_ms=self._delay_ms(b >> 8))

    def retags(self, a: int, b: int) -> None:
        """Somebody makes a plan for a thread, and applies it at once, or an older one."""
        decided = [t for t in self.world.threads.values() if not t.active and t.topic]
        thread = self._pick(decided[-6:], b)
        made = None if thread is None else plan(thread, a, b >> 3, self.seen)
        if thread is not None and made is not None:
            self.plans = [*self.plans[-3:], (thread, *made)]
        if self.plans and a & 16:
            thread, asked, change = self.plans[(a >> 5) % len(self.plans)]
            killed = (a >> 8) % 8 == 0
            applied(self.world, thread, asked, change, self.seen, killed=killed)

    def ends(self, a: int, b: int) -> None:
        # An end hardly ever overtakes its beginning; if it does, LiveChat must be asked.
        ready = [t for t in self.world.threads.values() if t.active and (t.begun or b >> 12 & 7 == 0)]
        thread = self._pick(ready[-5:], a)
        if thread is not None:
            thread.active = False
            self._send(thread, "chat_deactivated", None, b)

    def again(self, a: int, b: int) -> None:
        """LiveChat repeats a webhook that was not answered: one of the last, or a thread's first."""
        world = self.world
        young_threads = [
            t for t in world.threads.values() if t.begun and world.now_ms - t.created_ms < 30_000
        ]
        thread = self._pick(young_threads, a)
        if thread is not None and b % 3:
            if not thread.customer_known and b & 8:
                thread.customer_known = True  # the repeat may name the customer
                self.seen["customer named later"] += 1
            world.send(thread, "incoming_chat", None)
            return
        log = self.seat.log
        record = self._pick(log.read(max(log.start, log.end - 6), 6), a)
        young = record is not None and world.now_ms - self._true_ms(record.timestamp) < 30_000
        if record is not None and young and record.offset not in log.poisoned:
            world.append(log, record.key, record.value)

    def poison(self, a: int, b: int) -> None:
        """A webhook reaches the log as something unreadable."""
        junk = (b"{", b"[]", b'{"action":7}', b'{"action":"incoming_event","payload":{}}', b"\xff", b"")[
            a % 6
        ]
        threads = list(self.world.threads.values())
        thread = self._pick([t for t in threads if not t.begun] or threads[-4:], a >> 4)
        if thread is None or b % 5 == 0:
            record = self.world.append(self.seat.log, None, junk)
            self.seat.log.poisoned[record.offset] = ("", "")
        elif thread.active or self._lingers(thread):
            event = self.world.says(thread, *self._words(b)) if b & 1 else None
            self.world.poison(thread, event, junk)

    def wait(self, a: int, b: int) -> None:
        self.passes((1, 300, 1_000, 3_000, 7_000)[a % 5] + b % 100)

    def silence(self, a: int, b: int) -> None:
        limits = self.limits
        self.world.untrue = True
        for _ in range((limits.chat_idle_s_max * (1 + a % 3)) // (2 * limits.skew_s)):
            self.passes(limits.skew_s * 1000)
            if b & 1:
                self._all_tick()

    def passes(self, ms: int) -> None:
        world, limits = self.world, self.limits
        world.passes(ms)
        if world.now_ms - START_MS > (min(limits.chat_idle_s_max, limits.chat_age_s_max) - 60) * 1000:
            world.untrue = True

    def very_late(self, a: int, b: int) -> None:
        """A message comes after its thread expired in a silent log; then the process crashes."""
        limits = self.limits
        self.poll(4, 0)
        for step in range(4):
            self.member.act(step, "ok")
        self.passes(1)
        for _ in range(limits.linger_s // limits.skew_s + 2):
            self.passes(limits.skew_s * 1000)
            self._all_tick()
        self.late(a, b)
        for _ in range(3):
            self.member.poll(50)
        self.member.commit()
        if a & 8:
            self.crash(a >> 4, b)

    def _say(self, thread: Thread, b: int) -> None:
        self._send(thread, "incoming_event", self.world.says(thread, *self._words(b)), b >> 8)

    @staticmethod
    def _words(b: int) -> tuple[str, bool]:
        by_customer = bool(b & 16)
        words = CUSTOMER_WORDS if by_customer else AGENT_WORDS
        return words[(b >> 5) % len(words)], by_customer

    def _send(self, thread: Thread, action: str, event: Event | None, b: int) -> None:
        self.world.send(thread, action, event, self._delay_ms(b))

    def _delay_ms(self, b: int) -> int:
        late = "disorder" in self.setting.faults and b % 4 == 0
        return (b >> 4) % (self.limits.skew_s * 900) if late else 0

    def _lingers(self, thread: Thread) -> bool:
        if thread.end_offset is None:
            return True
        return self.world.now_ms - thread.end_true_ms < self.limits.linger_s * 500

    def _true_ms(self, record_ms: int) -> int:
        """Return when a record was appended, corrected for ingest's clock; 0 if that is unknown."""
        if abs(record_ms - self.world.now_ms) > 3 * HOUR_MS:
            return 0
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
        last = self.seat.log.read(self.member.fetch_offset - 1, 1)
        self.seen["untimely record"] += any(self._true_ms(record.timestamp) == 0 for record in last)

    def act(self, a: int, b: int) -> None:
        outcome = ("ok", "ok", "fail", "lost")[b % 4] if "api" in self.setting.faults else "ok"
        refuses = (b >> 4) % 3 if "refusals" in self.setting.faults else 0
        self.member.act(a, outcome, refuses)

    def commit(self, a: int, b: int) -> None:
        outcomes = (
            ("ok", "slow", "ok", "slow", "fail") if "slow_commits" in self.setting.faults else ("ok",) * 3
        )
        self.member.commit((*outcomes, "lost", "fail")[a % 5] if len(outcomes) == 3 else outcomes[a % 5])

    def tick(self, a: int, b: int) -> None:
        stale = a % 4 if "stale_ends" in self.setting.faults else 0
        self.seen["stale log end"] += stale > 0
        self.member.tick(stale)

    def _all_tick(self) -> None:
        for seat in self.seats:
            seat.member.tick()

    def lands(self, a: int, b: int) -> None:
        """A commit that the client gave up reaches the broker after all, perhaps after newer ones."""
        log = self.seat.log
        self.member.commit("slow")
        for step in range(4):
            self.member.poll(4)
            self.member.act(a + step, "ok")
        self.member.commit()
        if log.on_its_way:
            generation, offset, metadata = log.on_its_way.pop(a % len(log.on_its_way))
            before = log.committed
            if log.commit(generation, offset, metadata) and before is not None and offset < before:
                self.seen["commit landed after a newer one"] += 1

    def passed_over(self, a: int, b: int) -> None:
        """The client loses what it fetched; without an error, at most once at the same place."""
        self.member.pass_over(1 + a % 4)
        if b & 1 or self.member.doubts():
            self.member.reread()

    def interrupted(self, a: int, b: int) -> None:
        """The partition is revoked between its assignment and its seek, and assigned again."""
        self.member.interrupted = True
        self.metadata(a, b)
        self.member.interrupted = True

    def ends_while_asked(self, a: int, b: int) -> None:
        """A thread that fell silent ends, or continues, while LiveChat is being asked about it."""
        job = self._pick(self._expired(), a)
        for _ in range(20 if b & 2 else 0):
            if job is not None:
                break
            self.member.poll(50)
            self.passes(self.limits.skew_s * 1000)
            self.member.tick()
            job = self._pick(self._expired(), a)
        if job is None:
            return
        thread = self.world.threads[job.thread.organization, job.thread.thread_id]
        if thread.active and b & 1:
            self._say(thread, (b >> 1) | 0x100)
        elif thread.active or thread.end_offset is None:
            thread.active = False
            thread.stale = max(thread.stale, b >> 2 & 1)
            self.world.send(thread, "chat_deactivated", None)
            self.seen["end while asked"] += 1
        for _ in range(3):
            self.member.poll(50)

    def _expired(self) -> list[Job]:
        self.member.take()
        return [
            job for job in self.member.jobs.values() if job.kind == "expired" and job.incomplete is not None
        ]

    def hole(self, a: int, b: int) -> None:
        """Records in the middle of the log are gone."""
        log = self.seat.log
        length = log.end - log.start
        if length < 3:
            return
        first = log.start + a % length
        gone = set(range(first, min(log.end, first + 1 + b % 3)))
        log.holes |= gone
        for thread in self.world.threads.values():
            if log.offset(thread.end_offset) in gone:
                thread.waived = True
            for event in thread.events:
                if log.offset(event.first_offset) in gone:
                    event.readable = False
            for change in thread.changes:
                if log.offset(change.place) in gone:
                    change.place = None
        for offset in gone:
            log.poisoned.pop(offset, None)

    def grow(self, a: int, b: int) -> None:
        """A second partition is added; the processes learn of it one after another."""
        if len(self.seats) == 1:
            self.world.grow()
            self._seat(self.world.logs[1])
            for thread in list(self.world.threads.values()):
                if thread.active and thread.begun and self.world.is_moving(thread):
                    self.world.send(thread, "incoming_chat", None)  # repeated, and written by another process
                    self._say(thread, b)

    def grown(self, a: int, b: int) -> None:
        """Time passes until all processes know of it."""
        if len(self.seats) > 1 and not self.world.is_known:
            self.passes(LEARNS_MS)

    # What happens to the tagger

    def crash(self, a: int, b: int) -> None:
        """The process dies, or only seems dead; another gets the partition, perhaps with other limits."""
        if a % 2:
            self.seat.zombies = [*self.seat.zombies[-1:], self.member]
        if "limits" in self.setting.faults and b & 1:
            drawn, faults = self.setting.limits, self.setting.faults
            # A restart must recognise what came very late, which it cannot with a longer linger time.
            longer = (b >> 5) % 2 and "very_late" not in faults
            self.limits = replace(
                drawn,
                unsettled_max=least_unsettled(faults) + b % 17,
                offsets_max=drawn.offsets_max if "failing" in faults else 5 + b % 31,
                linger_s=drawn.linger_s * (1 + longer),
                chat_idle_s_max=drawn.chat_idle_s_max * (1 + (b >> 6) % 3),
                chat_age_s_max=drawn.chat_age_s_max * (1 + (b >> 8) % 3),
            )
            self.seen["limits changed"] += 1
        self._replace(self._new_member(self.seat.log))

    def rebalance(self, a: int, b: int) -> None:
        """The partition is revoked, and assigned to the same member or to another."""
        if a & 1:
            self.member.commit()
        self.member.suspend()
        self.member.answer_late(b)
        if a & 2:
            self._replace(self.member)
            return
        seat = self.seat
        seat.stashed = [*seat.stashed[-1:], self.member]
        self._replace(seat.stashed.pop(0) if a & 4 else self._new_member(seat.log))

    def _replace(self, member: Member) -> None:
        self.count(self.member)
        seat = self.seat
        seat.zombies = [zombie for zombie in seat.zombies if zombie is not member]
        member.clock_offset_ms = self.member.clock_offset_ms  # the clock is the machine's
        member.hasty, interrupted = "hasty" in self.setting.faults, self.member.interrupted
        self.member.interrupted, member.interrupted = False, interrupted
        seat.member = member
        member.assign()

    def zombie(self, a: int, b: int) -> None:
        """A member that lost the partition, and does not know it, continues."""
        zombie = self._pick(self.seat.zombies, a)
        if zombie is not None:
            zombie.poll(1 + b % 3)
            zombie.act(b >> 4, "ok")
            zombie.commit()

    def lost_seek(self, a: int, b: int) -> None:
        """The client ignores the seek and reads from the committed offset."""
        self.member.lose_seek = True
        self.rebalance(a, b)
        self.member.lose_seek = False

    def metadata(self, a: int, b: int) -> None:
        """Another tool wrote the group's metadata, or it was damaged."""
        log = self.seat.log
        if log.committed is None:
            return
        self._metadata_lost(log)
        garbled = list(log.metadata or "x")
        garbled[b % len(garbled)] = chr(33 + (b >> 8) % 90)
        elsewhere = Hint(b % (log.committed + 5), START_MS - 1 - b, b % 3 * START_MS)
        log.metadata = ("", "".join(garbled), "AQAB", "lt2;r=0;x=1", encode(elsewhere))[a % 5]
        self.crash(a >> 3, b)

    def _metadata_lost(self, log: Log) -> None:
        """Nothing shows any more that the partition was added and that earlier records are in the other one."""
        for thread in self.world.threads.values():
            if log.shift and thread.chat_id in MOVED:
                thread.split = thread.waived = True

    def retention(self, a: int, b: int) -> None:
        """The start of the log is deleted: beyond `replay_from`, or beyond the committed offset."""
        log = self.seat.log
        limit = log.end if a & 1 else (log.committed or 0)
        if limit <= log.start:
            return
        log.start += 1 + b % (limit - log.start)
        for thread in self.world.threads.values():
            end = log.offset(thread.end_offset)
            if end is not None and end < log.start:
                thread.waived |= log.committed is None or end >= log.committed

    def reset(self, a: int, b: int) -> None:
        """The group's members are stopped, and its offset is set by hand."""
        seat, log = self.seat, self.seat.log
        seat.zombies, seat.stashed = [], []
        log.on_its_way.clear()
        self._metadata_lost(log)
        before = log.committed or 0
        log.committed = log.start + b % (log.end - log.start + 1)
        log.metadata = ""
        for thread in self.world.threads.values():
            end = log.offset(thread.end_offset)
            if end is not None and end < log.committed:
                thread.waived = True
            elif end is not None and end < before:
                thread.tags.clear()  # to set them again is what the reset is for
            for change in thread.changes:
                offset = log.offset(change.place)
                if offset is not None and offset < log.committed:
                    thread.recorded.setdefault(
                        (change.tag, change.change), -1
                    )  # skipped by hand: not to be demanded
        log.poisoned = {offset: chat for offset, chat in log.poisoned.items() if offset >= log.committed}
        log.parked = [item for item in log.parked if item[3] >= before]  # the rest must be parked again
        # The member that was cut off did not notice and still has its state. If the answer to its last commit was lost
        # too, it cannot notice.
        if a & 1 and self.member.partition._committed >= before:
            self.member.suspend()
            self.seen["set back under kept state"] += 1
            self._replace(self.member)
        else:
            self._replace(self._new_member(log))

    def recreate(self, a: int, b: int) -> None:
        """The topic is deleted and recreated, with or without the group's offsets."""
        log = self.seat.log
        log.start = 0
        self._cut_tail(0)
        self._metadata_lost(log)
        if a & 1:
            log.committed, log.metadata = None, ""
        self.member.begin()

    def truncate(self, a: int, b: int) -> None:
        """A broker without the last records became leader; new ones may come before the next assignment."""
        log = self.seat.log
        self._cut_tail(max(log.start, log.end - 1 - b % 5))
        if a & 1:
            self.member.suspend()
            for number in range(3 + b % 7):
                self.says(a >> 2, (a + number * 977) ^ b)
        self.member.begin()

    def _cut_tail(self, end: int) -> None:
        world, seat = self.world, self.seat
        world.now_ms += 1
        seat.zombies, seat.stashed = [], []
        seat.log.cut(end)

        def is_gone(place: int | None) -> bool:
            offset = seat.log.offset(place)
            return offset is not None and offset >= end

        for thread in world.threads.values():
            if is_gone(thread.end_offset):
                thread.end_offset, thread.waived = None, True
            if is_gone(thread.begin_offset):
                thread.begin_offset = None  # too late for LiveChat to repeat it
            for event in thread.events:
                if is_gone(event.first_offset):
                    event.first_offset, event.readable = None, False
            for change in thread.changes:
                if is_gone(change.place):
                    change.place = None

    def clocks(self, a: int, b: int) -> None:
        """A clock jumps by an hour: ingest's or the tagger's.

        If the log may be cut, ingest's clock must not be behind LiveChat's by more than `skew_s`.
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
