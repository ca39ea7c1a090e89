"""What people type into a form, as the page works with it. Pure."""


def clean(text: str) -> str:
    """A text as it is shown and decided: browsers send CR LF, and a NUL would vanish from a page."""
    return text.replace("\r\n", "\n").replace("\r", "\n").replace("\0", "\ufffd")
