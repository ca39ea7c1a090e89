"""Finds and repairs ended threads that we have not decided, or decided on less than LiveChat has.

Keeps no state: a repaired thread has its decision, so running the same window again continues where it
stopped. It commits no offsets and never holds back live jobs: its calls go last.
"""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

import structlog

from ingest.runtime.clock import now_ms
from ingest.runtime.supervision import together
from tagger.core.matching.decide import Decision
from tagger.core.partition.looking_back import recall_since
from tagger.core.records.decision import Outcome
from tagger.core.records.missed import DECISIONS_MAX, GRACE_MS, DecidedThreads, Look, Window, begin_ms, look
from tagger.kafka.reader import NO_KAFKA, TopicMissingError, oldest_unfinished_ms, read_topic
from tagger.kafka.recall import Recall
from tagger.livechat.authorization.credentials import Credentials
from tagger.livechat.calls.answers import Done, described
from tagger.livechat.calls.requests import list_archives
from tagger.livechat.client import Client
from tagger.metrics import Metrics
from tagger.recovery.removed import Removed, recall_of
from tagger.service.settle import Ended, Settle, partly
from tagger.settings import RunSettings, group_of

PAGES_MAX: Final = 40_000  # of one organization, 25 threads each: page ids that go in circles end

TOO_EARLY: Final = (
    "it is too early to check this window: chats that ended less than 5 minutes ago, or after the oldest job "
    "that is not settled, are left for the next time"
)

log = structlog.get_logger()


class Watch:
    """Hears of progress. This one ignores it."""

    def on_listed(self, organization: str, total: int | None) -> None:
        """So many of an organization's threads are to be looked at; none was repaired yet. None: unknown."""

    def on_page(self, organization: str, looked: int, total: int) -> None:
        """So many of an organization's threads were looked at; `total` 0: unknown."""

    def on_chat(self, found: Look, decision: Decision, outcome: Outcome | None) -> None:
        """A thread that was missed or short; `outcome` None: nothing was done."""


@dataclass
class Report:
    """What was found, and what became of it."""

    window: Window
    looked: int = 0
    missed: int = 0
    short: int = 0
    repaired: int = 0  # of these
    recent: int = 0  # too recent to check; unknown if it is too early
    unreadable: int = 0
    problems: list[str] = field(default_factory=list)  # one for each organization that was not finished

    @property
    def too_early(self) -> bool:
        """Whether nothing in the window can be checked yet, so that nothing was listed."""
        return self.window.since_ms >= self.window.until_ms

    @property
    def left(self) -> int:
        """Threads that still need repair."""
        return self.missed + self.short - self.repaired


@dataclass(frozen=True, slots=True)
class _Pass:
    """One way through the archives."""

    from_ms: int  # threads that began before are not listed
    decided: DecidedThreads
    report: Report
    repairs: bool
    watch: Watch
    recall: Recall


class Reconcile:
    """Goes through the archives of every organization that we have credentials of."""

    def __init__(self, settings: RunSettings, who: Credentials, client: Client, settle: Settle) -> None:
        self._settings, self._who, self._client, self._settle = settings, who, client, settle

    async def run(
        self, since_ms: int, until_ms: int, *, repairs: bool = True, watch: Watch | None = None
    ) -> Report:
        """Check what ended in the window; repair it, or only report it. Raises what `reader` raises."""
        settings, now = self._settings, now_ms()
        options, topic = settings.client_options(), settings.kafka_webhooks_topic
        # LiveChat does not say whether it filters by a thread's beginning or its end, so threads are listed
        # that may have begun this long before the window.
        listed_from_ms = max(0, since_ms - settings.tagger_chat_age_s_max * 1_000)
        # In this order: what the group's offsets call finished has its decision on the topic.
        unfinished = await oldest_unfinished_ms(options, topic, group_of(settings))
        decided = DecidedThreads(dry_run=self._settle.dry_run, one_for_all=not self._who.organizations())
        from_ms = max(0, listed_from_ms - GRACE_MS)
        whole_since = await read_topic(
            options, settings.kafka_decisions_topic, decided.take, since_ms=from_ms
        )
        report = Report(Window.before(since_ms, until_ms, now, unfinished, whole_since))
        if decided.full:
            report.problems.append(f"more than {DECISIONS_MAX:,} decisions: choose a shorter window")
            return report
        if report.too_early:
            report.problems.append(TOO_EARLY)
            return report
        recall = recall_of(settings, one_for_all=not self._who.organizations())
        this = _Pass(listed_from_ms, decided, report, repairs, watch or Watch(), recall)
        for organization in self._organizations(decided, report):
            problem = await self._go_through(organization, this)
            if problem is not None:
                report.problems.append(f"organization {organization or 'unnamed'}: {problem}")
        return report

    def _organizations(self, decided: DecidedThreads, report: Report) -> list[str]:
        """Those of the credentials file; a single credential's goes by the name that decisions have."""
        named = self._who.organizations()
        if named:
            return named
        known = sorted(decided.organizations - {""})
        if len(known) > 1:
            report.problems.append(
                f"there are chats of {len(known)} organizations and only one credential, which does not say whose "
                "it is: put the credentials into a LIVECHAT_CREDENTIALS_FILE"
            )
            return []
        return known or [""]

    async def _go_through(self, organization: str, this: _Pass) -> str | None:
        """Check all pages of one organization, a page's repairs at once; why it was left, None: it was not."""
        page_id: str | None = None
        looked = 0
        for _ in range(PAGES_MAX):
            # Those that are too recent are listed, too: a person is told how many they are.
            call = list_archives(this.from_ms, this.report.window.asked_until_ms, page_id=page_id)
            answer = await self._client.ask(organization, call, background=True)
            if not isinstance(answer, Done):
                return described(answer)
            found_chats = answer.value.get("found_chats")
            total = found_chats if type(found_chats) is int else None
            if page_id is None:
                this.watch.on_listed(organization, total)
            chats = answer.value["chats"]
            found = [look(organization, chat, this.report.window, this.decided) for chat in chats]
            done = await together(self._see(one, this) for one in found)
            looked += len(found)
            this.watch.on_page(organization, looked, total or 0)
            if not all(done):
                return "LiveChat did not answer in time, or live jobs left no room; the rest is left for the next time"
            page_id = answer.value.get("next_page_id")
            if page_id is None:
                return None
        return f"more than {PAGES_MAX:,} pages of chats: choose a shorter window"

    async def _see(self, found: Look, this: _Pass) -> bool:
        """Count a thread, and repair it where it needs that; False where LiveChat did not answer in time."""
        report = this.report
        report.looked += found.found != "outside"
        report.recent += found.found == "recent"
        report.unreadable += found.found == "unreadable"
        if found.conversation is None:
            return True
        report.missed += found.found == "missed"
        report.short += found.found == "short"
        if not this.repairs:
            this.watch.on_chat(found, await self._settle.decide(found.conversation, found.ended_at_ms), None)
            return True
        missing = None if found.conversation.complete else partly()
        rules = None if found.found == "short" else frozenset[str]()  # a short one was decided on before
        thread, created_ms = found.conversation.thread, found.created_at_ms
        removed = Removed(this.recall, thread, recall_since(created_ms), this.decided.removals.of(thread))
        ended = Ended(
            found.conversation,
            found.ended_at_ms,
            rules=rules,
            missing=missing,
            removed=removed.now,
            recall=removed.look,
        )
        decision, outcome = await self._settle.thread(ended, purpose="reconcile")
        this.watch.on_chat(found, decision, outcome)
        report.repaired += outcome is not None
        return outcome is not None


async def reconcile_in_service(  # noqa: PLR0913, PLR0917 - the parts of the service that it works with
    settings: RunSettings,
    who: Credentials,
    client: Client,
    settle: Settle,
    is_ours: Callable[[], bool],
    metrics: Metrics,
) -> None:
    """Repair every TAGGER_RECONCILE_EVERY_S with the service's own parts."""
    reconcile = Reconcile(settings, who, client, settle)
    await reconcile_regularly(reconcile, settings.tagger_reconcile_every_s, is_ours, metrics)


async def reconcile_regularly(
    reconcile: Reconcile, every_s: int, is_ours: Callable[[], bool], metrics: Metrics
) -> None:
    """For the service: repair every so often, while this member of the group is the one to do it."""
    came_to_ms: int | None = None
    while True:
        await asyncio.sleep(every_s)
        if not is_ours():
            came_to_ms = None
            continue
        now = now_ms()
        since_ms = begin_ms(came_to_ms, now, every_s)
        came_to_ms = came_to_ms or since_ms  # what could not be done this time is part of the next
        try:
            report = await reconcile.run(since_ms, now)
        except Exception as error:  # a fault of ours must end neither tagging nor the next run
            metrics.reconcile_failures.inc()
            if isinstance(error, (TopicMissingError, *NO_KAFKA)):
                log.warning("reconcile_failed", error_type=type(error).__name__)
            else:
                metrics.faults.labels(error_type=type(error).__name__).inc()
                log.error("reconcile_failed", exc_info=error)
            continue
        for problem in report.problems:
            log.warning("reconcile_incomplete", reason=problem)
        if report.problems:
            metrics.reconcile_failures.inc()
        else:
            came_to_ms = report.window.until_ms
            metrics.reconcile_time.set_to_current_time()
        metrics.reconciled.labels(found="missed").inc(report.missed)
        metrics.reconciled.labels(found="short").inc(report.short)
        say = log.warning if report.missed or report.short else log.info
        say("reconciled", count=report.missed + report.short, records=report.looked)
