"""Plans about webhooks carried out at the desk, each step said before or after it is done.

Promises that nothing is removed before `ask` has agreed, and that a step that fails ends the rest.
"""

from collections.abc import Callable

from tagger.livechat.calls import requests
from tagger.livechat.interactive import Desk, NoAnswerError
from tagger.livechat.webhooks import Plan, Registration, description, registrations


class Registry:
    """The registered webhooks of one client id."""

    def __init__(self, desk: Desk, client_id: str, say: Callable[[str], None]) -> None:
        self._desk, self._client_id, self._say = desk, client_id, say

    async def listed(self) -> list[Registration]:
        return registrations(await self._desk.call(requests.list_webhooks(self._client_id)))

    async def register(self, plan: Plan, url: str, secret: str) -> None:
        """The registrations of a plan; NoAnswerError with its problems, where it has some."""
        if plan.problems:
            raise NoAnswerError("\n".join(plan.problems))
        mark = description(secret)
        for action in plan.register:
            call = requests.register_webhook(action, url, secret, self._client_id, mark)
            answer = await self._desk.call(call)
            self._say(f"registered {action}  {url}  ({answer['id']})")

    async def remove(self, found: tuple[Registration, ...], ask: Callable[[str], bool]) -> bool:
        """Remove what `ask` agrees to; False where it does not."""
        for one in found:
            self._say(f"to be removed: {line(one)}")
        if found and not ask(f"Remove {len(found)} of LiveChat's registrations?"):
            return False
        for one in found:
            await self._desk.call(requests.unregister_webhook(one.id, self._client_id))
        self._say(f"removed {len(found)}")
        return True

    async def enabled(self) -> bool:
        answer = await self._desk.call(requests.get_license_webhooks_state(self._client_id))
        return bool(answer["license_webhooks_enabled"])

    async def switch(self, *, on: bool) -> None:
        await self._desk.call(requests.switch_license_webhooks(self._client_id, on=on))
        self._say(f"{'enabled' if on else 'disabled'}; it may take two minutes to act")


def line(one: Registration) -> str:
    """One registration as text."""
    note = "" if one.whole else "  (filtered: it does not send everything)"
    return f"{one.action}  {one.url}  ({one.id}){note}"
