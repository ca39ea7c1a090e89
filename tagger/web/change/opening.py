"""What can be opened on "Change": files and rules to choose from, and the part that a person asked for. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from tagger.core.rules.model import Rule
from tagger.web.change.part import NEW_RULE, Part, opened, rule_at, sections, text_of
from tagger.web.change.question import NEW_FILE, REFUSED, TEXT_BYTES_MAX, Draft
from tagger.web.source import file_name


class Option(NamedTuple):
    """An entry of a list to choose from."""

    value: str
    label: str


@dataclass(frozen=True, slots=True)
class Desk:
    """The files that can be edited."""

    in_force: Mapping[str, bytes]  # by name without folder
    refused: Mapping[str, bytes]  # those on disk that are not in force as they are
    rules: Sequence[Rule]  # in force

    def names(self) -> set[str]:
        """The files there are, in force or refused."""
        return {*self.in_force, *self.refused}

    def rules_of(self, name: str) -> list[Rule]:
        """The rules of a file in force, in order."""
        return [rule for rule in self.rules if file_name(rule.place.file) == name]

    def files(self) -> list[Option]:
        """Files to choose from."""
        return [
            *(Option(REFUSED + name, f"{name}, as refused") for name in self.refused),
            *(Option(name, name) for name in self.in_force),
            Option(NEW_FILE, "a new file"),
        ]

    def rules_to_choose(self, file: str) -> list[Option]:
        """Parts of a file to choose from."""
        known = sections(text_of(self.in_force.get(file, b"")), self.rules_of(file))
        rules = [Option(id, id) for id in known]
        return [*rules, *([Option(NEW_RULE, "a new rule")] if rules else []), Option("", "the whole file")]

    def chosen(self, file: str, rule: str | None, line: int) -> Draft:
        """What to open; where there is no such file or rule, the nearest thing."""
        known = {option.value for option in self.files()}
        if file not in known:
            file = next(iter(self.in_force), next((REFUSED + name for name in self.refused), NEW_FILE))
        if file == NEW_FILE or file.startswith(REFUSED):
            return Draft(file, None, "")
        rules = self.rules_of(file)
        text = text_of(self.in_force[file])
        if line and rule is None:
            rule = rule_at(text, line, rules)
        rules_known = sections(text, rules)
        if rule not in rules_known and rule != NEW_RULE:
            is_long = len(text.encode()) > TEXT_BYTES_MAX
            rule = next(iter(rules_known), None) if is_long else None
        return Draft(file, rule, "")

    def part(self, draft: Draft) -> Part:
        """The part that a draft is about; a new rule where its rule is gone."""
        if draft.file == NEW_FILE:
            return Part(b"", None, "")
        name = draft.called
        content = self.in_force.get(name, b"")
        if draft.file.startswith(REFUSED):
            return Part(content, None, text_of(self.refused.get(name, content)))
        rules = self.rules_of(name)
        return (
            opened(content, draft.rule, rules)
            or opened(content, NEW_RULE, rules)
            or Part(content, None, text_of(content))
        )
