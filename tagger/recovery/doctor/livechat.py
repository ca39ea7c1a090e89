"""LiveChat as the tagger needs it: reached, a token with its scopes, the tags of the rules, the same time of day.

Two calls for each organization, two more where the webhooks are looked at. A right is tried on a chat that does not
exist, so nothing is changed.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

from tagger.core.diagnosis import clocks
from tagger.core.diagnosis.finding import Finding, doubtful, merged, ok, unchecked, wrong
from tagger.core.rules.model import Rule
from tagger.livechat.authorization.credentials import Credentials
from tagger.livechat.calls.answers import Answer, Done, Transient
from tagger.livechat.calls.error_types import TO_DO
from tagger.livechat.calls.requests import (
    Call,
    get_license_webhooks_state,
    list_tags,
    list_webhooks,
    tag_thread,
)
from tagger.livechat.client import Client
from tagger.livechat.tags import known_of
from tagger.livechat.transport import Connections
from tagger.livechat.webhooks import Registration, registrations
from tagger.service.tag_check import problems_of
from tagger.settings import LiveChatSettings

ORGANIZATIONS_MAX: Final = 10  # looked at, because each costs calls and time
TRIES: Final = 2  # of a call: one hiccup is no finding
NO_CHAT: Final = "tagger-doctor"  # LiveChat's ids have capital letters and no hyphen
TAGS_NAMED_MAX: Final = 10  # findings about tags of one organization
# Refusals for want of a scope, and not because there is no such chat.
LACKS_SCOPE: Final = frozenset({"authorization", "missing_access"})
SETUP: Final = "create a token with the scopes that README.md names under Set-up, and replace the old one"
# Neither wrong nor a reason to look no further: it passes.
PASSES: Final = frozenset({"too_many_requests", "pending_requests_limit_reached"})
NOT_TRIED: Final = (
    "tags--all:rw (for tagger check --create) and webhooks.state:rw (for tagger webhooks enable): not tried"
)


@dataclass
class LiveChatPart:
    """What was found of LiveChat, and what is registered there."""

    found: list[Finding] = field(default_factory=list)
    registered: list[Registration] | None = None  # None: not known
    disabled: list[str] = field(default_factory=list)  # organizations whose webhooks LiveChat does not send


async def examine(settings: LiveChatSettings, who: Credentials, rules: Sequence[Rule] | None) -> LiveChatPart:
    """Look at all of it; `rules` None: they are wrong themselves, so tags are not compared."""
    part, connections = LiveChatPart(), Connections()
    client = Client(who, settings.livechat_api_url, transport=connections)
    organizations, found = who.organizations() or [""], list[tuple[str, Finding]]()
    looked_at = organizations[:ORGANIZATIONS_MAX]
    try:
        for organization in looked_at:
            look = _Look(client, organization, part)
            await look.at_all(rules, settings.livechat_client_id)
            found += [(organization, one) for one in look.found]
    finally:
        await client.close()
    part.found += merged(found, looked_at)
    if (left := len(organizations) - ORGANIZATIONS_MAX) > 0:
        part.found.append(unchecked("livechat", f"{left:,} more organizations of the credentials file"))
    part.found += [wrong("livechat", problem) for problem in who.problems()]
    if (dated := connections.dated) is not None:
        part.found.append(clocks.compared("LiveChat's clock", clocks.ahead_ms(*dated)))
    return part


class _Look:
    """A look at one organization."""

    def __init__(self, client: Client, organization: str, part: LiveChatPart) -> None:
        self._client, self._organization, self._part = client, organization, part
        self.found: list[Finding] = []  # which name no organization
        self._held, self._lacking = list[str](), list[str]()

    async def at_all(self, rules: Sequence[Rule] | None, client_id: str | None) -> None:
        """The token first: without one, nothing else is known."""
        listed = await self._ask(list_tags())
        if isinstance(listed, Transient):
            self.found.append(self._refused(listed))
            return
        self.found.append(ok("livechat", "LiveChat accepts the token"))
        self._scope("tags--all:ro", listed)
        self._scope("chats--all:rw", await self._ask(tag_thread(NO_CHAT, NO_CHAT, NO_CHAT)))
        if client_id:
            await self._webhooks(client_id)
        self._scopes()
        if isinstance(listed, Done) and rules is not None:
            self._tags(listed, rules)

    async def _ask(self, call: Call) -> Answer:
        return await self._client.ask(self._organization, call, tries=TRIES)

    def _refused(self, answer: Transient) -> Finding:
        text = f"{answer.why} ({answer.error_type})"
        if answer.error_type in PASSES:
            return doubtful("livechat", text, "ask again in a minute")
        remedy = TO_DO.get(answer.error_type, "nothing is lost: calls are retried")
        return wrong("livechat", text, remedy, blocks=True)

    def _scope(self, scope: str, answer: Answer) -> None:
        if isinstance(answer, Transient):
            self.found.append(unchecked("scopes", f"{scope}: {answer.why} ({answer.error_type})"))
        elif not isinstance(answer, Done) and answer.error_type in LACKS_SCOPE:
            self._lacking.append(scope)
        else:
            self._held.append(scope)

    async def _webhooks(self, client_id: str) -> None:
        listed = await self._ask(list_webhooks(client_id))
        self._scope("webhooks.configuration:rw", listed)
        if isinstance(listed, Done) and self._part.registered is None:
            self._part.registered = registrations(listed.value)
        state = await self._ask(get_license_webhooks_state(client_id))
        self._scope("webhooks.state:ro", state)
        if isinstance(state, Done) and not state.value["license_webhooks_enabled"]:
            self._part.disabled.append(self._organization)

    def _scopes(self) -> None:
        if self._held:
            self.found.append(ok("scopes", f"{', '.join(self._held)}"))
            self.found.append(unchecked("scopes", NOT_TRIED))
        for scope in self._lacking:
            text = f"the token lacks {scope}"
            if scope.startswith("chats"):
                self.found.append(wrong("scopes", f"{text}: no chat can be tagged", SETUP))
            else:
                self.found.append(doubtful("scopes", text, SETUP))

    def _tags(self, listed: Done, rules: Sequence[Rule]) -> None:
        problems = problems_of(rules, known_of(listed.value), "")
        for one in problems[:TAGS_NAMED_MAX]:
            say = wrong if one.severity == "error" else doubtful
            self.found.append(say("tags", one.text, one.advice))
        if (left := len(problems) - TAGS_NAMED_MAX) > 0:
            self.found.append(doubtful("tags", f"{left:,} more like these", "tagger check --online"))
        if not problems:
            self.found.append(ok("tags", "LiveChat has every tag that the rules set"))
