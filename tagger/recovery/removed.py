"""What people removed from a thread that does not come from the log, for whoever is about to settle it."""

from collections.abc import Iterable

from tagger.core.conversation import ThreadKey
from tagger.core.records.correction import THREADS_MAX
from tagger.kafka.recall import Lag, Recall
from tagger.settings import RunSettings, group_of


def recall_of(settings: RunSettings, *, one_for_all: bool) -> Recall:
    """Recall also what the service has not recorded yet. `one_for_all`: as for `Recall`.

    It lives for one pass over the past, which may be months, so it keeps as many removals as can be told apart.
    """
    return Recall(
        settings.client_options,
        settings.kafka_decisions_topic,
        lag=Lag(settings.kafka_webhooks_topic, group_of(settings)),
        one_for_all=one_for_all,
        kept_max=THREADS_MAX,
    )


class Removed:
    """The tags that people removed from one thread, as far as is known."""

    def __init__(self, recall: Recall, thread: ThreadKey, since_ms: int, known: Iterable[str] = ()) -> None:
        """`since_ms`: nobody removed a tag earlier (Unix time, ms)."""
        self._recall, self._thread, self._since_ms = recall, thread, since_ms
        self.tags = frozenset(known)

    def now(self) -> frozenset[str]:
        """Return those known now."""
        return self.tags

    async def look(self) -> None:
        """Look again. Raises as `Recall.of`."""
        self.tags |= {*await self._recall.of(self._thread, self._since_ms)}
