"""What the service says of keyword files that look meant and are not read, and which rules it shows."""

from pathlib import Path

from structlog.testing import capture_logs

from ingest.runtime.admin import Health
from tagger.keyword_files.overlooked import overlooked
from tagger.keyword_files.reload import Keywords
from tagger.metrics import Metrics
from tagger.service.announce import announce, overlooked_teller
from tagger.service.health import _about_overlooked


def test_each_is_told_once_until_it_is_gone_and_counted(tmp_path: Path) -> None:
    keywords, metrics = Keywords(tmp_path, "%[a-z]+%"), Metrics()
    tell = overlooked_teller(metrics, keywords)
    first, second = tmp_path / "a.YAML", tmp_path / "b.yml.txt"
    for now, names in (
        ([first], ["a.YAML"]),
        ([first, second], ["b.yml.txt"]),
        ([], []),
        ([first], ["a.YAML"]),
    ):
        for path in (first, second):
            path.touch() if path in now else path.unlink(missing_ok=True)
        keywords.overlooked = overlooked(tmp_path)
        with capture_logs() as lines:
            tell()
        assert [Path(line["file"]).name for line in lines] == names
        assert all("Rename it to" in line["reason"] for line in lines)
        assert metrics.keyword_files_overlooked._value.get() == len(now)


def test_readiness_names_one_and_counts_the_others(tmp_path: Path) -> None:
    for names, more in ((["a.YAML"], ""), (["a.YAML", "b.YAML"], "1 more like it"), ([], "")):
        for path in tmp_path.iterdir():
            path.unlink()
        for name in names:
            (tmp_path / name).touch()
        health = Health()
        _about_overlooked(Keywords(tmp_path, "%[a-z]+%"), health)
        assert (len(health.notes), health.ready) == (bool(names), [])
        assert all("a.YAML: this file's name" in note and more in note for note in health.notes)


def test_each_rule_in_force_is_shown_from_0_and_no_more_once_it_is_gone(tmp_path: Path) -> None:
    def shown() -> dict[str, float]:
        (family,) = metrics.rule_hits.collect()
        return {each.labels["rule"]: each.value for each in family.samples}

    metrics, file = Metrics(), tmp_path / "rules.yaml"
    rule = "  - {id: %s, tag: T, any: [word]}\n"
    file.write_text("version: 1\nrules:\n" + rule % "one" + rule % "two", "utf-8")
    announce(metrics, Keywords(tmp_path, "%x%"))
    metrics.rule_hit("two").inc()
    assert shown() == {"one": 0, "two": 1}
    file.write_text("version: 1\nrules:\n" + rule % "two" + rule % "three", "utf-8")
    announce(metrics, Keywords(tmp_path, "%x%"))
    assert shown() == {"two": 1, "three": 0}
    file.write_text("version: 1\nrules:\n" + rule % "one", "utf-8")
    announce(metrics, Keywords(tmp_path, "%x%"))
    metrics.rule_hit("one").inc()  # it came back, and is counted again
    assert shown() == {"one": 1}
