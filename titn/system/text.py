"""Text made fit for a line on a terminal or a page."""


def printable(text: object) -> str:
    """What is no printable character is written as Python writes it: \\n, \\x1b, \\udce9.

    So a name cannot begin a line of its own, move a cursor or fail to be printed.
    """
    return "".join(
        char if char.isprintable() else char.encode("unicode_escape").decode() for char in str(text)
    )


def counted(number: float, noun: str) -> str:
    """1 cell, 2 cells."""
    return f"{number:.0f} {noun}{'' if number == 1 else 's'}"


def is_utf8(text: str) -> bool:
    """Whether it can be written: what is not UTF-8 on the disk has surrogates in Python."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True
