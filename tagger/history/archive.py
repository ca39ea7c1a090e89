"""The past as LiveChat's archive has it: every ended chat with the tags it has there. Costs API calls.

Says what it costs before it begins. Its calls go behind those of live jobs of this process, and LiveChat's limit is
shared with the service.
"""

from collections.abc import AsyncGenerator, Callable
from typing import Any, Final, NamedTuple

from tagger.core.review.past_chat import PastChat
from tagger.history.counts import Counts, Moved, ignored
from tagger.history.ledger import Ledger
from tagger.history.past_chats import past_chat
from tagger.livechat.authorization.credentials import Credentials
from tagger.livechat.calls.answers import Done, described
from tagger.livechat.calls.price import priced
from tagger.livechat.calls.requests import Call, list_archives
from tagger.livechat.client import Client

PAGE_CHATS: Final = 100  # the most that LiveChat allows; some 2 MB
PAGES_MAX: Final = 100_000  # of one organization: page ids that go in circles end


class Cost(NamedTuple):
    """What reading the archive takes."""

    chats: int
    calls: int  # with those that were needed to find out

    def __str__(self) -> str:
        return f"{self.chats:,} chat{'' if self.chats == 1 else 's'}: {priced(self.calls)}"


class DeclinedError(Exception):
    """A person declined the cost."""


class ArchiveHistory:
    """Chats that ended in a window, of every organization that there are credentials of, or of one."""

    def __init__(  # noqa: PLR0913 - where from, which, for whom, and who is asked
        self,
        client: Client,
        who: Credentials,
        since_ms: int,
        until_ms: int,
        agrees: Callable[[Cost], bool],
        *,
        organization: str | None = None,
        ledger: Ledger | None = None,
        moved: Moved = ignored,
    ) -> None:
        """`agrees` is asked once, before the archive is read; `ledger` holds what is to be joined."""
        self.counts = Counts("LiveChat's archive", since_ms)
        self._client, self._since_ms, self._until_ms = client, since_ms, until_ms
        self._agrees, self._ledger, self._moved = agrees, ledger, moved
        self._organizations = [organization] if organization else who.organizations() or [""]
        self._total = 0

    async def chats(self) -> AsyncGenerator[PastChat, None]:
        """Yield the chats, by organization, oldest first. DeclinedError if the cost is declined."""
        found = {name: count for name in self._organizations if (count := await self._found(name))}
        self._total = sum(found.values())
        pages = sum(-(-count // PAGE_CHATS) for count in found.values())
        cost = Cost(self._total, len(self._organizations) + pages)
        if not self._agrees(cost):
            raise DeclinedError
        for organization in found:
            async for chat in self._of(organization):
                yield chat

    async def _found(self, organization: str) -> int:
        """How many chats an organization has in the window, by the smallest call that tells."""
        page = await self._page(organization, list_archives(self._since_ms, self._until_ms, limit=1))
        count = page.get("found_chats")
        return count if type(count) is int else len(page.get("chats", ()))

    async def _of(self, organization: str) -> AsyncGenerator[PastChat, None]:
        page_id: str | None = None
        for _ in range(PAGES_MAX):
            call = list_archives(self._since_ms, self._until_ms, limit=PAGE_CHATS, page_id=page_id)
            page = await self._page(organization, call)
            for chat in page.get("chats", ()):
                where = f"chat {chat.get('id')}" if isinstance(chat.get("id"), str) else "a chat"
                past = past_chat(organization, chat, where, self.counts, self._ledger)
                if past is not None:
                    yield past
            self._moved(self.counts.chats, self._total)
            page_id = page.get("next_page_id")
            if page_id is None:
                return
        self.counts.problems.append(f"more than {PAGES_MAX:,} pages of chats: choose a shorter window")

    async def _page(self, organization: str, call: Call) -> dict[str, Any]:
        """One page; {} and a problem where LiveChat does not give it."""
        answer = await self._client.ask(organization, call, background=True)
        if isinstance(answer, Done):
            page: dict[str, Any] = answer.value
            return page
        whose = f"organization {organization}: " if organization else ""
        self.counts.problems.append(f"{whose}{described(answer)}")
        return {}
