"""What looks wrong in a keyword file, before it is known where."""

from typing import NamedTuple


class Doubt(NamedTuple):
    """What looks wrong in a text, without the place."""

    code: str
    text: str
    advice: str
