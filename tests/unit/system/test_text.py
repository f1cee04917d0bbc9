"""Names as a terminal may have them."""

import pytest

from titn.system.text import in_millions, printable


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("ants and bees", "ants and bees"),
        ("Käfer 甲虫", "Käfer 甲虫"),
        ("two\nlines", "two\\nlines"),
        ("\x1b[31m", "\\x1b[31m"),
        ("caf\udce9", "caf\\udce9"),
        ("\u202egnp", "\\u202egnp"),
        (7, "7"),
    ],
)
def test_what_is_no_character_is_escaped(text, shown):
    assert printable(text) == shown


@pytest.mark.parametrize(
    ("number", "shown"), [(5_364_000, "5.36M"), (123_456, "0.12M"), (12_345, "12,345")]
)
def test_a_small_number_is_written_in_full(number, shown):
    assert in_millions(number, 2) == shown
