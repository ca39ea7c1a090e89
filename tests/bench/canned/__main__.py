"""How well canned responses are recognised in messages that people made of them.

    python -m tests.bench.canned --corpus STAR [--dialogues 1200]

The corpus is github.com/RasaHQ/STAR (MIT): clone it, and name its folder. Its agents picked most of their messages by a
label, which stands for a template with placeholders, worded differently in some of the 24 tasks. Each wording is a rule
with a tag of its own, but those that differ only in punctuation are one; each message is decided by itself. Recall is the
share of picked messages that get a tag of their label, and a tag that their label does not have is wrong. Dialogues are
taken in the order of their file names, which mixes early and late ones. Templates were reworded while the corpus was
collected, so some messages say none that we have; recall is also given for the others, which a plain pattern finds. What
is missed in 1,200 dialogues is 147 such messages, of four labels.
"""

import json
import re
import sys
from collections import Counter, defaultdict
from collections.abc import Iterator
from itertools import chain
from pathlib import Path
from typing import Any, Final, NamedTuple

from tagger.core.conversation import Author, Conversation, Said, ThreadKey
from tagger.core.matching.canned import Template
from tagger.core.matching.decide import Decider
from tagger.core.rules.model import Canned, Rule, RuleSet
from tests.options import given

PLACEHOLDER: Final = r"\{[^{}]*\}"
WORDS_MIN: Final = 1  # a template without words of its own is never found
SHOWN_MAX: Final = 10  # of the pairs of templates that are mistaken most often


class Message(NamedTuple):
    """One message of a dialogue."""

    author: Author
    text: str
    label: str | None  # by which an agent picked it


def read_templates(corpus: Path) -> tuple[dict[str, set[str]], RuleSet]:
    """A rule for each template, and the labels that have its tag."""
    labels: dict[str, set[str]] = defaultdict(set)
    texts: dict[str, str] = {}
    for file in sorted(corpus.glob("tasks/*/responses.json")):
        for label, text in json.loads(file.read_bytes()).items():
            words = Template.read(text, PLACEHOLDER).words
            if len(words) >= WORDS_MIN:
                tag = " ".join(words)
                labels[tag].add(label)
                texts[tag] = text
    rules = (Rule(f"r{at}", tag, canned=(Canned(text),)) for at, (tag, text) in enumerate(texts.items()))
    return labels, RuleSet(tuple(rules), "")


def patterns_of(labels: dict[str, set[str]], rules: RuleSet) -> dict[str | None, list[re.Pattern[str]]]:
    """Label → its templates as patterns, in which a placeholder is anything."""
    patterns: dict[str | None, list[re.Pattern[str]]] = defaultdict(list)
    for rule in rules.rules:
        literal = re.split(PLACEHOLDER, rule.canned[0].text)
        for label in labels[rule.tag]:
            patterns[label].append(re.compile(".*".join(map(re.escape, literal))))
    return patterns


def messages_of(dialogue: dict[str, Any]) -> Iterator[Message]:
    """What customers and agents said."""
    for event in dialogue["Events"]:
        match event["Agent"], event["Action"]:
            case "User", "utter":
                yield Message("customer", event["Text"], None)
            case "Wizard", "utter":
                yield Message("agent", event["Text"], None)
            case "Wizard", "pick_suggestion":
                yield Message("agent", event["Text"], event["ActionLabel"])


def main(corpus: str = "", dialogues: int = 1_200) -> None:
    """Measure, and print the figures."""
    files = sorted(Path(corpus).glob("dialogues/*.json"))[:dialogues]
    if not corpus or not files:
        sys.exit("Name the folder of a clone of github.com/RasaHQ/STAR: --corpus FOLDER")
    labels, rules = read_templates(Path(corpus))
    verbatim = patterns_of(labels, rules)
    decider, known = Decider.compile(rules, PLACEHOLDER), set().union(*labels.values())
    kinds: Counter[str] = Counter()
    tagged: Counter[str] = Counter()
    wrong: Counter[tuple[str, str]] = Counter()
    for message in chain.from_iterable(messages_of(json.loads(file.read_bytes())) for file in files):
        said = Said("", message.author, (message.text,))
        tags = decider.decide(Conversation(ThreadKey("", "", ""), (said,)), 0).tags
        kind: str = "picked" if message.label in known else message.author
        kinds[kind] += 1
        right = [tag for tag in tags if kind != "picked" or message.label in labels[tag]]
        tagged[kind] += bool(right)
        if any(pattern.fullmatch(message.text) for pattern in verbatim[message.label]):
            kinds["verbatim"] += 1
            tagged["verbatim"] += bool(right)
        wrong.update((message.label or "", tag) for tag in tags if tag not in right)
    print(f"{len(files):,} dialogues, {len(rules.rules)} templates of {len(known)} labels")
    for picked in ("picked", "verbatim"):
        print(f"{picked}: {kinds[picked]:,}, recall {tagged[picked] / kinds[picked]:.4f}")
    print(f"wrong tags: {wrong.total()}")
    print(f"typed by agents: {kinds['agent']:,}, tagged {tagged['agent']}")
    print(f"said by customers: {kinds['customer']:,}, tagged {tagged['customer']}")
    for (label, tag), times in wrong.most_common(SHOWN_MAX):
        print(f"{times:>6} × {tag!r} in a message of {label}")


if __name__ == "__main__":
    main(**given(main))
