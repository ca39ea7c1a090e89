"""A topic of decisions on which nobody removed a tag."""

from tagger.core.conversation import ThreadKey


class NothingRemoved:
    """Stands for `kafka.recall.Recall`."""

    async def of(self, thread: ThreadKey, since_ms: int) -> tuple[str, ...]:
        return ()
