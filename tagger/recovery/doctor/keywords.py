"""Whether the keyword files are valid, and whether they are the set in force."""

from collections.abc import Iterator, Sequence
from typing import Final

from tagger.core.diagnosis.finding import Finding, doubtful, ok, unchecked, wrong
from tagger.core.matching.decide import Decider
from tagger.core.plurals import counted
from tagger.core.rules.parse import RuleSet, parse
from tagger.keyword_files.overlooked import overlooked
from tagger.keyword_files.read import read_files
from tagger.keyword_files.reload import build
from tagger.settings import KeywordSettings

PROBLEMS_NAMED_MAX: Final = 5  # `tagger check` names all


def examine(settings: KeywordSettings) -> tuple[list[Finding], Decider | None]:
    """The files on disk; None: they are refused."""
    folder = settings.tagger_config
    found = [
        doubtful("keywords", f"{one.path}: this {one.what}, so it is not read", one.advice.rstrip("."))
        for one in overlooked(folder)
    ]
    files = read_files(folder)
    built = (files,) if isinstance(files, str) else build(files, settings.tagger_canned_placeholder)
    if isinstance(built, Decider):
        rules = len(built.rules)
        text = f"{counted(rules, 'rule')} in {folder}, valid, and their tests pass (config {built.hash})"
        return [ok("keywords", text), *found], built
    for problem in built[:PROBLEMS_NAMED_MAX]:
        found.append(
            wrong("keywords", problem.rstrip("."), "fix it; the previous set stays in force meanwhile")
        )
    if (left := len(built) - PROBLEMS_NAMED_MAX) > 0:
        found.append(wrong("keywords", f"{left:,} more mistakes", "tagger check lists all"))
    return found, None


def in_force(
    decider: Decider | None, stored: Sequence[dict[str, bytes]] | None, topic: str
) -> Iterator[Finding]:
    """Whether the set on the topic, which came into force last, is that of the files. Pure."""
    if decider is None or stored is None:
        yield unchecked("keywords", f"whether these files are the set in force, which is on {topic}")
        return
    if not stored:
        text = f"no set is on {topic}, so a start with bad files would find none"
        yield doubtful("keywords", text, "tagger run writes each set that comes into force: start it")
        return
    newest = parse(stored[0])
    config = newest.hash if isinstance(newest, RuleSet) else "unreadable to this version"
    if config == decider.hash:
        yield ok("keywords", f"these files are the set that came into force last ({topic})")
    else:
        text = f"config {config} came into force last ({topic}), not these files (config {decider.hash})"
        remedy = (
            "give every member the same files; a change is in force within 10 s unless tagger run refuses it"
        )
        yield wrong("keywords", text, remedy)
