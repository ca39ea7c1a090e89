"""Both services as processes, with a collector that takes their spans, hangs, or is not there."""

import re
from pathlib import Path
from typing import Any, Final

import orjson

from tagger.simulator.livechat.port import reserved_port
from tagger.simulator.play.visitors import visits
from tagger.simulator.stage.stage import Stage
from tests.deadline import DEADLINE_S, until
from tests.integration.traces.collector import a_collector
from tests.integration.watch import figures
from tests.kafka.kafka import AnyKafka
from tests.stage import a_stage

PAGE: Final = (Path(__file__).parents[3] / "deploy" / "traces.md").read_text("utf-8")
SOON: Final = {"OTEL_BSP_SCHEDULE_DELAY": "100"}  # ms; as it comes, 5 s
CHATS: Final = 8


def variables_of_the_page() -> dict[str, str]:
    """What its line says that starts a service with a collector."""
    line = re.search(r"^ {4}((?:OTEL_\w+=\S+ )+)tagger run$", PAGE, re.MULTILINE)
    assert line
    return dict(pair.split("=", 1) for pair in line[1].split())


def lost(folder: Path, service: str) -> list[int]:
    """How many spans a service says that it lost, each time it stopped."""
    lines = (folder / f"{service}.log").read_bytes().splitlines()
    found: list[dict[str, Any]] = [orjson.loads(line) for line in lines if line.startswith(b"{")]
    return [line["count"] for line in found if line["event"] == "spans_lost"]


async def settled_rightly(stage: Stage) -> None:
    result = await stage.settled(DEADLINE_S)
    assert result.missing == result.wrong == ()
    assert result.set == result.expected > 0


async def test_both_services_tell_a_collector_and_stop_in_order_even_if_it_hangs(
    kafka_embedded: AnyKafka, unique: str, tmp_path: Path
) -> None:
    async with a_collector() as collector:
        told = variables_of_the_page() | {"OTEL_EXPORTER_OTLP_ENDPOINT": collector.url} | SOON
        async with a_stage(kafka_embedded, unique, tmp_path, settings=told) as stage:
            await stage.play(visits(3, CHATS))
            await settled_rightly(stage)
            wanted = {
                ("ingest", "POST /webhooks/livechat"),
                ("ingest", f"send {stage.names.webhooks}"),
                ("tagger", f"process {stage.names.webhooks}"),
                ("tagger", "decide"),
                ("tagger", "POST tag_thread"),
                ("tagger", f"send {stage.names.decisions}"),
            }
            await until(lambda: wanted <= collector.spans.keys())
            collector.answers = False
            await stage.play(visits(4, CHATS))
            await settled_rightly(stage)
            await until(lambda: collector.unanswered > 1)  # one of each
            assert await stage.tagger.stop() == 0
            assert await stage.ingest.stop() == 0
            assert all(lost(tmp_path, service) for service in ("ingest", "tagger"))


async def test_without_its_collector_every_chat_is_tagged_and_what_was_lost_is_counted(
    kafka_embedded: AnyKafka, unique: str, tmp_path: Path
) -> None:
    with reserved_port() as nobody:
        told = variables_of_the_page() | {"OTEL_EXPORTER_OTLP_ENDPOINT": f"http://127.0.0.1:{nobody}"} | SOON
        async with a_stage(kafka_embedded, unique, tmp_path, settings=told) as stage:
            await stage.play(visits(3, CHATS))
            await settled_rightly(stage)
            for service in (stage.ingest, stage.tagger):
                name = f"{service.name.split()[0]}_spans_total"
                assert (await figures(service, stage="ended"))[name] > 0
                assert (await figures(service, stage="exported"))[name] == 0
            assert await stage.tagger.stop() == 0
            assert lost(tmp_path, "tagger")
