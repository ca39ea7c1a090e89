"""Chats of the past from the topics: every number equals that of the play which wrote them."""

import time
from typing import Any

import orjson
import pytest
from aiokafka import AIOKafkaProducer

from tagger.core.conversation import ThreadKey
from tagger.core.matching.decide import Decision
from tagger.core.records.correction import correction_record
from tagger.core.records.decision import Source, decision_record
from tagger.core.review.authorship import authorship
from tagger.core.review.past_chat import PastChat
from tagger.history.ledger import Ledger
from tagger.history.topic import TopicHistory, fill
from tagger.history.wanted import Wanted
from tests.integration.history.past import Past, Play
from tests.integration.tagger.damage import damaged, put
from tests.integration.tagger.scene import ended
from tests.kafka.kafka import AnyKafka
from tests.stage import names_of

NOW = time.time_ns() // 1_000_000
HOUR = 3_600_000


async def played(kafka: AnyKafka, unique: str, chats: int, seed: int = 7) -> Past:
    names = names_of(unique)
    for topic in names.topics:
        kafka.create_topic(topic, 3)
    return await Play(kafka, unique, seed, NOW).run(chats)


async def read(
    kafka: AnyKafka, unique: str, since_ms: int = 0
) -> tuple[list[PastChat], TopicHistory, Ledger]:
    options: dict[str, Any] = {"bootstrap_servers": kafka.bootstrap}
    names, ledger, moves = names_of(unique), Ledger(), list[tuple[int, int]]()
    await fill(ledger, options, names.decisions, since_ms=since_ms, moved=lambda *at: moves.append(at))
    assert moves[-1][0] == moves[-1][1]
    history = TopicHistory(options, names.webhooks, ledger, since_ms, moved=lambda *at: moves.append(at))
    chats = [chat async for chat in history.chats()]
    assert moves[-1][0] == moves[-1][1]
    return chats, history, ledger


async def test_each_chat_comes_once_with_what_was_said_decided_and_corrected(
    kafka: AnyKafka, unique: str
) -> None:
    past = await played(kafka, unique, 300)
    chats, history, ledger = await read(kafka, unique)
    ended_threads = {name: told for name, told in past.threads.items() if told.ended_at_ms is not None}
    assert sorted(chat.thread.thread_id for chat in chats) == sorted(ended_threads)
    for chat in chats:
        told = ended_threads[chat.thread.thread_id]
        assert (chat.thread, chat.ended_at_ms) == (told.thread, told.ended_at_ms)
        assert chat.conversation is not None
        assert chat.conversation.complete is not told.cut
        if not told.cut:
            assert [field for said in chat.conversation.said for field in said.fields] == told.texts
        assert len(chat.decisions) == told.decisions
        assert [tag for made in chat.decisions for tag in made.tags] == told.tags
        assert [(made.tag, made.change) for made in chat.corrections] == [
            (tag, "removed") for tag in told.removed
        ]
    counts = history.counts
    assert counts.chats == len(ended_threads)
    assert counts.cut == sum(told.cut for told in ended_threads.values())
    # A thread of which only events are there, and the customer is unknown, is open all the same.
    assert counts.open == sum(
        told.ended_at_ms is None and (not told.cut or len(told.texts) > 1) for told in past.threads.values()
    )
    assert (counts.unreadable, counts.stopped) == (0, False)
    assert sum(ledger.unusable.values()) == past.unusable
    ledger.close()


async def test_the_same_topics_give_the_same_chats_in_the_same_order(
    kafka_embedded: AnyKafka, unique: str
) -> None:
    await played(kafka_embedded, unique, 60)
    first, _, one = await read(kafka_embedded, unique)
    second, _, other = await read(kafka_embedded, unique)
    assert first == second
    one.close()
    other.close()


async def test_only_chats_that_ended_since_then_are_handed_over(
    kafka_embedded: AnyKafka, unique: str
) -> None:
    past = await played(kafka_embedded, unique, 100)
    since_ms = NOW - 5 * HOUR
    chats, history, ledger = await read(kafka_embedded, unique, since_ms)
    wanted = [name for name, told in past.threads.items() if (told.ended_at_ms or 0) >= since_ms]
    assert sorted(chat.thread.thread_id for chat in chats) == sorted(wanted)
    assert history.counts.chats == len(wanted) < 100
    ledger.close()


@pytest.mark.parametrize("kind", ["crc", "header"])
async def test_what_cannot_be_read_is_counted_and_costs_nothing_else(
    kafka_embedded: AnyKafka, unique: str, kind: str
) -> None:
    names = names_of(unique)
    for topic in names.topics:
        kafka_embedded.create_topic(topic, 1)
    bad = damaged(kind, [ended("B1"), ended("B2")], NOW)
    good = damaged("good", [ended("T1"), ended("T2")], NOW)
    await put(kafka_embedded, names.webhooks, 0, good, bad, good)
    await put(kafka_embedded, names.decisions, 0, bad)
    chats, history, ledger = await read(kafka_embedded, unique)
    lost = 1 if kind == "header" else 2
    assert history.counts.unreadable == lost
    assert ledger.unusable["damaged"] == lost
    assert {chat.thread.thread_id for chat in chats} >= {"T1", "T2"}
    assert all(chat.conversation is not None and not chat.conversation.complete for chat in chats)
    ledger.close()


async def test_a_ledger_is_brought_up_to_date_by_what_is_new(kafka_embedded: AnyKafka, unique: str) -> None:
    await played(kafka_embedded, unique, 20)
    options = {"bootstrap_servers": kafka_embedded.bootstrap}
    names, ledger = names_of(unique), Ledger()
    await fill(ledger, options, names.decisions)
    unusable, moves = ledger.unusable.total(), list[tuple[int, int]]()
    await fill(ledger, options, names.decisions, moved=lambda *at: moves.append(at))
    assert (ledger.unusable.total(), moves) == (unusable, [])
    ledger.close()


async def test_what_a_person_did_before_the_window_to_a_chat_that_ended_in_it_is_known(
    kafka_embedded: AnyKafka, unique: str
) -> None:
    """Otherwise their tag would be taken for ours, and `retag` might remove it."""
    names, thread = names_of(unique), ThreadKey("org", "C", "T")
    kafka_embedded.create_topic(names.decisions, 1)
    since, ended = NOW - 2 * HOUR, NOW - HOUR
    by_hand = correction_record(thread, "Refund", "added", Source("w", 0, 1), since - HOUR)
    made = decision_record(
        thread,
        Decision(("Refund",), (), (), "0123456789ab"),
        "tagged",
        Source("w", 0, 2),
        read_from="webhooks",
        messages=1,
        ended_at_ms=ended,
        settled_at_ms=ended,
    )
    async with AIOKafkaProducer(bootstrap_servers=kafka_embedded.bootstrap) as producer:
        for record, at_ms in ((by_hand, since - HOUR), (made, ended)):
            await producer.send_and_wait(names.decisions, orjson.dumps(record), timestamp_ms=at_ms)
    ledger = Ledger()
    options = {"bootstrap_servers": kafka_embedded.bootstrap}
    await fill(ledger, options, names.decisions, since_ms=since)
    (chat,) = ledger.chats(Wanted(since_ms=since))
    assert authorship(chat.decisions, chat.told).ours == frozenset()
    ledger.close()
