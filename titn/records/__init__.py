"""What is on the disk of runs and sweeps: written, validated, read, collated.

It imports system, and no torch.
"""

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from titn.records.collation import Records


def load(*directories: str | Path) -> "Records":
    """The runs of these directories as one table: see titn.records.collation.Records."""
    # Imported here because training does not need pandas, which takes half a second to import.
    from titn.records.collation import load as collate

    return collate(*directories)
