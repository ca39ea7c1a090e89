"""Explains real messages in many languages, by keywords that are made of their own words, and checks every position.

    python -m tests.bench.languages --corpora FOLDER [--messages 1000]

The folder has clones of these repositories of GitHub, each under its own name (only the files named here are read):
cardiffnlp/xlm-t (tweets), songys/Chatbot_data (a chat bot's questions and answers), PyThaiNLP/wisesight-sentiment
(what people write to brands), ye-kyaw-thu/khPOS, and of UniversalDependencies UD_Russian-Taiga, UD_Polish-PDB,
UD_Turkish-BOUN, UD_Japanese-GSD and UD_Chinese-GSD. What is missing is skipped, and said so.

Of each language so many messages are explained, with rules whose keywords are words, phrases and parts of words of a
sample of them, in every way that a keyword can be written, and canned responses that are whole messages. Printed for
each language: messages, keywords, matches, near misses by kind. It exits 1 if a message crashes the explanation, if a
position is outside its text, or if the text at a position does not fold to the keyword that is said to be there.
"""

import csv
import re
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from random import Random
from typing import Final

import orjson

from tagger.commands.transcript import transcript
from tagger.core.conversation import Author, Conversation, Said, ThreadKey
from tagger.core.folding.fold import fold
from tagger.core.matching.decide import Decider, NearMiss, Reason
from tagger.core.matching.explain import as_json, counted, not_counted, passages
from tagger.core.rules.model import Keyword
from tagger.core.rules.parse import RuleSet, keywords_of, parse
from tagger.core.rules.places import places_of
from tagger.core.rules.problems import Problem
from tests.options import given

KEYWORDS: Final = 300  # of each language
CANNED: Final = 20
FAILURES_SHOWN: Final = 10
TWEETS: Final = ("arabic", "english", "french", "german", "hindi", "italian", "portuguese", "spanish")


def lines(*paths: Path) -> Iterator[str]:
    """A message a line."""
    for path in paths:
        yield from path.read_text("utf-8").split("\n")


def treebank(*paths: Path) -> Iterator[str]:
    """The texts of sentences in CoNLL-U."""
    for line in lines(*paths):
        if line.startswith("# text = "):
            yield line.removeprefix("# text = ")


def questions(path: Path) -> Iterator[str]:
    """The first two columns of a CSV file."""
    with path.open(encoding="utf-8") as file:
        for row in csv.reader(file):
            yield from row[:2]


def unspaced(*paths: Path) -> Iterator[str]:
    """Words with spaces in between, where people write none."""
    for line in lines(*paths):
        yield re.sub("[ ~^_]", "", line)


Reader = Callable[..., Iterator[str]]
CORPORA: Final[dict[str, tuple[Reader, str, list[str]]]] = {
    **{
        language: (
            lines,
            "xlm-t",
            [f"data/sentiment/{language}/{part}_text.txt" for part in ("train", "val", "test")],
        )
        for language in TWEETS
    },
    "russian": (treebank, "UD_Russian-Taiga", ["ru_taiga-ud-dev.conllu", "ru_taiga-ud-test.conllu"]),
    "polish": (treebank, "UD_Polish-PDB", ["pl_pdb-ud-dev.conllu", "pl_pdb-ud-test.conllu"]),
    "turkish": (treebank, "UD_Turkish-BOUN", ["tr_boun-ud-dev.conllu", "tr_boun-ud-test.conllu"]),
    "korean": (questions, "Chatbot_data", ["ChatbotData.csv"]),
    "thai": (lines, "wisesight-sentiment", ["neg.txt", "pos.txt", "q.txt"]),
    "khmer": (
        unspaced,
        "khPOS",
        [f"corpus-draft-ver-1.0/data/{part}-TEST.word" for part in ("OPEN", "CLOSE")],
    ),
    "japanese": (treebank, "UD_Japanese-GSD", ["ja_gsd-ud-dev.conllu", "ja_gsd-ud-test.conllu"]),
    "chinese": (treebank, "UD_Chinese-GSD", ["zh_gsd-ud-dev.conllu", "zh_gsd-ud-test.conllu"]),
}


@dataclass
class Result:
    """What became of one language."""

    messages: int = 0
    matches: int = 0
    near_misses: Counter[str] = field(default_factory=Counter)
    checked: int = 0  # positions whose text has to fold to a keyword
    failures: list[str] = field(default_factory=list)


def keyword_of(message: str, rng: Random) -> object:
    """A part of a message as a keyword: a word, a phrase or any characters, written in one of all ways."""
    words = message.split()
    begin = rng.randrange(len(words))
    text = " ".join(words[begin : begin + rng.choice([1, 1, 1, 2, 3])])
    if rng.random() < 0.3:
        begin = rng.randrange(len(text))
        text = text[begin : begin + rng.randint(2, 6)].strip()
    if rng.random() < 0.7:
        text = text.strip(".,!?…\"'()[]{}:;«»“”’。，！？、")
    mapping = {"keyword": text[:100], "match": rng.choice(["word", "prefix", "suffix", "anywhere"])}
    mapping |= {"case": "sensitive"} if rng.random() < 0.2 else {}
    mapping |= {"accents": "exact"} if rng.random() < 0.2 else {}
    return mapping


def rules_of(messages: list[str], rng: Random) -> RuleSet:
    """Rules of every shape, with keywords out of the messages; those that nobody may write are left out."""
    kept: list[object] = []
    while len(kept) < KEYWORDS:
        keyword = keyword_of(rng.choice(messages), rng)
        if isinstance(parsed({"version": 1, "rules": [{"id": "a", "tag": "A", "any": [keyword]}]}), RuleSet):
            kept.append(keyword)
    rules: list[dict[str, object]] = []
    for number, keyword in enumerate(kept):
        rule: dict[str, object] = {"id": f"r{number}", "tag": f"T{number}", "any": [keyword]}
        rule |= rng.choice(
            [
                {}, {}, {}, {"from": "any"}, {"from": "agent"}, {"links": "ignore"}, {"min_matches": 2},
                {"none": [rng.choice(kept)]}, {"ignore": [rng.choice(kept)]}, {"all": [[rng.choice(kept)]]},
            ]
        )  # fmt: skip
        rules.append(rule)
    for number in range(CANNED):
        words = rng.choice(messages).split()
        words[rng.randrange(len(words))] = "%name%"
        rules.append({"id": f"c{number}", "tag": f"C{number}", "canned": ["word " + " ".join(words)]})
    read = parsed({"version": 1, "rules": rules})
    if not isinstance(read, RuleSet):
        sys.exit("\n".join(map(str, read)))
    return read


def parsed(file: object) -> RuleSet | list[Problem]:
    """A keyword file that is written in JSON, which is YAML, too."""
    return parse({"corpus.yaml": orjson.dumps(file).replace(b"\x7f", b"")})


def explained(messages: list[str], seed: int) -> Result:
    """Explain each message by itself, as `tagger explain` does."""
    rng, result = Random(seed), Result()
    rules = rules_of(rng.sample(messages, min(len(messages), KEYWORDS)), rng)
    decider, places = Decider.compile(rules), places_of(rules.rules)
    keywords = {rule.id: {one.written: one for one in keywords_of(rule)} for rule in rules.rules}
    for number, message in enumerate(messages):
        result.messages += 1
        author: Author = "agent" if number % 3 == 0 else "customer"
        conversation = Conversation(ThreadKey("", "", ""), (Said("1", author, (message,)),))
        try:
            decision = decider.decide(conversation, 0, explain=True)
            orjson.dumps(as_json(conversation, decision))
            for labelled in (counted(decision, places), not_counted(decision, places)):
                for _ in transcript(passages(conversation.said, labelled)):
                    pass
        except Exception as error:
            result.failures.append(f"{error!r} over {message!a}")
            continue
        result.matches += len(decision.because)
        result.near_misses.update(no.why_not.kind for no in decision.near_misses)
        everything: list[Reason | NearMiss] = [*decision.because, *decision.near_misses]
        for found in everything:
            check(found, message, keywords[found.rule].get(found.keyword), result)
            if (found.rule, found.keyword) not in places:
                result.failures.append(f"no place of {found!a}")
    return result


def check(found: Reason | NearMiss, message: str, keyword: Keyword | None, result: Result) -> None:
    """Add to the result what is wrong with a position."""
    if not 0 <= found.start < found.end <= len(message):
        result.failures.append(f"{found!a} is outside {message!a}")
    if keyword is None:  # a canned response
        return
    result.checked += 1
    strict = (keyword.case_sensitive, keyword.accents_exact)
    options = (False, False) if isinstance(found, NearMiss) and "differ" in found.why_not.kind else strict
    text = message[found.start : found.end]
    there, wanted = (fold(one, *options).text.strip(" ") for one in (text, keyword.text))
    # A keyword may be part of what one character stands for: … is three full stops, ﷺ is four words.
    is_ligature = any(len(fold(end, *options).text) > 1 for end in (text[0], text[-1]))
    if there != wanted and not (is_ligature and wanted in there):
        result.failures.append(f"{found!a} in {message!a} is {there!a}")


def main(corpora: str = "", messages: int = 1_000, seed: int = 1) -> None:
    """Explain, and print the figures."""
    if not corpora:
        sys.exit("Name the folder of the clones: --corpora FOLDER")
    total, failures = Counter[str](), list[str]()
    print("language     messages  matches  near misses  checked")
    for language, (read, repository, names) in CORPORA.items():
        paths = [Path(corpora) / repository / name for name in names]
        if missing := [path for path in paths if not path.is_file()]:
            print(f"{language:<12} skipped: there is no {missing[0]}")
            continue
        said = list(islice((text.strip() for text in read(*paths) if text.strip()), messages))
        result = explained(said, seed)
        near = result.near_misses.total()
        print(
            f"{language:<12} {result.messages:>8,} {result.matches:>8,} {near:>12,} {result.checked:>8,}",
            flush=True,
        )
        total.update(result.near_misses)
        total["messages"] += result.messages
        failures += result.failures
    kinds = ", ".join(f"{kind} {count:,}" for kind, count in total.most_common() if kind != "messages")
    print(f"{total['messages']:,} messages; near misses: {kinds}")
    print(f"{len(failures)} failures")
    sys.exit("\n".join(failures[:FAILURES_SHOWN]) if failures else 0)


if __name__ == "__main__":
    main(**given(main))
