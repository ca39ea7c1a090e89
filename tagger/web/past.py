"""What the page knows of the past: the ledger, and where it comes from."""

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from tagger.history.filling import Filling
from tagger.history.kept_ledger import KeptLedger


class Topics(NamedTuple):
    """The topics that are read, and how."""

    options: Callable[[], Mapping[str, Any]]  # makes the keyword arguments of an aiokafka client
    webhooks: str
    keywords: str


class Past(NamedTuple):
    """The ledger with what fills it."""

    ledger: KeptLedger
    filling: Filling
    topics: Topics
