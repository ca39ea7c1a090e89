"""A keyword set ↔ its record on the topic of keyword sets. Pure.

The value is the files as JSON, compressed with zlib: `{"format": 1, "files": {name: text}}`, names without folder
and sorted, so that the same set gives the same bytes. The key is the set's hash. A reader trusts nothing in it: the
size when unpacked is bounded, and the set is checked like files before it may come into force.
"""

import zlib
from collections.abc import Mapping
from typing import Any, Final

import orjson

from tagger.core.rules.model import RuleSet
from tagger.core.rules.parse import BYTES_MAX, FILES_MAX, parse

FORMAT: Final = 1
# Of a value: with key, header and Kafka's overhead it stays below the 1 MiB that a topic accepts by default. 900 KB
# compressed are 4 MB or more of keyword files.
STORED_BYTES_MAX: Final = 900_000
# Of an unpacked value: all files, in which JSON writes a line end or a quote as two bytes, and their names.
UNPACKED_BYTES_MAX: Final = 2 * BYTES_MAX + (1 << 20)
IN_FORCE_AT: Final = "in_force_at_ms"  # the header
# Why a hash may have no record.
NOT_STORED: Final = "sets of over 900 KB are not stored, nor are sets older than the topic"


def pack(files: Mapping[str, bytes]) -> bytes | None:
    """Return the record's value for a valid set, whose files are UTF-8; None if it is too large to store."""
    texts = {name.rpartition("/")[2]: content.decode() for name, content in files.items()}
    value = {"format": FORMAT, "files": texts}
    packed = zlib.compress(orjson.dumps(value, option=orjson.OPT_SORT_KEYS), 9)
    return packed if len(packed) <= STORED_BYTES_MAX else None


def unpack(value: bytes | None) -> dict[str, bytes] | str:
    """Return the files of a stored set by name, or in a few words what is wrong with the record."""
    if value is None:
        return "deleted"
    if len(value) > 2 * STORED_BYTES_MAX:
        return "too large"
    unpacking = zlib.decompressobj()
    try:
        unpacked = unpacking.decompress(value, UNPACKED_BYTES_MAX)
        if not unpacking.eof:
            return "too large" if unpacking.unconsumed_tail else "cut off"
        read: Any = orjson.loads(unpacked)
    except (zlib.error, orjson.JSONDecodeError):
        return "damaged"
    if not isinstance(read, dict) or read.get("format") != FORMAT:
        return "of another format"
    texts = read.get("files")
    if not isinstance(texts, dict) or not 0 < len(texts) <= FILES_MAX:
        return "damaged"
    if not all(isinstance(text, str) for text in texts.values()):
        return "damaged"
    return {name: text.encode() for name, text in texts.items()}


def set_of(config: str, value: bytes | None) -> tuple[RuleSet, dict[str, bytes]] | str:
    """Return the set with this hash, and its files by name, from its record; or in words why it cannot be had."""
    files = unpack(value)
    if isinstance(files, str):
        return f"its record is {files}"
    rules = parse(files)
    if not isinstance(rules, RuleSet):
        return f"this version no longer accepts it: {rules[0]}"
    return (rules, files) if rules.hash == config else "its record holds another set"
