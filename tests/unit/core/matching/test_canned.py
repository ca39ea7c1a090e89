"""Canned responses as agents send them: filled in, embedded, lightly edited."""

from functools import lru_cache
from random import Random

import pytest

from tagger.core.folding.fold import fold
from tagger.core.matching.canned import (
    INSERTED_WORDS_MAX,
    PLACEHOLDER_WORDS_MAX,
    Anchors,
    Likeness,
    Message,
    Template,
    find,
    missing_max,
    words_of,
)
from tests.unit.steps import steps

REFUND = "Hi %name%, your refund of %amount% is on its way. It takes 3 to 5 days."
SHORT = "Your refund is on its way."  # six words
LONG = "one two three four five six seven eight nine ten " + " ".join(f"word{n}" for n in range(10))


def words(text: str) -> list[str]:
    folded = fold(text).text
    return [folded[start:end] for start, end in words_of(folded)]


def is_in(template: str, text: str, placeholder: str = "%[A-Za-z_]+%") -> bool:
    return find(Template.read(template, placeholder), Message(words(text))) is not None


@pytest.mark.parametrize(
    ("template", "text"),
    [
        (REFUND, "Hi Anna, your refund of 20 EUR is on its way. It takes 3 to 5 days."),
        (REFUND, "hi anna – YOUR refund, of 20: is on its way!!! it takes  3 to 5\ndays"),
        (REFUND, "Hello there. Hi Anna, your refund of 20 € is on its way. It takes 3 to 5 days. Bye!"),
        (REFUND, "Hi, your refund of is on its way. It takes 3 to 5 days."),
        (REFUND, "Hi a b c d e f g h, your refund of a b c d e f g h is on its way. It takes 3 to 5 days."),
        (REFUND, "Hi Anna, your refund of 20 EUR is on its way. It takes 3 to 7 days."),
        (REFUND, "Hi Anna, your refund of 20 EUR is now already on its way. It takes 3 to 5 days."),
        (SHORT, "your refund now is already on its way"),
        (LONG, LONG.removeprefix("one two ")),
        (LONG, LONG.removesuffix(" word8 word9")),
        ("Thank you much", "THANK-YOU, much!"),
        ("Thank you", "thank you"),
        ("Danke", "DANKE!"),
        (LONG, LONG.replace("three ", "").replace("word2", "dozen")),
        ("Straße Łódź", "strasse lodz"),
        ("您的退款已经在路上了", "您的退款已在路上了！"),
        ("您好%name%，您的退款已处理", "您好王小姐，您的退款已处理。"),
        ("ขอบคุณครับ", "ขอบคุณครับ"),
        ("%greeting% your refund is on its way %bye%", "your refund is on its way"),
        ("%name%'s refund is on its way", "Anna's refund is on its way"),
        ("%name%’s refund of %amount%EUR is on its way", "Anna Maria’s refund of 20EUR is on its way"),
        ("J'ai vu l'%item% et d'%name%.", "J’ai vu l’ampoule et d’Anna"),
        ("Order#%order%is on its way", "Order #551 is on its way"),
        (
            "It's 7 o'clock, %name%: don't wait any longer for it",
            "it´s 7 o`clock Ida, don’t wait any longer for it!",
        ),
        (
            "It will be there at %time% o'clock, we are sorry for that.",
            "It will be there at 7 pm, we are sorry for that",
        ),
    ],
)
def test_a_canned_response_is_recognised(template: str, text: str) -> None:
    assert is_in(template, text)


@pytest.mark.parametrize(
    ("template", "text"),
    [
        (REFUND, "Hi Anna, your refund of 20 EUR"),
        (REFUND, "It takes 3 to 5 days. Hi Anna, your refund of 20 EUR is on its way."),
        (REFUND, "Hi Anna, the payment of 20 EUR is on its way. It takes 3 to 5 days."),
        (REFUND, "Hi Anna, your refund of a b c d e f g h i is on its way. It takes 3 to 5 days."),
        (SHORT, "your payment is on its way"),
        ("We can't refund it", "We can refund it"),
        ("We can't refund it", "We can t refund it"),
        ("It will come at %time% o'clock, we are sorry", "It will come at 7 pm, we are sorry"),
        (SHORT, "your refund is on its"),
        (SHORT, "refund is on its way"),
        (SHORT, "way its on is refund your"),
        (SHORT, "your refund is, if I may say so, on its way"),
        ("Thank you so much", "thanks: thank you much"),
        ("Thank you much", "thank you"),
        ("Thank you", "thank"),
        (LONG, LONG.replace("three ", "").replace("word2", "dozen").replace("nine ", "")),
        ("%name%", "anything"),
        ("%name%", ""),
        ("", "anything"),
        (SHORT, ""),
    ],
)
def test_a_message_that_is_not_the_response_is_not_taken_for_it(template: str, text: str) -> None:
    assert not is_in(template, text)


@pytest.mark.parametrize(
    ("total", "missing"),
    [(0, 0), (1, 0), (4, 0), (9, 0), (10, 1), (19, 1), (20, 2), (99, 9), (100, 10)],
)
def test_nine_tenths_must_be_there_and_of_a_short_one_all(total: int, missing: int) -> None:
    assert missing_max(total) == missing
    assert total - missing >= 0.9 * total > total - missing - 1


def test_a_placeholder_holds_from_none_to_eight_words() -> None:
    for filled in range(12):
        assert is_in("a b c %x% d e f", "a b c " + "z " * filled + "d e f") == (
            filled <= PLACEHOLDER_WORDS_MAX
        )


def test_a_word_missing_beside_a_placeholder_does_not_widen_it() -> None:
    template, end = "a b c %x% d e f g h i j", "e f g h i j"
    assert not is_in(template, "a b " + "z " * 10 + "d " + end)
    assert not is_in(template, "a b c " + "z " * 10 + end)
    assert is_in(template, "a b " + "z " * 9 + "d " + end)


def test_the_placeholder_pattern_is_an_argument() -> None:
    assert is_in(
        "Hi {{name}}, your refund is on its way", "Hi Anna Maria, your refund is on its way", r"\{\{\w+\}\}"
    )
    assert is_in("Hi [A|B], your refund is on its way", "Hi B, your refund is on its way", r"(\[)A\|B(\])")


def test_the_place_is_that_of_the_response_and_not_of_what_is_around_it() -> None:
    said = Message(words("oh hi hi Anna your refund is is on its way bye way"))
    assert find(Template.read("Hi %name% your refund is on its way"), said) == Likeness(2, 11, 0)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("don't say, e-mail!", ["don't", "say", "e", "mail"]),
        ("_don't_ __order_id__", ["don't", "order_id"]),
        ("at 7 o’clock, ‘sharp’", ["at", "7", "o'clock", "sharp"]),
        ("rock'n'roll 'n' l'été об'єкт", ["rock'n'roll", "n", "l'ete", "об'єкт"]),
        ("退'款 ABC'退 退'ABC", ["退", "款", "abc", "退", "退", "abc"]),
        ("it's' 'tis a'' b", ["it's", "tis", "a", "b"]),
        ("€3.50 1,000 12:30 #5", ["3", "50", "1", "000", "12", "30", "5"]),
        ("_Größe_ à_la", ["grosse", "a_la"]),
        ("ราคา๑๐บาท", ["ร", "า", "ค", "า", "10", "บ", "า", "ท"]),
        ("café__1 ½", ["cafe__1", "1", "2"]),
        ("हिन्दी में", ["हिन्दी", "में"]),
        ("ABC退款def", ["abc", "退", "款", "def"]),
        ("น้ำ", ["น้ํ", "า"]),
        ("한국어 바", ["한국어", "바"]),
        ("👍 ok", ["ok"]),
        ("", []),
    ],
)
def test_words_are_between_punctuation_and_characters_where_there_are_no_spaces(
    text: str, expected: list[str]
) -> None:
    assert words(text) == expected


def test_a_message_that_counts_is_always_possible() -> None:
    """Whichever words are missing, of templates of every length and with words that repeat."""
    rng = Random(4)
    texts = [
        " ".join(rng.choice(("alpha", "beta", "gamma", "of", f"word{n}")) for n in range(size))
        for size in range(1, 45)
    ]
    templates = [Template.read(text) for text in texts]
    anchors = Anchors(templates)
    for at, template in enumerate(templates):
        for _ in range(40):
            gone = set(rng.sample(range(len(template.words)), template.missing_max))
            said = {word for place, word in enumerate(template.words) if place not in gone}
            assert at in anchors.possible(number for number, word in enumerate(anchors.words) if word in said)


def test_a_message_with_a_word_or_two_of_a_template_is_not_possible() -> None:
    texts = [f"thank you for your order number{n} about parcel{n} and invoice{n} of today" for n in range(50)]
    anchors = Anchors([Template.read(text) for text in texts])
    said = "thank you for your order parcel7 and invoice8 of today"
    assert anchors.possible(number for number, word in enumerate(anchors.words) if word in said) == []


def slow_find(template: Template, said: tuple[str, ...], spare: int) -> Likeness | None:
    """Every way to find the words in order, one by one."""
    total = len(template.words)

    @lru_cache(None)
    def ways(word: int, at: int, missing: int) -> list[tuple[int, int]]:
        """(missing, end) of all ways on from a template word that stands at a place."""
        found = [(missing + total - 1 - word, at + 1)]
        for later in range(word + 1, total):
            filled = sum(template.fills[word + 1 : later + 1])
            skipped = later - word - 1
            for place in range(at + 1, min(len(said), at + 2 + (filled or INSERTED_WORDS_MAX) + skipped)):
                if said[place] == template.words[later]:
                    found += ways(later, place, missing + skipped)
        return [(less, end) for less, end in found if less <= spare]

    all_ways = [
        (missing, end, -at)
        for word in range(min(total, spare + 1))
        for at in range(len(said))
        if said[at] == template.words[word]
        for missing, end in ways(word, at, word)
    ]
    if not all_ways:
        return None
    missing, end, start = min(all_ways)
    return Likeness(-start, end, missing)


def test_the_best_place_is_the_one_that_trying_all_finds() -> None:
    rng = Random(3)
    recognised = 0
    for case in range(6_000):
        letters = "abcd"[: rng.randint(1, 4)]
        size = rng.randint(1, 7)
        fills = tuple(rng.choice((0, 0, 0, 8, 16)) for _ in range(size))
        template = Template(tuple(rng.choice(letters) for _ in range(size)), fills, 0)
        said = [rng.choice(letters + "zz") for _ in range(rng.randint(0, 14))]
        if case % 2:
            gaps = (0, 0, 0, 1, 3, 4, 8, 9)
            kept = [word for word in template.words if rng.random() < 0.85]
            said = [one for word in kept for one in [word, *"z" * rng.choice(gaps)]]
        spare = rng.randint(0, min(3, size - 1))
        found = find(template, Message(said), spare)
        assert found == slow_find(template, tuple(said), spare), (template, said, spare)
        recognised += found is not None
    assert recognised > 1_000


def test_an_edited_response_is_found_among_words_of_its_own() -> None:
    """Up to a tenth of its words are gone and up to three came in between, in a text of the same few words."""
    rng = Random(7)
    for case in range(400):
        vocabulary = [f"w{n}" for n in range(rng.choice((5, 20, 100)))]
        template = Template.read(" ".join(rng.choice(vocabulary) for _ in range(rng.randint(10, 120))))
        kept = list(template.words)
        for _ in range(rng.randint(0, template.missing_max)):
            kept.pop(rng.randrange(len(kept)))
        filled = [
            one for word in kept for one in (word, *rng.choices(vocabulary, k=rng.choice((0, 0, 0, 1, 3))))
        ]
        around = [rng.choices(vocabulary, k=rng.randint(0, 300)) for _ in range(2)]
        said = Message([*around[0], *filled, *around[1]])
        assert find(template, said) is not None, case


@pytest.mark.parametrize(
    ("template", "said"),
    [
        (["word"] * 300, ["word"] * 1_500),
        ([f"w{n % 7}" for n in range(300)], [f"w{n % 5}" for n in range(1_500)]),
        (["ab"[n * n % 7 % 2] for n in range(150)], ["ab"[n * n % 11 % 2] for n in range(300)]),
        ([f"w{n}" for n in range(1_000)], [f"w{n}" for n in range(1_000)]),
    ],
    ids=["one word", "few words", "two words", "the longest, as it is"],
)
def test_the_longest_message_is_compared_in_linear_time(template: list[str], said: list[str]) -> None:
    """Each word costs a bounded number of steps, in messages long and short."""
    for times in (1, 3):
        words = template * times
        read = Template(words, [8 * (n % 5 == 4) for n in range(len(words))], missing_max(len(words)))
        spoken = Message(said * times)
        assert steps(lambda: find(read, spoken)) < 8_000 * (len(words) + len(spoken.words))  # noqa: B023
