"""How tests are shared out to workers."""

from tests.spread import spread


def test_every_worker_begins_with_long_tests_and_what_belongs_together_stays() -> None:
    tests = ["s1", "s2", "s3", "s4", "s5", "La", "Lb", "Lc1", "Lc2", "Ld"]
    order = spread(tests, 2, lambda test: test[:2] if test[0] == "L" else None)
    assert order == ["La", "Lc1", "Lc2", "s1", "s2", "Lb", "Ld", "s3", "s4", "s5"]
    assert sorted(spread(tests, 7, lambda test: test)) == sorted(tests)
    assert spread(tests, 1, lambda _: None) == tests
