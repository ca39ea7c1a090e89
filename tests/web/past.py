"""A few chats of the past for the browser: on Kafka as the services leave them there, and on a pretend LiveChat."""

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any, Final

import orjson
from confluent_kafka import Producer

from ingest.runtime.clock import now_ms
from ingest.topic import encode
from tagger.core.matching.decide import Decider
from tagger.core.records.correction import correction_record
from tagger.core.records.decision import Source, decision_record
from tagger.core.records.keyword_set import IN_FORCE_AT, pack
from tagger.core.rules.model import RuleSet
from tagger.core.rules.parse import parse
from tagger.core.threads.fact_reader import chat_of
from tagger.core.threads.facts import ChatStarted
from tagger.core.threads.thread import conversation_of
from tests.kafka.kafka import AnyKafka
from tests.stage import names_of
from tests.webhooks import ORGANIZATION, chat_deactivated, get_chat, incoming_chat, message

DAY_MS: Final = 86_400_000


class PastChats:
    """Writes chats, and answers for LiveChat."""

    def __init__(self, kafka: AnyKafka, unique: str, rules_then: str) -> None:
        """`rules_then` decided on the chats; what the page has in force is another matter."""
        self.topics, self.keywords = names_of(unique), f"{unique}.keywords"
        for topic in {*self.topics.topics, self.keywords}:
            kafka.create_topic(topic, 1)
        self.settings = {
            "KAFKA_BOOTSTRAP_SERVERS": kafka.bootstrap,
            "KAFKA_WEBHOOKS_TOPIC": self.topics.webhooks,
            "KAFKA_DECISIONS_TOPIC": self.topics.decisions,
            "KAFKA_KEYWORDS_TOPIC": self.keywords,
        }
        self._producer = Producer({"bootstrap.servers": kafka.bootstrap})
        self._offset = 0
        files = {"rules.yaml": rules_then.encode()}
        parsed = parse(files)
        assert isinstance(parsed, RuleSet)
        self._decider = Decider.compile(parsed)
        self.chats: dict[str, dict[str, Any]] = {}  # as LiveChat returns them, by thread
        self.calls: list[str] = []  # of LiveChat's API, for chats: method and thread
        headers = [(IN_FORCE_AT, str(now_ms() - 7 * DAY_MS).encode())]
        self._put(self.keywords, self._decider.hash.encode(), pack(files) or b"", headers=headers)

    def end(self, name: str, *texts: str, ago_ms: int = 60_000, on_kafka: bool = True) -> None:
        """A chat C… with thread T… that ended, and was decided on."""
        ended_ms = now_ms() - ago_ms
        events = [
            message(f"{name}-{number}", text, created_at="2026-11-23T13:52:00.000000Z")
            for number, text in enumerate(texts, 1)
        ]
        chat = get_chat(f"T{name}", events=events, chat=f"C{name}", created_at="2026-11-23T13:52:00Z")
        self.chats[f"T{name}"] = chat
        source = None
        if on_kafka:
            active = {**chat, "thread": {**chat["thread"], "active": True}}
            for webhook in (incoming_chat(active), chat_deactivated(f"C{name}", f"T{name}")):
                record = encode(webhook, ORGANIZATION, f"C{name}", 0)
                self._put(self.topics.webhooks, record.key, record.value, ended_ms)
                self._offset += 1
            source = Source(self.topics.webhooks, 0, self._offset - 1)
        started = chat_of(ORGANIZATION, chat)
        assert isinstance(started, ChatStarted)
        said = conversation_of(started)
        decision = self._decider.decide(said, ended_ms)
        made = decision_record(
            said.thread,
            decision,
            "tagged" if decision.tags else "no_match",
            source,
            read_from="webhooks",
            messages=len(texts),
            ended_at_ms=ended_ms,
            settled_at_ms=ended_ms + 100,
        )
        chat["thread"]["tags"] = list(decision.tags)
        self._put(self.topics.decisions, b"key", orjson.dumps(made))

    def correct(self, name: str, tag: str, change: str) -> None:
        """A person sets or removes a tag."""
        started = chat_of(ORGANIZATION, self.chats[f"T{name}"])
        assert isinstance(started, ChatStarted)
        source = Source(self.topics.webhooks, 0, 1_000_000 + len(self.chats))
        record = correction_record(conversation_of(started).thread, tag, change, source, now_ms())  # type: ignore[arg-type]
        self._put(self.topics.decisions, b"key", orjson.dumps(record))

    def _put(self, topic: str, key: bytes, value: bytes, at_ms: int | None = None, **more: Any) -> None:
        self._producer.produce(topic, value, key, partition=0, timestamp=at_ms or now_ms(), **more)
        assert self._producer.flush(60) == 0

    @contextmanager
    def livechat(self) -> Iterator[Mapping[str, str]]:
        """Settings with which the page asks this LiveChat."""
        chats, calls = self.chats, self.calls

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                method = self.path.rpartition("/")[2]
                if method != "list_tags":  # the strip asks for these, whatever is looked at
                    calls.append(f"{method} {asked.get('thread_id')}")
                chat = chats.get(asked.get("thread_id"))
                body = json.dumps(chat or {"error": {"type": "not_found", "message": "no"}}).encode()
                self.send_response(200 if chat else 404)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: object) -> None:
                """Nothing."""

        server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        thread = Thread(target=server.serve_forever)
        thread.start()
        try:
            url = f"http://127.0.0.1:{server.server_port}"
            yield {"LIVECHAT_API_URL": url, "LIVECHAT_ACCESS_TOKEN": "dal:a-token"}
        finally:
            server.shutdown()
            thread.join()
            server.server_close()
