"""A world for one fault: Kafka with one broker or three, real `ingest` and `tagger run` processes, a simulated LiveChat.

    async with world(brokers=3, ingests=2) as w:
        async with w.chats(per_s=6):              # they begin, go on and end all the while
            broker = await w.leader(w.names.webhooks)
            await w.killed(broker)
            await w.ended(20)                     # until so many more chats have ended
            await w.back(broker)
        await w.everything_holds()                # T C L N M Q; or the stories of threads

`w.stage` has the simulated LiveChat, the player and the names; `w.ingests` and `w.taggers` the processes, `w.truth` what is
on the topics, `w.crowd` taggers that come and go, `w.proof` what deploy/proof.md shall say.
"""

import asyncio
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable, Collection, Iterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from types import MappingProxyType
from typing import Final

from tagger.simulator.livechat.account import Version
from tagger.simulator.livechat.port import reserved_port
from tagger.simulator.play.visitors import Visit, visits
from tagger.simulator.stage.service import Service
from tagger.simulator.stage.stage import VERSIONS, Names, Stage
from tests.deadline import DEADLINE_S, until
from tests.faults.crowd import Crowd
from tests.faults.entrance import Entrance
from tests.faults.proof import Proof
from tests.faults.story import story
from tests.faults.truth import Truth
from tests.faults.verdict import LISTED_MAX, TOLD_MAX, Problem, problems, promised
from tests.faults.watch import Watch
from tests.kafka import broker as single
from tests.kafka import cluster as three
from tests.kafka.broker import Broker
from tests.kafka.cluster import BROKERS, Cluster
from tests.kafka.kafka import Kafka
from tests.stage import names_of

PARTITIONS: Final = 6
PAUSE_S: Final = 0.3  # between two events of a chat: at 6 chats a second some twenty are open
SEED: Final = 7
LOOK_EVERY_S: Final = 0.5  # at what many brokers and topics have to be asked for
OFFSETS: Final = "__consumer_offsets"


class World:
    """See above. Made by `a_world`."""

    def __init__(
        self, stage: Stage, truth: Truth, crowd: Crowd, brokers: Kafka | Broker | Cluster, proof: Proof
    ) -> None:
        self.stage, self.truth, self.crowd, self.brokers, self.proof = stage, truth, crowd, brokers, proof
        self.entrance = Entrance(stage.livechat.sender.post, stage.livechat.clock)
        self.ingests = self.entrance.ingests
        self.watch = Watch(self)
        self.began, self.began_at = stage.livechat.clock(), time.time()
        self._seeds = iter(range(SEED, SEED + 10**6))

    @property
    def taggers(self) -> list[Service]:
        """All that are there; `crowd` lets more join."""
        return self.crowd.members

    @property
    def names(self) -> Names:
        """Of the topics and the group."""
        return self.stage.names

    @property
    def kafka(self) -> Kafka:
        """For what one asks of any Kafka. Blocking."""
        return Kafka(self.brokers.bootstrap)

    @property
    def cluster(self) -> Cluster:
        """The three brokers; only with `brokers=3`."""
        assert isinstance(self.brokers, Cluster)
        return self.brokers

    @asynccontextmanager
    async def chats(self, per_s: float = 6.0) -> AsyncIterator[None]:
        """So many begin a second while the block runs; then those that are open come to their end, and every webhook
        is answered 200 or given up."""
        over = asyncio.Event()

        def more() -> Iterator[Visit]:
            for visit in visits(next(self._seeds)):
                if over.is_set():
                    return
                yield visit

        playing = asyncio.create_task(self.stage.play(more(), per_s))
        try:
            await self.ended(1)  # so that some are open
            yield
            over.set()
            await playing
        finally:
            playing.cancel()
            await asyncio.wait([playing])

    async def ended(self, chats: int) -> None:
        """Wait until so many more have ended, whether anybody heard of it or not."""
        before = self._ended()
        await self._comes(lambda: self._ended() >= before + chats)

    async def tagged(self, tags: int) -> None:
        """Wait until so many more tags are set."""
        before = len(self.stage.livechat.tagged_at)
        await self._comes(lambda: len(self.stage.livechat.tagged_at) >= before + tags)

    async def _comes(self, condition: Callable[[], bool]) -> None:
        """Wait for it; what does not hold says why it never came."""
        try:
            await until(condition)
        except TimeoutError:
            await self.watch.look()
            self.has_no(list(problems(self)))
            raise

    def story(self, thread: str) -> str:
        """What became of a thread: sent, stored, read, decided, called."""
        return story(self, thread)

    async def leader(self, topic: str, partition: int = 0) -> Broker:
        """The broker that leads a partition."""
        return (await asyncio.to_thread(self.cluster.leaders, topic))[partition]

    async def led_without(self, broker: Broker) -> None:
        """Wait until others lead everything, the group's offsets too."""
        topics = (*self.names.topics, OFFSETS)
        await until(lambda: asyncio.to_thread(self.cluster.led_without, broker, topics), LOOK_EVERY_S)

    async def killed(self, *brokers: Broker) -> None:
        """kill -9."""
        await asyncio.gather(*(asyncio.to_thread(broker.kill) for broker in brokers))
        self.proof.did("a broker was killed", len(brokers))

    async def back(self, *brokers: Broker) -> None:
        """Start brokers that are down; returns when they serve, and of three when all keep up again."""
        await asyncio.gather(*(asyncio.to_thread(broker.start_again) for broker in brokers))
        if isinstance(self.brokers, Cluster):
            await self.in_sync()

    async def in_sync(self) -> None:
        """Wait until each of three brokers has everything."""
        topics = (*self.names.topics, OFFSETS)

        async def all_keep_up() -> bool:
            return await asyncio.to_thread(self.kafka.in_sync, topics) == BROKERS

        await until(all_keep_up, LOOK_EVERY_S)

    @asynccontextmanager
    async def frozen(self, broker: Broker) -> AsyncIterator[None]:
        """SIGSTOP while the block runs: connections stay open, and nobody is answered."""
        await asyncio.to_thread(broker.freeze)
        self.proof.did("a broker was frozen")
        try:
            yield
        finally:
            broker.thaw()

    async def stop(self, *services: Service) -> None:
        """SIGTERM; each ends with 0."""
        codes = await asyncio.gather(*(service.stop() for service in services))
        assert set(codes) == {0}, codes

    async def start(self, *services: Service) -> None:
        """Returns when they are ready."""
        await asyncio.gather(*(service.start(DEADLINE_S) for service in services))

    @asynccontextmanager
    async def unwatched(self) -> AsyncIterator[None]:
        """Nobody looks while the block moves offsets; that they went back meanwhile says nothing."""
        async with self.watch.looking:
            yield
            self.truth.offsets_were_moved()

    def give_up(self, threads: set[str]) -> None:
        """Nobody promises these any more: somebody deleted their end, or moved the offsets beyond it."""
        self.truth.given_up |= threads
        self.proof.count("threads given up by hand", len(threads))

    async def everything_holds(self, without: Collection[str] = ()) -> None:
        """AssertionError with what does not hold after DEADLINE_S, and with the stories of some threads.

        `without` are threads of which tags may be missing or wrong.
        """
        healed = self.stage.livechat.clock()
        try:
            await until(lambda: self._is_quiet(without), LOOK_EVERY_S)
        except TimeoutError:
            await self.watch.look()
        self.proof.most("s to lag 0", self.stage.livechat.clock() - healed)
        self.has_no(list(problems(self, without)))

    def has_no(self, found: Sequence[Problem]) -> None:
        """AssertionError with the stories of some of their threads."""
        assert not found, self._told(found)

    async def _is_quiet(self, without: Collection[str]) -> bool:
        await self.watch.look()
        return not self.watch.lag and not any(one.missing for one in promised(self, without))

    def _ended(self) -> int:
        return sum(not one.thread.active for one in self.stage.player.played.values())

    def _told(self, found: Sequence[Problem]) -> str:
        counts = Counter(problem.letter for problem in found)
        lines = [f"{', '.join(f'{count} × {letter}' for letter, count in counts.items())}"]
        for letter in counts:
            some = [problem for problem in found if problem.letter == letter][:LISTED_MAX]
            lines += [f"{letter}: {problem.text} {problem.thread}" for problem in some]
        threads = dict.fromkeys(problem.thread for problem in found if problem.thread)
        return "\n".join(lines + [self.story(thread) for thread in list(threads)[:TOLD_MAX]])

    def count(self) -> None:
        """For deploy/proof.md, when all is over."""
        calls = Counter((c.thread_id, c.tag) for c in self.stage.livechat.calls if c.method == "tag_thread")
        self.proof.count("webhooks answered 200", len(self.entrance.stored()))
        self.proof.count("given up by LiveChat", len(self.entrance.refused()))
        stored = [one.webhook for all_stored in self.truth.stored.values() for one in all_stored]
        self.proof.count("webhooks stored again", len(stored) - len(set(stored)))
        self.proof.count("threads", sum(1 for _ in promised(self)))
        self.proof.count("tags", len(self.stage.livechat.tagged_at))
        self.proof.count("calls repeated", sum(calls.values()) - len(calls))
        self.proof.most("MB in a process", self.watch.memory_mb)


@asynccontextmanager
async def a_world(
    folder: Path,
    unique: str,
    proof: Proof,
    *,
    kafka: Kafka | Broker | Cluster | None = None,
    brokers: int = 1,
    partitions: int = PARTITIONS,
    ingests: int = 1,
    taggers: int = 1,
    pause_s: float = PAUSE_S,
    versions: Sequence[Version] = VERSIONS,
    corrections: bool = False,
    spool: bool = False,
    settings: Mapping[str, str] = MappingProxyType({}),
) -> AsyncIterator[World]:
    """A world that runs and is watched, on topics of its own. Without `kafka`, so many brokers are its own."""
    async with AsyncExitStack() as ends:
        if kafka is None:
            start: Callable[[], Broker | Cluster] = three.start if brokers == BROKERS else single.start
            made = await asyncio.to_thread(start)
            kafka = made
            ends.callback(made.stop)
        names = names_of(unique)
        _make_topics(Kafka(kafka.bootstrap), names, partitions, BROKERS if isinstance(kafka, Cluster) else 1)
        if spool:
            settings = {**settings, "INGEST_SPOOL_DIR": str(folder / "spool")}
        stage = Stage(
            folder, SEED, kafka.bootstrap, names,
            versions=versions, pause_s=pause_s, corrections=corrections, settings=settings,
        )  # fmt: skip
        truth = await ends.enter_async_context(Truth(kafka.bootstrap, names))
        await ends.enter_async_context(stage)
        crowd = await ends.enter_async_context(Crowd(stage))
        world = World(stage, truth, crowd, kafka, proof)
        stage.livechat.sender.post = world.entrance.post
        world.ingests.append(stage.ingest)
        for number in range(2, ingests + 1):
            world.ingests.append(await _one_more_ingest(stage, ends, number))
        for _ in range(1, taggers):
            await crowd.join()
        watching = asyncio.create_task(world.watch.run())
        ends.push_async_callback(asyncio.wait, [watching])
        ends.callback(watching.cancel)
        yield world
        world.count()
        assert not watching.done(), watching.exception()


def _make_topics(kafka: Kafka, names: Names, partitions: int, replicas: int) -> None:
    """As deploy/kafka.md has them, smaller."""
    wanted = {names.webhooks: partitions, names.decisions: 3, names.parked: 1, names.keywords: 1}
    for topic, count in wanted.items():
        policy = "compact" if topic == names.keywords else "delete"
        kafka.create_topic(topic, count, replicas, {"cleanup.policy": policy})


async def _one_more_ingest(stage: Stage, ends: AsyncExitStack, number: int) -> Service:
    port, admin_port = (ends.enter_context(reserved_port()) for _ in range(2))
    settings = {**stage.ingest.settings, "INGEST_PORT": str(port), "INGEST_ADMIN_PORT": str(admin_port)}
    if "INGEST_SPOOL_DIR" in settings:
        settings["INGEST_SPOOL_DIR"] = str(stage.folder / f"spool-{number}")
    service = Service("ingest", (), settings, admin_port, stage.folder / f"ingest-{number}.log")
    ends.push_async_callback(service.kill)  # as the stage does with its own
    await service.start(DEADLINE_S)
    return service
