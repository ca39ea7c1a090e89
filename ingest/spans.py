"""What `ingest` tells in traces of a webhook that is kept: the request, and the record that it becomes.

Only of webhooks with a right secret, so a stranger can cause no span. A `traceparent` of the sender is linked to and
no more: each webhook begins a trace of its own, and whether that is sampled is our decision.
"""

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Final

from ingest.delivery import PATH, Keep
from ingest.pending import STORED, Outcome
from ingest.topic import Record, split_key

if TYPE_CHECKING:
    from ingest.runtime.traces import Attributes, Traces

REQUEST: Final = {"http.request.method": "POST", "http.route": PATH}


class Spans:
    """The spans of one process."""

    def __init__(self, traces: "Traces", topic: str) -> None:
        self._traces, self._topic = traces, topic

    async def keep(
        self,
        keep: Callable[[Record], Awaitable[Outcome]],
        webhook: Keep,
        traceparent: str | None,
        received_at_ms: int,
    ) -> Outcome:
        """Keep a record, with its trace in a header.

        traceparent  what the sender said, if anything
        """
        organization, chat_id = split_key(webhook.record.key) or ("", "")
        of_chat = {"livechat.organization_id": organization, "livechat.chat_id": chat_id}
        request = {**REQUEST, "livechat.action": webhook.action, **of_chat}
        with self._traces.span(
            f"POST {PATH}",
            "server",
            request,
            origin=traceparent,
            trusted=False,
            began_ns=received_at_ms * 1_000_000,
        ):
            with self._traces.send(self._topic):
                record = webhook.record
                outcome = await keep(record._replace(headers=(*record.headers, *self._traces.header())))
                self._tell(outcome, {"livechat.kept": outcome})
            self._tell(outcome, {"http.response.status_code": 200 if outcome in STORED else 503})
        return outcome

    def _tell(self, outcome: Outcome, attributes: "Attributes") -> None:
        self._traces.note(attributes)
        if outcome not in STORED:
            self._traces.failed(outcome)
