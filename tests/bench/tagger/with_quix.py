"""The tagger on Quix Streams and its state store (RocksDB), as a process of an environment of its own.

    PYTHON -m tests.bench.tagger.with_quix BOOTSTRAP TOPIC DECISIONS URL RULES

As its documentation writes such a job: a stateful function for each record, keyed by chat, keeps the texts in the state;
at the end they are searched by one alternation of all keywords, tags are set by synchronous calls over a kept
connection, and the decision goes to a topic.
"""

import http.client
import json
import re
import sys
import tempfile
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from quixstreams import Application, State


def compiled(file: str) -> tuple[re.Pattern[str], dict[str, str]]:
    """One alternation of all keywords, and the tag of each."""
    rules = json.loads(Path(file).read_bytes())["rules"]
    tag_of = {keyword.lower(): rule["tag"] for rule in rules for keyword in rule["any"]}
    return re.compile(rf"\b(?:{'|'.join(map(re.escape, tag_of))})\b", re.IGNORECASE), tag_of


def serve(bootstrap: str, topic: str, decisions: str, url: str, rules: str) -> None:
    pattern, tag_of = compiled(rules)
    livechat = http.client.HTTPConnection(urlsplit(url).netloc)
    path = urlsplit(url).path + "/agent/action/tag_thread"
    headers = {"Authorization": "Basic abc", "Content-Type": "application/json"}
    app = Application(
        broker_address=bootstrap,
        consumer_group=f"{topic}-quix",
        auto_offset_reset="earliest",
        auto_create_topics=True,  # its changelog
        commit_interval=1.0,
        state_dir=tempfile.mkdtemp(),
        loglevel="WARNING",
    )

    def keep(webhook: dict[str, Any], state: State) -> dict[str, Any] | None:
        payload = webhook["payload"]
        if webhook["action"] == "incoming_chat":
            state.set("texts", [event["text"] for event in payload["chat"]["thread"]["events"]])
            return None
        texts: list[str] = state.get("texts", [])
        if webhook["action"] == "incoming_event":
            state.set("texts", [*texts, payload["event"]["text"]])
            return None
        state.delete("texts")
        tags = sorted({tag_of[match.lower()] for text in texts for match in pattern.findall(text)})
        for tag in tags:
            body = {"chat_id": payload["chat_id"], "thread_id": payload["thread_id"], "tag": tag}
            livechat.request("POST", path, json.dumps(body), headers)
            livechat.getresponse().read()
        return {**payload, "tags": tags}

    frame = app.dataframe(app.topic(topic, value_deserializer="json"))
    frame = frame.apply(keep, stateful=True).filter(lambda decision: decision is not None)
    frame.to_topic(app.topic(decisions, value_serializer="json"))
    app.run()


if __name__ == "__main__":
    serve(*sys.argv[1:])
