"""`deploy/asyncapi.yaml`: the topics for machines, made from the schemas and records of the code.

    python -m tests.docs.asyncapi

rewrites it; `test_asyncapi.py` says when that is due, and `make test-deploy` has AsyncAPI's own parser read it.
https://www.asyncapi.com/docs/reference/specification/v3.0.0
"""

import json
import tomllib
from pathlib import Path
from typing import Any, Final

import yaml

from tagger.core.conversation import ThreadKey
from tagger.core.matching.decide import Decision, Reason
from tagger.core.records.correction import correction_record
from tagger.core.records.decision import Source, decision_record, parked_record
from tagger.core.records.schemas import TOPICS, Topic, record_schema
from tagger.livechat.sample_webhooks import samples

ROOT: Final = Path(__file__).parents[2]
PAGE: Final = ROOT / "deploy" / "asyncapi.yaml"
HEAD: Final = (
    "# Made by `python -m tests.docs.asyncapi`; the schemas are those that `tagger schema TOPIC` prints.\n"
)
THREAD: Final = ThreadKey("9a3d0a44-5b1e-4c6f-8f0e-6a1c2b7d9e01", "PJ0MRSHTDG", "K600PKZON8")
SOURCE: Final = Source("livechat.webhooks", 3, 48211)
ENDED_MS: Final = 1_795_860_131_000
CONFIG: Final = "3f9a1c0d5e77b2aa"
# Partitions, days of retention (None: compacted), and in a sentence what is on it, as deploy/kafka.md has it.
CHANNELS: Final[dict[Topic, tuple[int, int | None, str]]] = {
    "decisions": (3, 30, "Why each chat got its tags, and what people corrected. No chat text."),
    "parked": (1, 30, "What was given up on, for a person to look at. No chat text."),
    "webhooks": (12, 7, "What LiveChat sent: the only state there is. With chat text."),
    "keywords": (1, None, "Every keyword set that came into force, by its hash."),
}
CHAT_KEY: Final = {
    "type": "string",
    "description": "`<organization>:<chat_id>`: a chat lives in one partition, and its records keep their order.",
}
SET_KEY: Final = {"type": "string", "description": "Hash of the set, as `config` of the decisions."}
TRACEPARENT: Final = (
    "The span that sent it, as W3C Trace Context writes it, if the sender has traces on; a hint, too."
)
HEADERS: Final[dict[Topic, dict[str, str]]] = {
    "webhooks": {
        "action": "As in the value; a hint for people with a console.",
        "received_at_ms": "When `ingest` received it: Unix time in ms, in digits.",
        "traceparent": TRACEPARENT,
    },
    "decisions": {"traceparent": TRACEPARENT},
    "parked": {"traceparent": TRACEPARENT},
    "keywords": {"in_force_at_ms": "Since when the set is in force: Unix time in ms, in digits."},
}
# Who does what with which topic.
OPERATIONS: Final[list[tuple[str, str, Topic, str]]] = [
    ("storeWebhook", "send", "webhooks", "`ingest` stores a webhook before it answers 200."),
    (
        "readWebhook",
        "receive",
        "webhooks",
        "`tagger run` folds webhooks into threads, and decides when one ends.",
    ),
    ("recordDecision", "send", "decisions", "`tagger run` records each decision and each correction."),
    (
        "parkItem",
        "send",
        "parked",
        "`tagger run` gives up on a tag or a chat, `tagger parked` closes what it gave up.",
    ),
    (
        "storeKeywordSet",
        "send",
        "keywords",
        "`tagger run` stores each set of keyword files that comes into force.",
    ),
    (
        "readKeywordSet",
        "receive",
        "keywords",
        "`tagger run` reads the last set, if its files are bad at the start.",
    ),
]


class _Plain(yaml.SafeDumper):
    """Writes every value where it stands: a schema that is used twice is no reason for a reader to look around."""

    def ignore_aliases(self, data: Any) -> bool:
        return True


def examples(topic: Topic) -> list[dict[str, Any]]:
    """Records as the code makes them."""
    match topic:
        case "decisions":
            because = (Reason("refund", "Refund", "money back", "K600PKZON8_4", 10, 20),)
            decision = decision_record(
                THREAD,
                Decision(("Refund",), because, (), CONFIG),
                "tagged",
                SOURCE,
                read_from="webhooks",
                messages=4,
                ended_at_ms=ENDED_MS,
                settled_at_ms=ENDED_MS + 250,
            )
            return [decision, correction_record(THREAD, "Refund", "removed", SOURCE, ENDED_MS + 90_000)]
        case "parked":
            reason = "LiveChat refused it for good: the tag does not exist"
            kind = "not_found"
            return [
                parked_record(
                    THREAD,
                    SOURCE,
                    tag="Refund",
                    reason=reason,
                    error_type=kind,
                    attempts=3,
                    parked_at_ms=ENDED_MS,
                )
            ]
        case "webhooks":
            sent = samples("", "1", ENDED_MS, THREAD.organization)
            return [{name: value for name, value in one.items() if name != "secret_key"} for one in sent]
        case "keywords":
            return [{"format": 1, "files": {"billing.yaml": "version: 1\nrules: []\n"}}]


def document() -> dict[str, Any]:
    """The document as YAML has it."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    return {
        "asyncapi": "3.0.0",
        "info": {
            "title": "livechat-tagger",
            "version": project["version"],
            "description": "The topics of livechat-tagger. Fields are added, never changed: see upgrade.md beside this "
            "file. Records may be repeated; deploy/upgrade.md says which of them to treat as one.",
            "license": {"name": project["license"]},
        },
        "defaultContentType": "application/json",
        "servers": {"kafka": {"host": "localhost:9092", "protocol": "kafka"}},
        "channels": {topic: _channel(topic) for topic in CHANNELS},
        "operations": {
            name: {"action": action, "channel": {"$ref": f"#/channels/{topic}"}, "summary": summary}
            for name, action, topic, summary in OPERATIONS
        },
        "components": {"messages": {topic: _message(topic) for topic in TOPICS}},
    }


def _channel(topic: Topic) -> dict[str, Any]:
    partitions, days, description = CHANNELS[topic]
    kept = {"cleanup.policy": ["compact"]} if days is None else {"retention.ms": days * 86_400_000}
    binding = {"partitions": partitions, "topicConfiguration": {"cleanup.policy": ["delete"], **kept}}
    return {
        "address": f"livechat.{topic}",
        "description": description,
        "messages": {topic: {"$ref": f"#/components/messages/{topic}"}},
        "bindings": {"kafka": {**binding, "bindingVersion": "0.5.0"}},
    }


def _message(topic: Topic) -> dict[str, Any]:
    schema = {name: value for name, value in record_schema(topic).items() if name != "$schema"}
    title = schema.pop("title")
    message: dict[str, Any] = {"title": title, "summary": schema["description"]}
    if topic == "keywords":
        message["contentType"] = "application/zlib"
    if names := HEADERS.get(topic):
        properties = {name: {"type": "string", "description": text} for name, text in names.items()}
        message["headers"] = {"type": "object", "properties": properties}
    key = SET_KEY if topic == "keywords" else CHAT_KEY
    shown = [{"payload": json.loads(json.dumps(record))} for record in examples(topic)]
    return message | {
        "bindings": {"kafka": {"key": key, "bindingVersion": "0.5.0"}},
        "payload": schema,
        "examples": shown,
    }


def written() -> str:
    """The file as it should be."""
    text = yaml.dump(document(), Dumper=_Plain, sort_keys=False, allow_unicode=True, width=120)
    return f"{HEAD}{text}"


if __name__ == "__main__":
    PAGE.write_text(written(), "utf-8")
