"""Which of the rules' tags LiveChat lacks: one `list_tags` an hour and organization, while somebody looks at the page."""

import asyncio
from collections.abc import Callable
from typing import Final

from tagger.core.rules.model import RuleSet
from tagger.livechat.authorization.credentials import Credentials
from tagger.livechat.calls.answers import Permanent, Transient
from tagger.livechat.tags import Asks, Known, Wanted, findings, tags_of
from tagger.web.strip import Fact, Notice, tags

EVERY_S: Final = 3_600.0
AGAIN_S: Final = 300.0  # where a tag is missing, so that one that somebody creates is soon seen
ORGANIZATIONS_MAX: Final = (
    20  # with more, an hour would cost more calls than the strip is worth, and it says nothing
)


class TagsThere:
    """What LiveChat answered last. Nothing is said of tags before all organizations have answered."""

    def __init__(self, client: Asks, who: Credentials, rules: Callable[[], RuleSet | None]) -> None:
        """rules: gives the set in force."""
        self._client, self._who, self._rules = client, who, rules
        self._known: dict[str, Known] = {}
        self._looked_at = asyncio.Event()  # somebody has the page open

    async def run(self) -> None:
        """Ask for as long as somebody looks, indefinitely."""
        while True:
            await self._looked_at.wait()
            self._looked_at.clear()
            await self.look()
            missing = any(isinstance(each, Notice) for each in self._facts())
            await asyncio.sleep(AGAIN_S if missing or not self._known else EVERY_S)

    async def look(self) -> None:
        """Ask each organization once; of one that does not answer stays known what was."""
        asked = self._who.organizations() or [""]
        if len(asked) > ORGANIZATIONS_MAX:
            return
        answers = {organization: await tags_of(self._client, organization) for organization in asked}
        known = {
            organization: self._known.get(organization)
            if isinstance(answer, Transient | Permanent)
            else answer
            for organization, answer in answers.items()
        }
        self._known = {name: each for name, each in known.items() if each is not None}
        if len(self._known) < len(asked):
            self._known = {}

    def facts(self) -> list[Fact | Notice]:
        """What the strip says, of the rules as they are now."""
        self._looked_at.set()
        return self._facts()

    def _facts(self) -> list[Fact | Notice]:
        rules = self._rules()
        if rules is None or not self._known:
            return []
        wanted = [Wanted(rule.tag, rule.groups) for rule in rules.rules if not rule.dry_run]
        found = [one for known in self._known.values() for one in findings(known, wanted)]
        missing = sorted({one.tag for one in found if one.kind == "missing"})
        doubts = sorted({one.text for one in found if one.kind != "missing"})
        return tags(missing, doubts, len({one.tag for one in wanted}))
