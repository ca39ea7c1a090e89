"""Keyword sets as records: the same set is the same bytes, and no record can harm its reader."""

import zlib
from random import Random

import orjson
import pytest

from tagger.core.records.keyword_set import STORED_BYTES_MAX, UNPACKED_BYTES_MAX, pack, unpack
from tagger.core.rules.parse import RuleSet, parse

RULES = 'version: 1\nrules:\n  - id: {0}\n    tag: T\n    any: [{0}, "größe"]\n'
FILES = {
    "config/b.yaml": RULES.format("b").encode(),
    "config/a.yaml": b"\xef\xbb\xbf" + RULES.format("a").encode(),
}


def packed(value: object) -> bytes:
    return zlib.compress(orjson.dumps(value))


def test_a_set_comes_back_as_it_was_with_the_same_hash() -> None:
    value = pack(FILES)
    assert value is not None
    files = unpack(value)
    assert files == {"a.yaml": FILES["config/a.yaml"], "b.yaml": FILES["config/b.yaml"]}
    here, there = parse(FILES), parse(files)
    assert isinstance(here, RuleSet)
    assert isinstance(there, RuleSet)
    assert here.hash == there.hash


def test_the_same_set_is_the_same_bytes_in_any_folder() -> None:
    assert pack(FILES) == pack({f"/etc/{name}": content for name, content in reversed(FILES.items())})


def test_a_set_that_is_too_large_is_not_packed() -> None:
    noise = Random(1).randbytes(STORED_BYTES_MAX).hex().encode()
    assert pack({"a.yaml": noise}) is None
    assert pack({"a.yaml": b"a" * len(noise)}) is not None


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        (None, "deleted"),
        (b"", "cut off"),
        (b"{}", "damaged"),
        ((pack(FILES) or b"")[:-8], "cut off"),
        (zlib.compress(b"\xff{"), "damaged"),
        (packed([]), "of another format"),
        (packed({"format": 2, "files": {"a": "b"}}), "of another format"),
        (packed({"format": 1}), "damaged"),
        (packed({"format": 1, "files": {}}), "damaged"),
        (packed({"format": 1, "files": {"a": 1}}), "damaged"),
        (packed({"format": 1, "files": {str(n): "" for n in range(1_001)}}), "damaged"),
        (zlib.compress(b" " * (UNPACKED_BYTES_MAX + 1)), "too large"),
        (b"x" * (2 * STORED_BYTES_MAX + 1), "too large"),
    ],
)
def test_an_invalid_record_is_refused_with_a_reason(value: bytes | None, reason: str) -> None:
    assert unpack(value) == reason
