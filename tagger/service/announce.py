"""Says which keyword set is in force, and whether a newer one was refused: in the log and as metrics."""

import structlog

from ingest.runtime.process import collect_garbage_seldom
from tagger.keyword_files.reload import Keywords
from tagger.metrics import Metrics

log = structlog.get_logger()


def announce(metrics: Metrics, keywords: Keywords, took_over: bool) -> None:
    """Say which keyword files are in force, and whether newer ones were refused."""
    metrics.keywords_reload_success.set(took_over)
    metrics.keywords_reload_time.set_to_current_time()
    if took_over:
        _show_in_force(metrics, keywords)
        log.info("keywords_in_force", config=keywords.judge.hash, count=len(keywords.judge.rules))
    else:
        first = keywords.problems[0] if keywords.problems else ""
        log.error("keywords_refused", config=keywords.judge.hash, count=len(keywords.problems), reason=first)


def announce_stored(metrics: Metrics, keywords: Keywords) -> None:
    """Say loudly where a set stored before had to take the place of the files."""
    if keywords.origin == "topic":
        _show_in_force(metrics, keywords)
        log.error("keywords_from_topic", config=keywords.judge.hash, count=len(keywords.judge.rules))


def _show_in_force(metrics: Metrics, keywords: Keywords) -> None:
    collect_garbage_seldom()
    metrics.keywords_info.clear()
    metrics.keywords_info.labels(hash=keywords.judge.hash).set(1)
    metrics.keywords_from_topic.set(keywords.origin == "topic")
