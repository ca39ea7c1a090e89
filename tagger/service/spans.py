"""What `tagger run` tells in traces of a job, and of each call to LiveChat.

The rest is told where it is done: `settle` tells of decisions, `kafka.producer` of records. No attribute holds a text,
a tag or a keyword.
"""

from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from tagger.core.partition.protocol import Job
from tagger.kafka.assigned import Assigned
from tagger.kafka.consumer import Settle
from tagger.kafka.origins import Origins
from tagger.livechat.calls.requests import Purpose
from tagger.livechat.dispatch import Measure

if TYPE_CHECKING:
    from ingest.runtime.traces import Traces


class JobSpans:
    """From the fold of an end until its thread is settled, however often that is tried."""

    def __init__(self, traces: "Traces", origins: Origins, topic: str, group: str, settle: Settle) -> None:
        self._traces, self._origins, self._topic, self._then = traces, origins, topic, settle
        self._processes = {
            "messaging.system": "kafka",
            "messaging.operation.type": "process",
            "messaging.operation.name": "process",
            "messaging.destination.name": topic,
            "messaging.consumer.group.name": group,
        }

    async def settle(self, assigned: Assigned, job: Job) -> None:
        """Settle a job, in the trace of the webhook that ended its thread, and linked to that."""
        partition, (organization, chat_id, thread_id) = assigned.tp.partition, job.thread
        attributes: dict[str, str | int | bool] = {
            **self._processes,
            "messaging.destination.partition.id": str(partition),
            "messaging.kafka.offset": job.offset,
            "livechat.organization_id": organization,
            "livechat.chat_id": chat_id,
            "livechat.thread_id": thread_id,
            "livechat.job": job.kind,
        }
        origin = self._origins.take(partition, job.offset)
        with self._traces.span(f"process {self._topic}", "consumer", attributes, origin=origin):
            await self._then(assigned, job)


class CallSpans:
    """Tells of calls as they are measured: each try is one."""

    def __init__(self, traces: "Traces", measure: Measure, api_url: str) -> None:
        self._traces, self._measure = traces, measure
        self._to = {"http.request.method": "POST", "server.address": urlsplit(api_url).hostname or ""}

    def on_request(self, method: str, result: str, seconds: float, purpose: Purpose | None) -> None:
        """Measure a request, and tell of it."""
        self._measure.on_request(method, result, seconds, purpose)
        attributes = {**self._to, "livechat.method": method, "livechat.purpose": purpose or "set_up"}
        error = None if result == "done" else result
        self._traces.over(f"POST {method}", "client", attributes, seconds, error)
