"""All runs in one HTML file that opens without a network: table, plots, two runs side by side."""

from titn.reporting.explorer.page import check_installed, check_replaceable, write_explorer

__all__ = ["check_installed", "check_replaceable", "write_explorer"]
