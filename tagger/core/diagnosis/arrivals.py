"""Whether webhooks arrive, and whether they wait on the way. Pure. Times in ms."""

from dataclasses import dataclass
from typing import Final

from tagger.core.diagnosis.finding import Finding, doubtful, ok, wrong
from tagger.core.diagnosis.span import span
from tagger.core.plurals import counted

SILENT_MS: Final = 86_400_000  # as the alert WebhooksNeverCame: nights and weekends are silent
WAITS_MS: Final = 120_000  # as the alert SpoolInUse
NONE_CAME: Final = (
    "send a sample through it: tagger webhooks send URL; then look at where LiveChat sends them"
)
WHY_NOT: Final = "they are sent once Kafka takes them: the log of ingest says why it does not"


def last_came(topic: str, at_ms: int | None, now_ms: int) -> Finding:
    """What to make of the time of the last webhook on the topic; None: there is none."""
    if at_ms is None:
        return doubtful("webhooks", f"no webhook is on {topic}", NONE_CAME)
    text = f"the last one came {span(now_ms - at_ms)} ago, on {topic}"
    return doubtful("webhooks", text, NONE_CAME) if now_ms - at_ms > SILENT_MS else ok("webhooks", text)


@dataclass(frozen=True, slots=True)
class SpoolSeen:
    """What `ingest` shows of its spool."""

    records: int
    bytes: int
    oldest_ms: int  # when the oldest came, Unix time; 0: it is empty
    spooling: bool


def spool(seen: SpoolSeen, now_ms: int) -> Finding:
    """Whether webhooks wait in the spool, how many and for how long."""
    if not seen.records and not seen.spooling:
        return ok("ingest", "nothing waits in its spool")
    if not seen.records:
        return doubtful("ingest", "it stores webhooks in its spool; at present none waits there", WHY_NOT)
    age_ms = now_ms - seen.oldest_ms if seen.oldest_ms else 0
    wait = f"{counted(seen.records, 'webhook')} ({seen.bytes:,} bytes) wait{'s' if seen.records == 1 else ''}"
    say = wrong if age_ms > WAITS_MS else doubtful
    return say("ingest", f"{wait} in its spool, the oldest for {span(age_ms)}", WHY_NOT)
