"""The tables that the paper prints, as data frames."""

from functools import cache
from pathlib import Path

import pandas as pd

from titn.paper.protocol import NUM_CLASSES

TABLES = Path(__file__).parent / "tables"

# What table 3 counts the teacher's head with, though its data set has a hundred classes.
IMAGENET_CLASSES = 1000
COUNTED_WITH = {("table3", "VGG16-BN"): IMAGENET_CLASSES}


def printed_table(name: str) -> pd.DataFrame:
    """A table of the paper, a line for each row: "table1" to "table6", "figure5" or "prose".

    row: our label of it. Accuracies are fractions of exactly the printed digits, under a record's
    names; gflops_batch1024 and the columns in millions (`_m`) are as printed. NaN: not printed.
    Table 6 quotes other data and other protocols: its rows are not comparable. That its last row
    is CIFAR-10 follows from table 4. "prose" holds the numbers that the text repeats from a table:
    the section that states them, and their place in the table.

    ValueError if the paper has no such table.
    """
    return _read(name).copy()


def table_title(name: str) -> str:
    """How text refers to a table: "table 3"."""
    return name.replace("table", "table ").replace("figure", "figure ")


def printed_num_classes(table: str | None, row: str, dataset: str) -> int | None:
    """With how many classes the paper counts the parameters and GFLOPs of a table's row.

    Those of the data set, but for the teacher of table 3. None for a data set that the paper has
    not.
    """
    return COUNTED_WITH.get((table or "", row)) or NUM_CLASSES.get(dataset)


@cache
def _read(name: str) -> pd.DataFrame:
    known = sorted(path.stem for path in TABLES.glob("*.csv"))
    if name not in known:
        raise ValueError(f"printed={name}: the paper's tables are {', '.join(known)}")
    return pd.read_csv(TABLES / f"{name}.csv")
