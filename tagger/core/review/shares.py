"""Shares as people read them."""


def share(part: int, whole: int) -> str:
    """A share in percent. Only none is 0.0 %, and only all are 100.0 %; a dash where there is nothing to share."""
    if not whole:
        return "–"
    return f"{min(max(100 * part / whole, 0.1 * (part > 0)), 100 - 0.1 * (part < whole)):.1f} %"
