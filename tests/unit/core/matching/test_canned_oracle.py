"""Canned responses against a slow reader that tries every alignment, written from the words of the keyword manual.

`python -m tests.unit.core.matching.test_canned_oracle --cases 200000 --seed 1` runs that many random cases on all cores,
and `--corpus STAR` compares both on the messages of a clone of github.com/RasaHQ/STAR. A case is its seed: a difference
is printed with the seed that makes it again.
"""

import json
import re
import sys
import unicodedata
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from random import Random
from typing import Final

import click
import pytest

from tagger.core.folding.fold import fold
from tagger.core.matching.canned import DEFAULT_PLACEHOLDER, Message, Template, find, words_of

HELD: Final = 8  # words of a placeholder
BETWEEN: Final = 3  # words that may stand between two others
NAMELESS: Final = (
    "\N{OBJECT REPLACEMENT CHARACTER}"  # stands for a placeholder; it is neither a word nor folded
)
STAR: Final = r"\{[^{}]*\}"

# Words that are spelt, split and joined in every way, and what stands between words.
WORDS: Final = (
    "your refund order parcel is on its way the a we have sent it to you thank please wait don't can't o'clock I'm "
    "we’ve it´s l'hôtel e-mail self-service follow-up 1,000 3.50 12:30 €20 20€ 24/7 #551 5% C++ Łódź Straße Größe naïve "
    "İstanbul ﬁne ＡＢＣ １２ 您的退款 注文を 환불 возврат заём استرداد किताब ราคา 🙂 rock'n'roll 'quoted' a.m. U.S. x² "
    "____ order_id _so_ _don't_"
).split()
SIGNS: Final = (
    " ",
    " ",
    " ",
    " ",
    ", ",
    ". ",
    "! ",
    " – ",
    "\n",
    "\u00a0",
    " (",
    ") ",
    " … ",
    "  ",
    " 'n' ",
    "; ",
)
FILLED: Final = (
    "",
    "Anna",
    "Anna Maria",
    "O'Brien",
    "20 EUR",
    "a b c d e f g h",
    "a b c d e f g h i",
    "王小姐",
    "12.50",
)
PLACEHOLDERS: Final = (
    "%name%",
    "%name%'s",
    "%amount%EUR",
    "l'%item%",
    "#%order%",
    "%a%%b%",
    "%a% %b%",
    "您%name%",
)


def words(text: str) -> list[str]:
    """Words as people count them: letters, digits and marks in a row, also around an apostrophe; each Han sign is one.

    An `_` joins letters and digits; at their outside it is emphasis.
    """
    kinds = re.sub("(?<=[wm])_+(?=[wm])", lambda found: "w" * len(found[0]), "".join(map(kind, text)))
    return [text[found.start() : found.end()] for found in re.finditer(r"sm*|[wm]+(?:'[wm]+)*", kinds)]


def kind(ch: str) -> str:
    name, category = unicodedata.name(ch, ""), unicodedata.category(ch)
    if category[0] == "M":
        return "m"
    if category[0] == "N":
        return "w"
    spaceless = ("CJK", "HIRAGANA", "KATAKANA", "THAI", "LAO", "KHMER", "MYANMAR", "IDEOGRAPHIC")
    return ch if ch in "'_" else "s" if name.startswith(spaceless) else "w" if category[0] == "L" else " "


def literal(template: str, placeholder: str) -> tuple[list[str], list[int]]:
    """The words of a template, and how many words the placeholders before each may hold."""
    folded = "".join(
        NAMELESS if number % 2 else fold(part).text
        for number, part in enumerate(re.split(f"({placeholder})", template))
    )
    found: list[str] = []
    held: list[int] = []
    room = 0
    # A word that touches a placeholder, itself or with an apostrophe, is part of it.
    for part in re.split(f"({NAMELESS})", folded):
        room += HELD * (part == NAMELESS)
        for word in words(part):
            found.append(word)
            held.append(room)
            room = 0
    ends = touching(folded)
    kept = [at for at in range(len(found)) if at not in ends]
    return [found[at] for at in kept], [
        sum(held[(kept[number - 1] + 1 if number else 0) : at + 1]) for number, at in enumerate(kept)
    ]


def touching(folded: str) -> set[int]:
    """Which of the words, by number, go on in a placeholder."""
    numbers: set[int] = set()
    at = 0
    parts = folded.split(NAMELESS)
    for number, part in enumerate(parts):
        count = len(words(part))
        first, last = kind(part.removeprefix("'")[:1] or " "), kind(part.removesuffix("'")[-1:] or " ")
        ends = last in "w" or (last == "m" and not is_spaceless_end(part))
        if number and count and first in "wm":
            numbers.add(at)
        if number + 1 < len(parts) and count and ends:
            numbers.add(at + count - 1)
        at += count
    return numbers


def is_spaceless_end(part: str) -> bool:
    return kind(part.rstrip("".join(ch for ch in part if kind(ch) == "m"))[-1:] or " ") == "s"


def fewest_missing(wanted: Sequence[str], held: Sequence[int], said: Sequence[str]) -> int:
    """How many words are missing in the best alignment."""
    total = len(wanted)
    least: dict[tuple[int, int], int] = {}  # (word of the template, its place) → missing before it
    for place, word in enumerate(said):
        for at in range(total):
            if wanted[at] != word:
                continue
            ways = [at]
            for (before, where), missing in least.items():
                skipped, between = at - before - 1, place - where - 1
                if (
                    before < at
                    and where < place
                    and between <= (sum(held[before + 1 : at + 1]) or BETWEEN) + skipped
                ):
                    ways.append(missing + skipped)
            least[at, place] = min(ways)
    return min((missing + total - 1 - at for (at, _), missing in least.items()), default=total)


def differs(template: str, text: str, placeholder: str = DEFAULT_PLACEHOLDER) -> str | None:
    """In what the two readers differ about a message."""
    wanted, held = literal(template, placeholder)
    read = Template.read(template, placeholder)
    if (wanted, held) != (list(read.words), list(read.fills)):
        return f"{template!r}: {wanted} {held}, not {read.words} {read.fills}"
    folded = fold(text).text
    said = [folded[start:end] for start, end in words_of(folded)]
    if words(folded) != said:
        return f"{text!r}: {words(folded)}, not {said}"
    missing = fewest_missing(wanted, held, said)
    allowed = 0 if len(wanted) < 10 else len(wanted) // 10
    expected = missing if wanted and missing <= allowed else None
    found = find(read, Message(said))
    if (found.missing if found else None) != expected:
        return f"{template!r} in {text!r}: {expected} missing, not {found}"
    return None


def case(seed: int) -> tuple[str, str]:
    """A template and a message that was made of it, or nearly so."""
    rng = Random(seed)
    vocabulary = rng.sample(WORDS, rng.choice((4, 12, len(WORDS))))
    template, text = "", ""
    for _ in range(rng.choice((1, 3, 8, 9, 10, 12, 25))):
        sign = rng.choice(SIGNS)
        if rng.random() < 0.15:
            placeholder = rng.choice(PLACEHOLDERS)
            template += placeholder + sign
            text += re.sub(DEFAULT_PLACEHOLDER, lambda _: rng.choice(FILLED), placeholder) + sign
            continue
        word = rng.choice(vocabulary)
        template += word + sign
        text += edited(rng, word, vocabulary) + (sign if rng.random() < 0.9 else rng.choice(SIGNS))
    if rng.random() < 0.3:
        text = f"{rng.choice(vocabulary)} {text} {rng.choice(vocabulary)} {text[: rng.randrange(40)]}"
    return template, text


def edited(rng: Random, word: str, vocabulary: Sequence[str]) -> str:
    """What an agent makes of a word."""
    dice = rng.random()
    if dice < 0.03:
        return ""
    if dice < 0.06:
        return rng.choice(vocabulary)
    if dice < 0.10:
        return " ".join([word, *rng.choices(vocabulary, k=rng.choice((1, 3, 4)))])
    return word.upper() if dice < 0.15 else word


def differences(seeds: Sequence[int]) -> list[str]:
    return [f"seed {seed}: {wrong}" for seed in seeds if (wrong := differs(*case(seed)))]


def test_a_response_is_recognised_exactly_where_the_best_alignment_has_enough_of_its_words() -> None:
    assert differences(range(2_000)) == []


def test_the_cases_are_of_both_kinds() -> None:
    found = [bool(recognised(*case(seed))) for seed in range(1_000)]
    assert 200 < sum(found) < 800


def recognised(template: str, text: str) -> object:
    folded = fold(text).text
    return find(Template.read(template), Message([folded[start:end] for start, end in words_of(folded)]))


@pytest.mark.parametrize(
    ("wanted", "held", "said", "missing"),
    [
        ("a b c", (0, 0, 0), "a b c", 0),
        ("a b c", (0, 0, 0), "a z z z b c", 0),
        ("a b c", (0, 0, 0), "a z z z z b c", 1),
        ("a b c", (0, 8, 0), "a z z z z b c", 0),
        ("a b c", (0, 0, 0), "c b a", 2),
        ("a b c", (0, 0, 0), "", 3),
    ],
)
def test_the_slow_reader_counts_what_is_missing(
    wanted: str, held: tuple[int, ...], said: str, missing: int
) -> None:
    assert fewest_missing(wanted.split(), held, said.split()) == missing


def of_corpus(corpus: Path) -> Iterator[tuple[str, str]]:
    """Each message that an agent picked, with each wording of its label."""
    wordings: dict[str, set[str]] = {}
    for file in corpus.glob("tasks/*/responses.json"):
        for label, text in json.loads(file.read_bytes()).items():
            wordings.setdefault(label, set()).add(text)
    for file in sorted(corpus.glob("dialogues/*.json")):
        for event in json.loads(file.read_bytes())["Events"]:
            if event["Action"] == "pick_suggestion":
                for text in sorted(wordings.get(event["ActionLabel"], ())):
                    yield text, event["Text"]


@click.command()
@click.option("--cases", default=200_000)
@click.option("--seed", default=1)
@click.option("--corpus", type=click.Path(path_type=Path, exists=True))
def main(cases: int, seed: int, corpus: Path | None) -> None:
    """Compare both on many cases; say where they differ."""
    if corpus:
        pairs = sorted(set(of_corpus(corpus)))
        found = [wrong for template, text in pairs if (wrong := differs(template, text, STAR))]
        what = f"{len(pairs)} templates and messages of {corpus}"
    else:
        blocks = [
            range(first, min(first + 2_000, seed + cases)) for first in range(seed, seed + cases, 2_000)
        ]
        found = []
        with ProcessPoolExecutor() as pool:
            for some in pool.map(differences, blocks):
                found += some
        what = f"{cases} cases, seeds {seed} to {seed + cases - 1}"
    click.echo("\n".join(found[:20]))
    click.echo(f"{what}: {len(found)} differences")
    sys.exit(bool(found))


if __name__ == "__main__":
    main()
