"""Deciding beside an event loop: what is large goes to a thread and holds up nobody."""

import asyncio
import threading
from collections.abc import Generator

from tagger.core.conversation import Conversation, Said, ThreadKey
from tagger.core.matching.decide import Decider, Decision
from tagger.core.matching.rulebook import PIECE_COST_MAX
from tagger.core.rules.model import Keyword, Rule, RuleSet
from tagger.metrics import Metrics
from tagger.service.deciding import Deciding
from tests.deadline import DEADLINE_S

DECIDER = Decider.compile(RuleSet((Rule("refund", "Refund", any=(Keyword("refund", "refund"),)),), "h"))
DONE = Decision((), (), (), "h")


def conversation(*texts: str) -> Conversation:
    said = tuple(Said(str(at), "customer", (text,)) for at, text in enumerate(texts))
    return Conversation(ThreadKey("", "chat", "thread"), said)


def large_decisions(metrics: Metrics) -> float:
    return metrics.registry.get_sample_value("tagger_large_decisions_total") or 0


class Scripted(Decider):
    """A decider whose pieces cost what the test says, and that notes the thread each is done in."""

    def __init__(self, *costs: int) -> None:
        super().__init__(RuleSet((), "h"), DECIDER._book)
        self.costs = costs
        self.threads: list[threading.Thread] = []
        self.go_on = threading.Event()

    def pieces(
        self, conversation: Conversation, ended_at_ms: int, *, explain: bool = False
    ) -> Generator[int, None, Decision]:
        for cost in self.costs:
            self.threads.append(threading.current_thread())
            yield cost
        self.threads.append(threading.current_thread())
        if self.threads[-1] is not threading.main_thread():
            assert self.go_on.wait(DEADLINE_S)
        return DONE


async def decide(decider: Decider, thread: Conversation, metrics: Metrics | None = None) -> Decision:
    async with asyncio.timeout(DEADLINE_S):
        return await Deciding(metrics or Metrics()).decide(decider, thread, 0)


async def test_a_decision_is_the_deciders_own_whatever_its_size() -> None:
    for thread in (conversation("a refund"), conversation(*["ä refund " * 1_000] * 3)):
        assert await decide(DECIDER, thread) == DECIDER.decide(thread, 0)


async def test_what_costs_little_is_done_on_the_loop() -> None:
    decider, metrics = Scripted(PIECE_COST_MAX, 10, 10), Metrics()
    assert await decide(decider, conversation(), metrics) is DONE
    assert set(decider.threads) == {threading.main_thread()}
    assert large_decisions(metrics) == 0


async def test_what_costs_much_goes_on_in_a_thread_and_is_counted() -> None:
    for decider in (Scripted(*[PIECE_COST_MAX] * 9), Scripted(PIECE_COST_MAX + 1)):
        metrics = Metrics()
        decider.go_on.set()
        assert await decide(decider, conversation(), metrics) is DONE
        assert decider.threads[-1] is not threading.main_thread()
        assert large_decisions(metrics) == 1


async def test_no_other_decision_waits_for_a_large_one() -> None:
    deciding, large = Deciding(Metrics()), Scripted(PIECE_COST_MAX + 1)
    waiting = asyncio.create_task(deciding.decide(large, conversation(), 0))
    async with asyncio.timeout(DEADLINE_S):
        for _ in range(20):
            assert (await deciding.decide(DECIDER, conversation("a refund"), 0)).tags == ("Refund",)
        assert not waiting.done()
        large.go_on.set()
        assert await waiting is DONE


async def test_large_ones_take_turns() -> None:
    """One that came later is through while one with more to do is not."""
    deciding = Deciding(Metrics())
    endless = Scripted(*[PIECE_COST_MAX + 1] * 1_000_000)
    waiting = asyncio.create_task(deciding.decide(endless, conversation(), 0))
    short = Scripted(PIECE_COST_MAX + 1)
    short.go_on.set()
    async with asyncio.timeout(DEADLINE_S):
        assert await deciding.decide(short, conversation(), 0) is DONE
    assert not waiting.done()
    waiting.cancel()
    await asyncio.gather(waiting, return_exceptions=True)


async def test_a_fault_in_one_decision_is_told_to_its_own_job_only() -> None:
    class Faulty(Scripted):
        def pieces(
            self, conversation: Conversation, ended_at_ms: int, *, explain: bool = False
        ) -> Generator[int, None, Decision]:
            raise ZeroDivisionError
            yield

    deciding = Deciding(Metrics())
    deciders = [DECIDER, Faulty(), DECIDER]
    async with asyncio.timeout(DEADLINE_S):
        first, fault, last = await asyncio.gather(
            *(deciding.decide(each, conversation("a refund"), 0) for each in deciders), return_exceptions=True
        )
    assert isinstance(fault, ZeroDivisionError)
    assert first == last == DECIDER.decide(conversation("a refund"), 0)


async def test_what_nobody_waits_for_any_more_is_not_decided() -> None:
    deciding, decider = Deciding(Metrics()), Scripted()
    waiting = asyncio.create_task(deciding.decide(decider, conversation(), 0))
    await asyncio.sleep(0)
    waiting.cancel()
    async with asyncio.timeout(DEADLINE_S):
        await asyncio.gather(waiting, return_exceptions=True)
        await deciding.decide(DECIDER, conversation(), 0)
    assert decider.threads == []
