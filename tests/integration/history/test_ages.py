"""Since when a keyword is in force, on the page, is known soon after the tagger stored the set."""

from pathlib import Path
from typing import Any

import pytest

from ingest.runtime.supervision import Tasks
from tagger.core.records.keyword_set import pack
from tagger.history.filling import Filling
from tagger.history.kept_ledger import KeptLedger
from tagger.history.stored_sets import StoredSets
from tagger.web.in_force import InForce
from tagger.web.keywords import counting as module
from tagger.web.keywords.counting import Counting
from tagger.web.past import Past, Topics
from tests.deadline import until
from tests.integration.history.test_stored_sets import files, put
from tests.kafka.kafka import AnyKafka


async def test_a_set_that_is_stored_after_the_page_looked_is_found(
    kafka_embedded: AnyKafka, unique: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "SETS_RETRY_S", 0.05)
    kafka_embedded.create_topic(unique, 1)
    options: dict[str, Any] = {"bootstrap_servers": kafka_embedded.bootstrap}
    (tmp_path / "a.yaml").write_bytes(files("one")["a.yaml"])
    keywords = InForce(tmp_path, "%[a-z]+%")
    rules = keywords.rules
    assert rules is not None
    ledger = KeptLedger(None, "decisions")
    filling = Filling(ledger, lambda: options, "decisions")
    past = Past(ledger, filling, Topics(lambda: options, "webhooks"), StoredSets(lambda: options, unique))
    counting, tasks = Counting(past, lambda: keywords.rules), Tasks(lambda _: None)
    tasks.start("counting", counting.run)
    try:
        await until(lambda: counting.of(rules).ages is not None)
        assert not counting.of(rules).ages.since_ms  # type: ignore[union-attr]
        await put(kafka_embedded, unique, rules.hash, pack(files("one")), 7)
        await until(lambda: counting.of(rules).ages.since_ms.get(("r", "one")) == 7)  # type: ignore[union-attr]
    finally:
        await tasks.stop()
        await ledger.close()
