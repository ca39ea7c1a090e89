"""Answers that say in a page of ours why a request gets nothing, and what to do."""

from aiohttp import web


class Refusal(web.HTTPException):
    """One of them; `lead` is the page's heading."""

    lead: str

    def __init__(self, why: str) -> None:
        """why: what is wrong and what to do, in a sentence or two."""
        super().__init__()
        self.why = why


class Wrong(Refusal, web.HTTPBadRequest):
    """What was asked for makes no sense."""

    lead = "This cannot be shown"


class Unknown(Refusal, web.HTTPNotFound):
    """What was asked for is not known here."""

    lead = "This is not known here"


class Busy(Refusal, web.HTTPServiceUnavailable):
    """Others have what this takes."""

    lead = "Others are being answered"


class Unanswered(Refusal, web.HTTPServiceUnavailable):
    """The ledger, or Kafka, did not answer."""

    lead = "This cannot be read just now"
