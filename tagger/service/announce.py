"""Which keyword set is in force, and whether a newer one was refused, for the log and for metrics."""

import structlog

from ingest.runtime.process import collect_garbage_seldom
from tagger.keyword_files.reload import Keywords
from tagger.metrics import Metrics

log = structlog.get_logger()


def announce(metrics: Metrics, keywords: Keywords) -> None:
    """Say whether the newest keyword files came into force or were refused."""
    problems, config = keywords.problems, keywords.judge.hash
    metrics.keywords_reload_success.set(not problems)
    metrics.keywords_reload_time.set_to_current_time()
    if problems:
        log.error("keywords_refused", config=config, count=len(problems), reason=problems[0])
    else:
        _show_in_force(metrics, keywords)
        log.info("keywords_in_force", config=config, count=len(keywords.judge.rules))


def announce_stored(metrics: Metrics, keywords: Keywords) -> None:
    """Say so, as an error, if a stored set had to take the place of the files."""
    if keywords.origin == "topic":
        _show_in_force(metrics, keywords)
        log.error("keywords_from_topic", config=keywords.judge.hash, count=len(keywords.judge.rules))


def _show_in_force(metrics: Metrics, keywords: Keywords) -> None:
    collect_garbage_seldom()
    metrics.keywords_info.clear()
    metrics.keywords_info.labels(hash=keywords.judge.hash).set(1)
    metrics.keywords_from_topic.set(keywords.origin == "topic")
