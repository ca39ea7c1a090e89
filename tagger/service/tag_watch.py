"""Warns of tags that LiveChat will refuse: missing, in another case, or not in the rule's groups.

Nothing waits for this: a tag is set whether it is known here or not, and LiveChat's answer decides. It costs one
`list_tags` an hour and organization, and one when the keyword files change.
"""

import asyncio
import time
from collections import Counter
from collections.abc import Callable
from typing import Final

import structlog

from tagger.keyword_files.reload import Keywords
from tagger.livechat.authorization.credentials import Credentials
from tagger.livechat.calls.answers import Permanent, Transient
from tagger.livechat.tags import Asks, Finding, findings, tags_of
from tagger.metrics import TAG_DOUBTS, Metrics
from tagger.service.tag_check import wanted_of

EVERY_S: Final = 3_600.0
LOOK_S: Final = 5.0  # how soon after a change of the keyword files
LOGGED_MAX: Final = 100  # lines a look; `tagger check --online` shows all

log = structlog.get_logger()

Doubt = tuple[str, Finding]  # organization, "" where one credential serves all


class TagWatch:
    """Logs each doubtful tag once; what it remembers is bounded by rules and organizations."""

    def __init__(self, keywords: Keywords, who: Credentials, client: Asks, metrics: Metrics) -> None:
        self._keywords, self._who, self._client, self._metrics = keywords, who, client, metrics
        self._known: set[Doubt] = set()

    async def look(self) -> None:
        """Ask every organization once. Where one does not answer, what is known of it stays as it is."""
        wanted = [wanted_of(rule) for rule in self._keywords.judge.rules if not rule.dry_run]
        doubts: set[Doubt] = set()
        for organization in self._who.organizations() or [""]:
            known = await tags_of(self._client, organization)
            if isinstance(known, Transient | Permanent):
                log.info("tags_not_listed", organization=organization, error_type=known.error_type)
                doubts |= {doubt for doubt in self._known if doubt[0] == organization}
            else:
                doubts |= {(organization, finding) for finding in findings(known, wanted)}
        fresh = sorted(doubts - self._known, key=lambda doubt: (doubt[0], doubt[1].tag))
        for organization, finding in fresh[:LOGGED_MAX]:
            log.warning("tag_doubtful", organization=organization, tag=finding.tag, reason=finding.text)
        self._remember(doubts)

    async def run(self, is_mine: Callable[[], bool]) -> None:
        """Look every hour and after each change of the keyword files, on one member of the group."""
        looked_at, looked_for = -EVERY_S, ""
        while True:
            now, wanted_for = time.monotonic(), self._keywords.judge.hash
            if not is_mine():
                looked_at = -EVERY_S
                self.forget()
            elif now - looked_at >= EVERY_S or wanted_for != looked_for:
                looked_at, looked_for = now, wanted_for
                try:
                    await self.look()
                except Exception as error:  # a fault in here must not end tagging
                    self._metrics.faults.labels(error_type=type(error).__name__).inc()
                    log.error("tags_not_listed", exc_info=error)
            await asyncio.sleep(LOOK_S)

    def forget(self) -> None:
        """Show nothing: another member looks from now on."""
        self._remember(set())

    def _remember(self, doubts: set[Doubt]) -> None:
        self._known = doubts
        kinds = Counter(kind for kind, _ in {(finding.kind, finding.tag) for _, finding in doubts})
        for kind in TAG_DOUBTS:
            self._metrics.tags_doubtful.labels(kind=kind).set(kinds[kind])
