"""A keyword set ↔ its record on the topic of keyword sets. Pure.

The value is the files as JSON, compressed with zlib: `{"format": 1, "files": {name: text}}`, names without their
folder and in order, so that the same set is the same bytes. The key is the set's hash. Who reads a record trusts
nothing in it: what is unpacked is bounded, and whether the set may come into force is judged as for files.
"""

import zlib
from collections.abc import Mapping
from typing import Any, Final

import orjson

from tagger.core.rules.parse import BYTES_MAX, FILES_MAX

FORMAT: Final = 1
# Of a value: with key, header and Kafka's own it stays below the 1 MiB that a topic takes by default. 900 KB
# compressed are 4 MB and more of keyword files.
STORED_BYTES_MAX: Final = 900_000
# Of a value unpacked: all files, with a line end or a quote in JSON being two bytes, and names.
UNPACKED_BYTES_MAX: Final = 2 * BYTES_MAX + (1 << 20)
IN_FORCE_AT: Final = "in_force_at_ms"  # the header


def pack(files: Mapping[str, bytes]) -> bytes | None:
    """The value of a valid set, whose files are UTF-8; None where it is too large to be stored."""
    texts = {name.rpartition("/")[2]: content.decode() for name, content in files.items()}
    value = {"format": FORMAT, "files": texts}
    packed = zlib.compress(orjson.dumps(value, option=orjson.OPT_SORT_KEYS), 9)
    return packed if len(packed) <= STORED_BYTES_MAX else None


def unpack(value: bytes | None) -> dict[str, bytes] | str:
    """The files of a stored set by name, or what is wrong with the record, in a few words."""
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
    if not isinstance(texts, dict) or not texts or len(texts) > FILES_MAX:
        return "damaged"
    if not all(isinstance(text, str) for text in texts.values()):
        return "damaged"
    return {name: text.encode() for name, text in texts.items()}
