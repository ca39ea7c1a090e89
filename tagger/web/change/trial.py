"""A trial of a change on chats of the past, in a process of its own: `python -m tagger.web.change.trial`.

It reads what to compare from standard input, one JSON object, and writes how far it is and at last what came of it
to standard output, a JSON object a line. So it disturbs nobody: it may be ended at any time, its memory is bounded,
and no word of a chat leaves it.
"""

import asyncio
import contextlib
import resource
import sys
import time
from collections.abc import AsyncGenerator, Callable, Mapping
from contextlib import aclosing
from typing import Any, Final, Protocol

import orjson

from ingest.runtime.logs import configure_logs
from ingest.runtime.settings import read_settings
from tagger.core.review.backtest import Backtest
from tagger.core.review.difference import rules_by_id
from tagger.core.review.past_chat import PastChat
from tagger.core.rules.model import RuleSet
from tagger.core.rules.parse import parse
from tagger.history.counts import Counts
from tagger.history.ledger import Ledger
from tagger.history.topic import TopicHistory
from tagger.kafka.reader import NO_KAFKA, TopicMissingError
from tagger.kafka.topics import what_to_do
from tagger.settings import TopicSettings
from tagger.web.change.outcome import Outcome, outcome

SAMPLE: Final = 200  # changed chats kept for each tag and direction
READ_S_MAX: Final = 45.0  # then what was read so far is the answer: people wait for it
SAY_EVERY_S: Final = 0.25
# Of this process: what is folded at a time takes up to 256 MiB, two large sets as much.
MEMORY_BYTES_MAX: Final = 2 << 30

Say = Callable[[Mapping[str, Any]], None]


class History(Protocol):
    """Chats of the past."""

    counts: Counts

    def chats(self) -> AsyncGenerator[PastChat, None]:
        """Yield them."""


class Comparison:
    """Two sets over one history."""

    def __init__(self, old: RuleSet, new: RuleSet, placeholder: str, say: Say) -> None:
        self._test = Backtest(old, new, placeholder, sample=SAMPLE, explain=True)
        self._rules, self._say = rules_by_id(new.rules), say
        self._moved, self._said_s = (0, 0), 0.0
        self._first_ms = self._last_ms = 0

    def moved(self, done: int, total: int) -> None:
        """Note how far reading is, and say so now and then."""
        self._moved = done, total
        if time.monotonic() - self._said_s >= SAY_EVERY_S:
            self._said_s = time.monotonic()
            test = self._test
            far = {"done": done, "total": total, "chats": test.chats}
            self._say({**far, "gaining": test.gaining, "losing": test.losing})

    async def run(self, history: History) -> Outcome:
        """Decide every chat by both sets, until the time is up."""
        began_s = time.monotonic()
        async with aclosing(history.chats()) as chats:
            async for chat in chats:
                self._take(chat)
                if time.monotonic() - began_s > READ_S_MAX:
                    history.counts.stopped = True
                    break
        ended_ms, seconds = (self._first_ms, self._last_ms), time.monotonic() - began_s
        return outcome(self._test, self._rules, history.counts, ended_ms, seconds=seconds)

    def _take(self, chat: PastChat) -> None:
        before = self._test.chats
        self._test.add(chat)
        if self._test.chats > before:
            self._first_ms = min(self._first_ms or chat.ended_at_ms, chat.ended_at_ms)
            self._last_ms = max(self._last_ms, chat.ended_at_ms)


async def tried(asked: Mapping[str, Any], settings: TopicSettings, say: Say) -> None:
    """Try what was asked for on the topic, and say what came of it."""
    old, new = (_rules(asked[name]) for name in ("old", "new"))
    comparison = Comparison(old, new, asked["placeholder"], say)
    ledger = Ledger()  # decisions are not needed; an empty one joins none
    with contextlib.closing(ledger):
        options, topic = settings.client_options(), settings.kafka_webhooks_topic
        history = TopicHistory(options, topic, ledger, asked["since_ms"], moved=comparison.moved)
        try:
            result = await comparison.run(history)
        except (TopicMissingError, *NO_KAFKA) as error:
            say({"problem": what_to_do(settings, error)})
        else:
            say({"outcome": result})


def _rules(files: Mapping[str, str]) -> RuleSet:
    if not files:
        return RuleSet((), "")
    rules = parse({name: text.encode() for name, text in files.items()})
    assert isinstance(rules, RuleSet), "both were checked"
    return rules


def _say(value: Mapping[str, Any]) -> None:
    sys.stdout.buffer.write(orjson.dumps(value) + b"\n")
    sys.stdout.buffer.flush()


def main() -> None:
    """Read, try, and say."""
    _, most = resource.getrlimit(resource.RLIMIT_DATA)
    resource.setrlimit(
        resource.RLIMIT_DATA, (MEMORY_BYTES_MAX if most < 0 else min(MEMORY_BYTES_MAX, most), most)
    )
    asked = orjson.loads(sys.stdin.buffer.read())
    settings = read_settings(TopicSettings)
    if isinstance(settings, list):
        _say({"problem": " ".join(settings)})
        return
    configure_logs("warning", settings.log_format)
    try:
        asyncio.run(tried(asked, settings, _say))
    except MemoryError:
        _say({"problem": "These keywords need too much memory to be tried. Try fewer rules."})


if __name__ == "__main__":
    main()
