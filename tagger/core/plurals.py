"""How many there are of something, in words."""


def counted(number: int, noun: str) -> str:
    """Say it: `1 record`, `2,000 records`."""
    return f"{number:,} {noun}{'' if number == 1 else 's'}"
