"""Texts that people reported as found wrongly, or not found, by search engines, moderation bots and chat tools.

Each row names the report whose trouble it has; the texts are our own, or single words. Searched were the trackers of
jo3-l/obscenity, python-discord/bot, naelstrof/KoboldKare, TwiN/go-away, WhiteHouse/petitions, nyvorin/badwords,
finnbear/rustrict, roshanrahman/profanity_filter, cardinalblue/profanity-filter and developerdino/ProfanityFilter
(moderation); meilisearch/charabia, meilisearch/product, typesense/typesense, blevesearch/bleve, groonga/groonga,
snowballstem/snowball, pelias/pelias, stella/stella, koobiq/angular-components, microsoft/vscode, harvesthq/chosen,
oracle/opengrok, 4gray/iptvnator, koreader/koreader, manyfold3d/manyfold, samuelmeuli/mini-diary, vshulcz/deja-vu,
q2a/question2answer, opengeospatial/ogcapi-features, addyosmani/backbone-fundamentals, julkue/mark.js and
DistributedProofreaders/guiguts-py (search); thelounge/thelounge, mattermost/mattermost-webapp, samtecspg/articulate,
can1357/oh-my-pi, Yoast/YoastSEO.js, maximhq/bifrost, AventurasTeam/Aventuras, mathiasbynens/emoji-regex,
lolibrarian/NYPL-Emoji-Bot and muan/mojibar (keywords and emoji).
"""

import json
from typing import Any, Final

import pytest

from tagger.core.conversation import Conversation, Said, ThreadKey
from tagger.core.matching.decide import Decider
from tagger.core.rules.model import RuleSet
from tagger.core.rules.parse import parse

Row = tuple[str, Any, str, bool]  # the report, the keyword as written, the text, whether it is found

INVISIBLE: Final[list[Row]] = [
    ("jo3-l/obscenity#100", "refund", "re\u200dfund", True),
    ("jo3-l/obscenity#100", "refund", "\u200drefund\u200d", True),
    ("python-discord/bot#1469", "refund", "r\u2060e\ufefff\u200cu\u180end", True),
    ("python-discord/bot#1513", "refund", "ref\U000e0061und", True),  # a tag character
    ("python-discord/bot#1513", "refund", "re\u0603fund", False),  # an Arabic sign that shows
    ("naelstrof/KoboldKare#405", "refund", "re\u034ffu\u00adnd \u2063\u200f", True),
    ("naelstrof/KoboldKare#405", "money back", "money\u200bback", True),  # a zero width space is a space
    ("blevesearch/bleve#42", "refund", "re\u200bfund", False),
    ("blevesearch/bleve#42", "ទិញថ្នាំ", "ទិញ\u200bថ្នាំ", True),
]

PARTS_OF_WORDS: Final[list[Row]] = [
    ("WhiteHouse/petitions#51", "class", "a classic case", False),
    ("TwiN/go-away#66", "rape", "a therapeutic pillow", False),
    ("TwiN/go-away#69", "butt", "the button is loose", False),
    ("roshanrahman/profanity_filter#9", "ass", "the assessment is late", False),
    ("developerdino/ProfanityFilter#21", "anal", "open the analytics page", False),
    ("developerdino/ProfanityFilter#21", "bum", "my name is Bumgardner", False),
    ("cardinalblue/profanity-filter#6", "cu", "the culture, currently", False),
    ("finnbear/rustrict#28", "last it", "it was the last: it fell apart", False),
    ("finnbear/rustrict#28", "shit", "I wish it came", False),
    ("nyvorin/badwords#100", "RMA55", "my code is xRMA55x", False),
    ("nyvorin/badwords#100", {"keyword": "RMA55", "match": "anywhere"}, "my code is xRMA55x", True),
    ("julkue/mark.js#32", "night", "every night, in the moonlight, tonight", True),
    ("julkue/mark.js#32", "night", "in the moonlight, tonight!", False),
    ("AventurasTeam/Aventuras#347", "hulk", "madhulkman", False),
]

PUNCTUATION: Final[list[Row]] = [
    ("can1357/oh-my-pi#4965", "refund", "please refund.", True),
    ("can1357/oh-my-pi#4965", "refund", '"refund"', True),
    ("can1357/oh-my-pi#4965", "refund", "refunding it", False),
    ("samtecspg/articulate#580", "kettle", "lamp, kettle, and bag", True),
    ("Yoast/YoastSEO.js#1613", "cómo", "¿Cómo llega?", True),
    ("DistributedProofreaders/guiguts-py#1828", "Armesünderblum", "die Armesünderblum'_, die Blume", True),
    ("DistributedProofreaders/guiguts-py#1828", "dog", "the dog's bed", True),
    ("samuelmeuli/mini-diary#18", "#sample", "this is a #sample!", True),
    ("samuelmeuli/mini-diary#18", "#sample", "this is a sample", False),
    ("samuelmeuli/mini-diary#18", "@home", "left it @home", True),
    ("samuelmeuli/mini-diary#18", "C++", "I write C++.", True),
    ("samuelmeuli/mini-diary#18", "C++", "I write C", False),
    ("samuelmeuli/mini-diary#18", "$10", "it was $10, not $100", True),
    ("samuelmeuli/mini-diary#18", "$10", "it was $100", False),
]

APOSTROPHES: Final[list[Row]] = [
    ("manyfold3d/manyfold#3775", "k'thriss", "the K’Thriss model", True),
    ("manyfold3d/manyfold#3775", "k’thriss", "the k'thriss model", True),
    ("addyosmani/backbone-fundamentals#488", "can't", "I can’t, I canʼt, I can´t", True),
    ("addyosmani/backbone-fundamentals#488", "can't", "I cant", False),
    ("koreader/koreader#10366", "об'єкт", "цей обʼєкт", True),
    ("koreader/koreader#10366", "rock 'n' roll", "rock ‘n’ roll", True),
]

TURKISH: Final[list[Row]] = [
    ("microsoft/vscode#63643", "iptal", "İPTAL ediyorum", True),
    ("microsoft/vscode#63643", "İptal", "iptal", True),
    ("microsoft/vscode#155930", "ısparta", "ISPARTA", True),
    ("4gray/iptvnator#609", "ışık", "IŞIK, Işık", True),
    ("4gray/iptvnator#609", "inş", "İNŞ", True),
    ("harvesthq/chosen#24", "ÇİĞÜŞÖ", "çiğüşö", True),
    ("oracle/opengrok#1768", "time", "TIME and again", True),
    ("microsoft/vscode#155930", {"keyword": "asil", "accents": "exact"}, "asıl", False),
]

LETTERS: Final[list[Row]] = [
    ("koobiq/angular-components#1933", "мои", "это мой заказ", False),
    ("koobiq/angular-components#1933", "мой", "МОЙ заказ", True),
    ("koobiq/angular-components#1933", "мой", "мои\u0306 заказ", True),  # the same letter in two code points
    ("snowballstem/snowball#65", "мёд", "мед", True),
    ("meilisearch/charabia#296", "ежик", "ЁЖИК", True),
    ("groonga/groonga#303", "лицензия", "ЛИЦЕНЗИЯ", True),
    ("pelias/pelias#833", "15a", "15а", False),  # a Cyrillic а only looks like it
    ("stella/stella#2123", "laska", "Łaska", True),
    ("stella/stella#2123", "đorđe", "Dorde", True),
    ("opengeospatial/ogcapi-features#850", "kobenhavn", "KØBENHAVN", True),
    ("opengeospatial/ogcapi-features#850", {"keyword": "kobenhavn", "accents": "exact"}, "København", False),
    ("meilisearch/charabia#186", "استرداد", "استـــرداد", True),
    ("meilisearch/charabia#204", "أرجاع", "ارجاع", True),
    ("meilisearch/charabia#204", "محمد", "مُحَمَّدٌ", True),
    ("koreader/koreader#10366", "اب", "أُب", True),
    ("linuxscout/pyarabic#39", "إلى", "إلا", False),
]

WITHOUT_SPACES: Final[list[Row]] = [
    ("thelounge/thelounge#5122", "天気", "今日はいい天気ですね", True),
    ("thelounge/thelounge#5122", "foo", "football", False),
    ("mattermost/mattermost-webapp#2363", "退款", "我想要退款,谢谢", True),
    ("maximhq/bifrost#6685", "死锁", "请帮我一步一步分析这个架构设计的死锁问题", True),
    ("maximhq/bifrost#6685", "코드", "코드를 봐", False),  # Korean has spaces, and particles
    ("maximhq/bifrost#6685", "코드*", "코드를 봐", True),
    ("meilisearch/product#132", "กิน", "เขากำลังกินข้าว", True),
    ("q2a/question2answer#582", "ภาษาไทย", "คำว่าภาษาไทย", True),
    ("vshulcz/deja-vu#2897", "ข้าว", "ฉันชอบกินข้าวเช้า", True),
    ("typesense/typesense#228", "ទិញថ្នាំ", "ងាយស្រួលសើចណាស់ក្នុងការទិញថ្នាំគ្រប់ការ", True),
    ("Yeachan-Heo/oh-my-claudecode#3409", "autopilot", "ทำไมautopilotมันชอบ", True),
]

EMOJI: Final[list[Row]] = [
    ("mathiasbynens/emoji-regex#39", "👍", "👍🏿", True),
    ("muan/mojibar#48", "👍🏽", "👍", True),
    ("muan/mojibar#48", "👨", "👨\u200d🎤", False),
    ("lolibrarian/NYPL-Emoji-Bot#12", "⚓", "⚓\ufe0f", True),
    ("lolibrarian/NYPL-Emoji-Bot#12", "❤\ufe0f", "I❤it", True),
    ("joypixels/emojione#496", "🏳", "🏳\ufe0f", True),
    ("joypixels/emojione#496", "🏳\ufe0f", "🏳\ufe0f\u200d🌈", False),
]

ROWS: Final = [
    *INVISIBLE,
    *PARTS_OF_WORDS,
    *PUNCTUATION,
    *APOSTROPHES,
    *TURKISH,
    *LETTERS,
    *WITHOUT_SPACES,
    *EMOJI,
]


@pytest.mark.parametrize(("report", "keyword", "text", "found"), ROWS)
def test_a_text_that_somebody_reported_gets_the_right_verdict(
    report: str, keyword: Any, text: str, found: bool
) -> None:
    rule = {"id": "odd", "tag": report, "any": [keyword]}
    rules = parse({"odd.yaml": json.dumps({"version": 1, "rules": [rule]}, ensure_ascii=False).encode()})
    assert isinstance(rules, RuleSet), rules
    conversation = Conversation(ThreadKey("", "C", "T"), (Said("T_1", "customer", (text,)),))
    decision = Decider.compile(rules).decide(conversation, 0)
    assert decision.tags == ((report,) if found else ())
    assert all(0 <= one.start < one.end <= len(text) for one in decision.because)


def test_there_are_sixty_of_them() -> None:
    assert len({(str(keyword), text) for _, keyword, text, _ in ROWS}) >= 60
