"""Which keyword set is in force, whether a newer one was refused, and which files are not read: for log and metrics."""

from collections.abc import Callable

import structlog

from ingest.runtime.process import collect_garbage_seldom
from tagger.keyword_files.overlooked import Overlooked
from tagger.keyword_files.reload import Keywords
from tagger.metrics import Metrics

log = structlog.get_logger()


def announce(metrics: Metrics, keywords: Keywords) -> None:
    """Say whether the newest keyword files came into force or were refused."""
    problems, config = keywords.problems, keywords.decider.hash
    metrics.keywords_reload_success.set(not problems)
    metrics.keywords_reload_time.set_to_current_time()
    if problems:
        log.error("keywords_refused", config=config, count=len(problems), reason=problems[0])
    else:
        _show_in_force(metrics, keywords)
        log.info("keywords_in_force", config=config, count=len(keywords.decider.rules))


def overlooked_teller(metrics: Metrics, keywords: Keywords) -> Callable[[], None]:
    """Says which files of the folder look meant and are not read, each once until it is gone."""
    told: set[Overlooked] = set()

    def tell() -> None:
        found = set(keywords.overlooked)
        for entry in sorted(found - told):
            log.warning("keyword_file_overlooked", file=entry.path, reason=str(entry))
        told.clear()
        told.update(found)
        metrics.keyword_files_overlooked.set(len(found))

    return tell


def announce_stored(metrics: Metrics, keywords: Keywords) -> None:
    """Say so, as an error, if a stored set had to take the place of the files."""
    if keywords.origin == "topic":
        _show_in_force(metrics, keywords)
        log.error("keywords_from_topic", config=keywords.decider.hash, count=len(keywords.decider.rules))


def _show_in_force(metrics: Metrics, keywords: Keywords) -> None:
    collect_garbage_seldom()
    metrics.keywords_info.clear()
    metrics.keywords_info.labels(hash=keywords.decider.hash).set(1)
    metrics.show_rules({rule.id for rule in keywords.decider.rules})
    metrics.keywords_from_topic.set(keywords.origin == "topic")
