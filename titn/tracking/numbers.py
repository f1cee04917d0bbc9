"""Nested rows and settings, flat, as trackers have them."""

from typing import Any

from titn.tracking.protocol import Number, Setting


def numbers_of(row: dict, prefix: str = "") -> dict[str, Number]:
    """The numbers of a nested row by path: {"cls/top1": 0.9, ...}."""
    flat: dict[str, Number] = {}
    for key, value in row.items():
        if isinstance(value, dict):
            flat |= numbers_of(value, f"{prefix}{key}/")
        elif isinstance(value, int | float) and not isinstance(value, bool) and key != "epoch":
            flat[prefix + key] = value
    return flat


def settings_of(node: dict[str, Any], prefix: str = "") -> dict[str, Setting]:
    """The values of a nested configuration by dotted key; a list as the text that it prints."""
    flat: dict[str, Setting] = {}
    for key, value in node.items():
        if isinstance(value, dict):
            flat |= settings_of(value, f"{prefix}{key}.")
        elif value is None or isinstance(value, bool | int | float | str):
            flat[prefix + key] = value
        else:
            flat[prefix + key] = str(value)
    return flat
