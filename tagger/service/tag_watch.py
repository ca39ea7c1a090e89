"""Warns of tags that LiveChat will refuse: missing, in another case, or not in the rule's groups.

Nothing waits for this: a tag is set whether it is known here or not, and LiveChat's answer decides. It costs one
`list_tags` an hour and organization, one when the keyword files change, and one every five minutes while a tag is
missing there, so that a tag that somebody creates is soon seen.
"""

import asyncio
import time
from collections import Counter
from collections.abc import Callable, Container
from typing import Final

import structlog

from tagger.keyword_files.reload import Keywords
from tagger.livechat.authorization.credentials import Credentials
from tagger.livechat.calls.answers import Permanent, Transient
from tagger.livechat.tags import Asks, Finding, Known, findings, tags_of
from tagger.metrics import TAG_DOUBTS, Metrics
from tagger.service.tag_check import wanted_of

EVERY_S: Final = 3_600.0
AGAIN_S: Final = 300.0  # where a tag is missing, or LiveChat did not answer; a day of it costs 8 cents
LOOK_S: Final = 5.0  # how soon after a change of the keyword files
LOGGED_MAX: Final = 100  # lines a look; `tagger check --online` shows all

log = structlog.get_logger()

Doubt = tuple[str, Finding]  # organization, "" where one credential serves all


class TagWatch:
    """Logs each doubtful tag once; what it remembers is bounded by rules and organizations."""

    def __init__(self, keywords: Keywords, who: Credentials, client: Asks, metrics: Metrics) -> None:
        self._keywords, self._who, self._client, self._metrics = keywords, who, client, metrics
        self._known: set[Doubt] = set()
        self._unanswered: set[str] = set()  # organizations

    async def look(self, asked: Container[str] | None = None) -> None:
        """Ask these organizations once; None: all. Of one that is not asked, or does not answer, is known what was."""
        wanted = [wanted_of(rule) for rule in self._keywords.decider.rules if not rule.dry_run]
        tags = {one.tag for one in wanted}
        doubts: set[Doubt] = set()
        for organization in self._organizations():
            known = None
            if asked is None or organization in asked:
                known = await self._tags_of(organization)
            if known is None:  # rules may have changed meanwhile
                doubts |= {each for each in self._known if each[0] == organization and each[1].tag in tags}
            else:
                doubts |= {(organization, finding) for finding in findings(known, wanted)}
        fresh = sorted(doubts - self._known, key=lambda doubt: (doubt[0], doubt[1].tag))
        for organization, finding in fresh[:LOGGED_MAX]:
            log.warning("tag_doubtful", organization=organization, tag=finding.tag, reason=finding.text)
        self._remember(doubts)

    def _organizations(self) -> list[str]:
        return self._who.organizations() or [""]

    async def _tags_of(self, organization: str) -> Known | None:
        known = await tags_of(self._client, organization)
        if isinstance(known, Transient | Permanent):
            log.info("tags_not_listed", organization=organization, error_type=known.error_type)
            self._unanswered.add(organization)
            return None
        self._unanswered.discard(organization)
        return known

    async def run(self, is_mine: Callable[[], bool]) -> None:
        """Look every hour and after each change of the keyword files, on one member of the group."""
        looked_at, looked_for, again_at = -EVERY_S, "", 0.0
        while True:
            now, wanted_for = time.monotonic(), self._keywords.decider.hash
            if not is_mine():
                looked_at = -EVERY_S
                self.forget()
            elif now - looked_at >= EVERY_S or wanted_for != looked_for:
                looked_at, looked_for, again_at = now, wanted_for, now
                await self._try_to_look(None)
            elif now - again_at >= AGAIN_S and (unsure := self._unsure()):
                again_at = now
                await self._try_to_look(unsure)
            await asyncio.sleep(LOOK_S)

    async def _try_to_look(self, asked: Container[str] | None) -> None:
        try:
            await self.look(asked)
        except Exception as error:  # a fault in here must not end tagging
            self._metrics.faults.labels(error_type=type(error).__name__).inc()
            log.error("tags_not_listed", exc_info=error)

    def _unsure(self) -> set[str]:
        """Organizations where a tag is missing, or that did not answer."""
        return self._unanswered | {whose for whose, finding in self._known if finding.kind != "groups"}

    def was_set(self, organization: str, tag: str) -> None:
        """LiveChat took this tag, so it exists: that it may be refused on threads of other groups remains."""
        if self._known:
            told = {(whose, tag) for whose in (organization, "")}  # "": one credential serves all
            self._remember(
                {
                    (whose, finding)
                    for whose, finding in self._known
                    if finding.kind == "groups" or (whose, finding.tag) not in told
                }
            )

    def forget(self) -> None:
        """Show nothing: another member looks from now on."""
        self._unanswered.clear()
        self._remember(set())

    def _remember(self, doubts: set[Doubt]) -> None:
        self._known = doubts
        kinds = Counter(kind for kind, _ in {(finding.kind, finding.tag) for _, finding in doubts})
        for kind in TAG_DOUBTS:
            self._metrics.tags_doubtful.labels(kind=kind).set(kinds[kind])
