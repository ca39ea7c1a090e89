"""The tagger as one writes it in an afternoon, as a process: SQLite, a regular expression, one call after the other.

    python -m tests.bench.tagger.with_sqlite BOOTSTRAP TOPIC DECISIONS URL RULES

Each record is appended to its chat in SQLite and committed; at the end the texts are read back, searched by one
alternation of all keywords, the tags are set by synchronous calls over a kept connection, and a record is produced.
"""

import http.client
import re
import sqlite3
import sys
import tempfile
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import orjson
from confluent_kafka import Consumer, Producer


def compiled(file: str) -> tuple[re.Pattern[str], dict[str, str]]:
    """One alternation of all keywords, and the tag of each."""
    rules = orjson.loads(Path(file).read_bytes())["rules"]
    tag_of = {keyword.lower(): rule["tag"] for rule in rules for keyword in rule["any"]}
    return re.compile(rf"\b(?:{'|'.join(map(re.escape, tag_of))})\b", re.IGNORECASE), tag_of


def serve(bootstrap: str, topic: str, decisions: str, url: str, rules: str) -> None:
    pattern, tag_of = compiled(rules)
    database = sqlite3.connect(Path(tempfile.mkdtemp()) / "chats.db")
    database.execute("PRAGMA journal_mode=WAL")
    database.execute("PRAGMA synchronous=NORMAL")
    database.execute("CREATE TABLE said (thread TEXT, text TEXT)")
    database.execute("CREATE INDEX by_thread ON said (thread)")
    consumer = Consumer(
        {"bootstrap.servers": bootstrap, "group.id": f"{topic}-sqlite", "auto.offset.reset": "earliest"}
    )
    consumer.subscribe([topic])
    producer = Producer({"bootstrap.servers": bootstrap, "acks": "all", "linger.ms": 5})
    livechat = http.client.HTTPConnection(urlsplit(url).netloc)
    path = urlsplit(url).path + "/agent/action/tag_thread"
    headers = {"Authorization": "Basic abc", "Content-Type": "application/json"}

    def end(key: bytes, payload: dict[str, Any]) -> None:
        thread = payload["thread_id"]
        texts = [text for (text,) in database.execute("SELECT text FROM said WHERE thread = ?", (thread,))]
        tags = sorted({tag_of[match.lower()] for text in texts for match in pattern.findall(text)})
        for tag in tags:
            body = orjson.dumps({"chat_id": payload["chat_id"], "thread_id": thread, "tag": tag})
            livechat.request("POST", path, body, headers)
            livechat.getresponse().read()
        producer.produce(decisions, orjson.dumps({**payload, "tags": tags}), key=key)
        producer.poll(0)
        with database:
            database.execute("DELETE FROM said WHERE thread = ?", (thread,))

    while True:
        record = consumer.poll(0.2)
        if record is None or record.error():
            continue
        webhook = orjson.loads(record.value() or b"")
        payload = webhook["payload"]
        if webhook["action"] == "chat_deactivated":
            end(record.key() or b"", payload)
            continue
        thread, events = payload.get("thread_id"), [payload.get("event")]
        if webhook["action"] == "incoming_chat":
            thread, events = payload["chat"]["thread"]["id"], payload["chat"]["thread"]["events"]
        with database:
            database.executemany(
                "INSERT INTO said VALUES (?, ?)", [(thread, each["text"]) for each in events]
            )


if __name__ == "__main__":
    serve(*sys.argv[1:])
