"""Packs conf/ and sweeps/ into the wheel, beside the package's modules.

An editable install needs no copies: it finds them at the top of the checkout.
"""

from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface


class PackConfiguration(BuildHookInterface):
    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        if version != "editable":
            build_data["force_include"] |= {"conf": "titn/conf", "sweeps": "titn/sweeps"}
