"""What people's last word was on the tags of a thread, against what our decisions called for. Pure."""

from collections.abc import Collection, Iterable

from tagger.core.review.past_chat import Correction


def last_words(called_for: Collection[str], corrections: Iterable[Correction]) -> dict[str, Correction]:
    """Return the last correction of each tag that changes what decisions called for.

    `called_for` are the tags of all decisions on the thread, `corrections` those of the thread, oldest first. One of
    ours is no addition, whoever is said to have set it; and whoever removed what no decision called for took back
    their own.
    """
    last = {made.tag: made for made in corrections}
    return {tag: made for tag, made in last.items() if (made.change == "removed") == (tag in called_for)}
