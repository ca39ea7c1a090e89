"""Figures as the page writes them. Pure."""


def share(part: int, whole: int) -> str:
    """`8.5 %`; a dash where there is nothing to have a share of."""
    return f"{100 * part / whole:.1f} %" if whole else "–"
