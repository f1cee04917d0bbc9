"""The text of one override on Hydra's command line. No Hydra here."""

import re


def override_key(override: str) -> str:
    return override.partition("=")[0].lstrip("+~")


def quote(text: str) -> str:
    """A text as a value on Hydra's command line, whatever is in it."""
    # To Hydra a backslash is one but before a quotation mark, where two are one; to OmegaConf, but
    # before an interpolation.
    escaped = re.sub(r'(\\*)("|\$\{)', r"\1\1\\\2", text)
    at_the_end = escaped[len(escaped.rstrip("\\")) :]
    return f'"{escaped}{at_the_end}"'
