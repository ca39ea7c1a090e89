"""A collector of spans that takes OTLP over HTTP, until it is told not to answer."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from aiohttp import web
from aiohttp.test_utils import TestServer
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)


class Collector:
    """Counts spans by service and name."""

    def __init__(self) -> None:
        self.spans: Counter[tuple[str, str]] = Counter()
        self.unanswered = 0
        self.answers = True
        self._end = asyncio.Event()
        app = web.Application()
        app.router.add_post("/v1/traces", self._take)
        self._server = TestServer(app)

    @property
    def url(self) -> str:
        return str(self._server.make_url("")).rstrip("/")

    async def _take(self, request: web.Request) -> web.Response:
        body = await request.read()
        if not self.answers:
            self.unanswered += 1
            await self._end.wait()
            return web.Response(status=503)
        for resource in ExportTraceServiceRequest.FromString(body).resource_spans:
            named = {one.key: one.value.string_value for one in resource.resource.attributes}
            for scope in resource.scope_spans:
                self.spans.update((named["service.name"], span.name) for span in scope.spans)
        answer = ExportTraceServiceResponse().SerializeToString()
        return web.Response(body=answer, content_type="application/x-protobuf")


@asynccontextmanager
async def a_collector() -> AsyncIterator[Collector]:
    collector = Collector()
    await collector._server.start_server()
    try:
        yield collector
    finally:
        collector._end.set()
        await collector._server.close()
