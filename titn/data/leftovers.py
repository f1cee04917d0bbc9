"""Files that nobody put into a data set: what file managers, archivers and systems leave behind."""

import re
from pathlib import Path

from titn.data.classes import text_of

# By name, in any case; .DS_Store, ._x, .directory, .ipynb_checkpoints by their dot.
LEFT_BEHIND = re.compile(
    r"""
    \.(?!.*\.icloud$).*            # hidden, but for images that iCloud has not brought yet
    | thumbs\.db(:encryptable)? | ehthumbs(_vista)?\.db | desktop\.ini                    # Windows
    | \$recycle\.bin | system\ volume\ information | zbthumbnail\.info
    | icon\r | __macosx | network\ trash\ folder | temporary\ items                         # macOS
    | @eadir | \#recycle | \#snapshot | @recycle | @recently-snapshot              # network storage
    | lost\+found                                                                          # Linux
    | .*:zone\.identifier                                   # that a file comes from the internet
    | ~\$.* | .*~                                                   # of a file that is being edited
    """,
    re.VERBOSE | re.IGNORECASE | re.DOTALL,
)


def belonging(directory: Path) -> list[Path]:
    """What is in a directory and may belong to a data set, in the order of names.

    The order is that of code points, the same on every machine. OSError if it cannot be listed.
    """
    items = [item for item in directory.iterdir() if not LEFT_BEHIND.fullmatch(item.name)]
    return sorted(items, key=lambda item: (text_of(item.name), item.name))
