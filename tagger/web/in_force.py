"""The keyword files on disk as the page sees them: which set is in force since when, and what was refused when."""

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Final

from ingest.runtime.clock import now_ms
from tagger.core.matching.decide import Decider
from tagger.core.rules.model import RuleSet
from tagger.keyword_files.reload import Keywords
from tagger.web.source import file_name
from tagger.web.strip import KeywordsNow

NOTHING_IN_FORCE: Final = (
    "No keywords are in force: the files were refused. `tagger check` lists what is wrong."
)


class InForce:
    """Follows the folder of keyword files."""

    def __init__(self, folder: Path, placeholder: str) -> None:
        """Reads it once; what is wrong is a fact to show, not an error."""
        self._keywords = Keywords(folder, placeholder)
        self._folder, self.placeholder = folder, placeholder
        self._refused_at_ms = now_ms()
        # At a start nobody tells since when: the newest file is the best witness.
        self._since_ms = _newest_ms(self._keywords.files) or now_ms()
        self._hash = self._keywords.decider.hash

    @property
    def decider(self) -> Decider | None:
        """What decides; None where no set is in force."""
        return None if self._keywords.origin == "nowhere" else self._keywords.decider

    @property
    def rules(self) -> RuleSet | None:
        """The set in force; None where no set is."""
        decider = self.decider
        return RuleSet(tuple(decider.rules), decider.hash) if decider else None

    @property
    def files(self) -> Mapping[str, bytes]:
        """The files of the set in force, by their names with the folder; none where no set is."""
        return self._keywords.files

    @property
    def refused(self) -> Mapping[str, bytes]:
        """The files on disk that are not in force as they are, because the set was refused."""
        on_disk = self._keywords.on_disk
        if not self._keywords.problems or isinstance(on_disk, str):
            return {}
        return {name: content for name, content in on_disk.items() if self.files.get(name) != content}

    def path_of(self, name: str) -> str:
        """A file of the folder by its name alone, as the files of the set are named."""
        known = (path for path in (*self.files, *self.refused) if file_name(path) == name)
        return next(known, str(self._folder / name))

    def now(self) -> KeywordsNow:
        """What the strip says."""
        decider = self.decider
        problems = self._keywords.problems
        return KeywordsNow(decider.hash if decider else None, self._since_ms, problems, self._refused_at_ms)

    async def watch(self) -> None:
        """Follow the folder, indefinitely."""
        await self._keywords.watch(self._changed)

    def _changed(self) -> None:
        if self._keywords.problems:
            self._refused_at_ms = now_ms()
        if self._keywords.decider.hash != self._hash:
            self._hash, self._since_ms = self._keywords.decider.hash, now_ms()


def _newest_ms(files: Iterable[str]) -> int:
    """When the newest of the files was changed, in ms; 0 where that cannot be told."""
    try:
        return max((int(Path(name).stat().st_mtime * 1000) for name in files), default=0)
    except OSError:
        return 0
