"""Whether clocks agree: ours, LiveChat's, and the one that times records. Pure. Times in ms."""

from typing import Final

from tagger.core.diagnosis.finding import Finding, doubtful, ok, wrong
from tagger.core.diagnosis.span import span
from tagger.core.limits import Limits

CHECK: Final = "clocks"
DATE_MS: Final = 1_000  # the precision of HTTP's Date
DOUBT_MS: Final = 10_000  # what no clock is off by that is set by NTP, and no network delays an answer for
WRONG_MS: Final = Limits().skew_s * 1_000  # beyond this, a chat that was cut off can look whole
REMEDY: Final = "let NTP set both clocks (timedatectl, chronyc tracking)"


def ahead_ms(date_ms: int, sent_ms: int, came_ms: int) -> int:
    """How far another clock is at least ahead of ours (negative: behind), from the Date of its answer.

    It was stamped between our sending and its coming, and stands for any instant of its second.
    """
    if date_ms > came_ms:
        return date_ms - came_ms
    return min(0, date_ms + DATE_MS - sent_ms)


def compared(whose: str, ahead: int) -> Finding:
    """What to make of another clock that is so far ahead of ours."""
    if abs(ahead) < DOUBT_MS:
        return ok(CHECK, f"{whose} agrees with this machine's")
    text = f"{whose} is {span(abs(ahead))} {'ahead of' if ahead > 0 else 'behind'} this machine's"
    if abs(ahead) < WRONG_MS:
        return doubtful(CHECK, text, REMEDY)
    text += f"; if they differ by more than {span(WRONG_MS)}, a chat that was cut off can look whole"
    return wrong(CHECK, text, REMEDY)


def newest(topic: str, at_ms: int | None, now_ms: int, stamped_by: str) -> Finding | None:
    """What the time of a topic's newest record says of the clock that stamped it; None: nothing.

    Kafka tells its time to nobody, so only a record from the future gives a clock away.
    """
    if at_ms is None:
        return None
    if at_ms - now_ms < DOUBT_MS:
        return ok(CHECK, f"no record of {topic} is from the future, by the clock of {stamped_by}")
    return compared(f"the clock of {stamped_by}, which times the records of {topic},", at_ms - now_ms)
