"""Both services in this process, a simulated LiveChat, and where their spans end."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from aiokafka import AIOKafkaConsumer, TopicPartition
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export import SpanExporter
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from ingest import service as ingest
from ingest.runtime.traces import Traces
from ingest.settings import IngestSettings
from tagger.commands.setup import equipment
from tagger.service import serve
from tagger.settings import RunSettings
from tagger.simulator.livechat.account import Draft, Organization, Thread, User
from tagger.simulator.livechat.server import SimulatedLiveChat
from tests.deadline import DEADLINE_S, until
from tests.kafka.kafka import AnyKafka

MARK: Final = "kanarienvogel"
EMAIL: Final = f"{MARK}@example.com"
SECRET: Final = f"{MARK}-secret"
TAG: Final = f"Refund {MARK}"
RULES: Final = f"version: 1\nrules:\n  - {{id: refund, tag: {TAG}, any: [refund]}}\n"
TOPICS: Final = ("webhooks", "decisions", "parked", "keywords")


@dataclass
class Way:
    """From a webhook to the tag. After `end`, `spans` are all that were exported, by service."""

    kafka: AnyKafka
    name: str
    livechat: SimulatedLiveChat
    organization: Organization
    ingest: ingest.Service
    _end: asyncio.Event
    _tagger: "asyncio.Task[str | None]"
    _exporters: Mapping[str, SpanExporter | None]
    token: str
    spans: dict[str, list[ReadableSpan]] = field(default_factory=dict)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.ingest.port}/webhooks/livechat"

    def talk(self) -> Thread:
        """A chat with a mark in everything that a person fills in, and its end."""
        customer = User(self.organization.new_uuid(), "customer", MARK, EMAIL)
        agent = User(EMAIL, "agent", MARK, EMAIL)
        said = Draft("message", {"text": f"a refund, {MARK}"}, customer.id)
        thread = self.livechat.start_chat(self.organization, (customer, agent), [said])
        self.livechat.add_event(thread, Draft("message", {"text": MARK}, agent.id))
        self.livechat.deactivate(thread, EMAIL)
        return thread

    async def tagged(self, thread: Thread) -> None:
        """Wait until a thread is tagged, and its decision is on the topic."""
        await until(lambda: TAG in thread.tags)
        await until(self._is_decided)

    async def _is_decided(self) -> bool:
        return bool(await self.records("decisions"))

    async def records(self, topic: str) -> list[Any]:
        """All records of a topic, as aiokafka has them."""
        reader = AIOKafkaConsumer(bootstrap_servers=self.kafka.bootstrap, auto_offset_reset="earliest")
        await reader.start()
        found: list[Any] = []
        try:
            tp = TopicPartition(f"{self.name}.{topic}", 0)
            reader.assign([tp])
            reader.seek(tp, 0)
            end = (await reader.end_offsets([tp]))[tp]
            while await reader.position(tp) < end:
                found += (await reader.getmany(tp, timeout_ms=200)).get(tp, [])
        finally:
            await reader.stop()
        return found

    async def end(self) -> None:
        """Stop both services in order, which exports what waits."""
        self._end.set()
        async with asyncio.timeout(DEADLINE_S):
            assert await self._tagger is None
            await self.ingest.close()
        for name, exporter in self._exporters.items():
            if isinstance(exporter, InMemorySpanExporter):
                self.spans[name] = list(exporter.get_finished_spans())


@asynccontextmanager
async def a_way(
    kafka: AnyKafka, name: str, folder: Path, exporters: Mapping[str, SpanExporter | None]
) -> AsyncIterator[Way]:
    """Both services, `ingest` and `tagger`, each with traces to its exporter, or without for None."""
    for topic in TOPICS:
        kafka.create_topic(f"{name}.{topic}", 1)
    (folder / "rules.yaml").write_text(RULES)
    traces = {of: None if exporter is None else Traces(of, exporter) for of, exporter in exporters.items()}
    async with SimulatedLiveChat(seed=5) as livechat:
        organization = livechat.add_organization("3.6", [TAG])
        account, pat = livechat.add_account(organization)
        common: dict[str, Any] = {"kafka_bootstrap_servers": kafka.bootstrap, "kafka_group_id": name}
        common |= {f"kafka_{topic}_topic": f"{name}.{topic}" for topic in TOPICS}
        of_ingest = common | {"ingest_host": "127.0.0.1", "ingest_port": 0, "ingest_admin_port": 0}
        of_ingest |= {"livechat_webhook_secrets": SECRET}
        receiving = ingest.Service(IngestSettings(**of_ingest), 0.0, traces=traces["ingest"])
        assert await receiving.open() is None
        of_tagger = common | {"tagger_config": folder, "tagger_admin_port": 0}
        of_tagger |= {"livechat_account_id": account.id, "livechat_pat": pat}
        of_tagger |= {"livechat_api_url": livechat.url, "livechat_accounts_url": livechat.accounts_url}
        settings = RunSettings(**of_tagger)
        who, keywords = equipment(settings)
        stopping = asyncio.Event()
        member = serve.Service(settings, keywords, who, traces=traces["tagger"])
        running = asyncio.create_task(member.run(stopping))
        way = Way(kafka, name, livechat, organization, receiving, stopping, running, exporters, pat)
        livechat.install(livechat.add_app("client secret"), [organization], way.url, SECRET)
        yield way
        if not stopping.is_set():
            await way.end()
