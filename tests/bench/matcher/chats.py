"""Seeded chat messages and keywords. The vocabulary is made of syllables: no word list has to be installed.

Word lengths and frequencies are those of chats: short words are common (Zipf), a message has about 77
characters, one in twelve holds a character outside ASCII.
"""

from random import Random

FUNCTION_WORDS = (
    "the i to you a it and is of for my in that have on not me be this can with was are but do your "
    "if so at we or just will get no from what there when please like would as all had they by been "
    "out an how about up any has one now did then still know order thanks time could back which them "
    "more am want need only why who he she her his our us than some after before again here where "
    "also very much yes hello hi ok sure okay"
).split()
ONSETS = (
    "b c d f g h j k l m n p r s t v w bl br ch cl cr dr fl fr gl gr pl pr qu sc sh sk sl sp st str th tr wh"
).split()
NUCLEI = "a e i o u ai ea ee ie oa oo ou".split()
CODAS = ["", "", "", *"b d g k l m n p r s t x ck ld ll nd ng nt rd rk rm rn rt ss st".split()]
OUTSIDE_ASCII = ("’", "é", "ü", "ł", "ñ", "…", "“ok”", "👍", "❤️", "–", "€", "ß")


def vocabulary(size: int, seed: int = 1) -> list[str]:
    """Distinct words of one to three syllables, shorter ones first as in any language."""
    rng = Random(seed)
    words: dict[str, None] = dict.fromkeys(FUNCTION_WORDS)
    while len(words) < size:
        syllables = min(3, 1 + int(3 * rng.random() * len(words) ** 0.5 / 150))
        words[
            "".join(rng.choice(ONSETS) + rng.choice(NUCLEI) + rng.choice(CODAS) for _ in range(syllables))
        ] = None
    return list(words)


def sentence(rng: Random, words: list[str], size: int) -> str:
    """Words as often as they are used (Zipf)."""
    # The distribution function of 1/rank, turned round.
    return " ".join(words[int(len(words) ** rng.random()) - 1] for _ in range(size))


def messages(words: list[str], count: int, seed: int = 2) -> list[str]:
    rng = Random(seed)
    made = []
    for _ in range(count):
        parts = sentence(rng, words, rng.randint(4, 24)).capitalize().split(" ")
        if rng.random() < 0.08:
            parts[rng.randrange(len(parts))] += rng.choice(OUTSIDE_ASCII)
        if rng.random() < 0.3:
            parts[rng.randrange(len(parts))] += ","
        made.append(" ".join(parts) + rng.choice(("", ".", "?", "!")))
    return made


def keywords(words: list[str], count: int, seed: int = 3) -> list[str]:
    """Half single words, the rest phrases of two and three; their first words have four letters or more."""
    rng = Random(seed)
    content = [word for word in words if len(word) >= 4 and word not in FUNCTION_WORDS]
    made: dict[str, None] = {}
    while len(made) < count:
        size = rng.choices((1, 2, 3), (50, 35, 15))[0]
        first = content[int(len(content) * rng.random() ** 2)]
        made[" ".join([first, *(sentence(rng, words, 1) for _ in range(size - 1))])] = None
    return list(made)
