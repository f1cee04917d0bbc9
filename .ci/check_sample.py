"""Whether the README's sample output is what the command prints.

What was measured (accuracies, times) and the record's name may differ; words and sizes may not.

    python .ci/check_sample.py README.md PRINTED
"""

import re
import sys
from pathlib import Path

# Four decimals, seconds, images a second, a hash.
MEASURED = re.compile(r"\d\.\d{4}|\d+(?= s at )|\d+(?= images/s)|[0-9a-f]{64}")


def main(readme: str, printed: str) -> None:
    text = Path(readme).read_text(encoding="utf-8")
    blocks = re.findall(r"^```\w*\n(.*?)^```$", text, re.DOTALL | re.MULTILINE)
    (sample,) = (block for block in blocks if "\nrecord: " in block)
    wanted, found = (MEASURED.sub("N", one.strip("\n")).splitlines()
                     for one in (sample, Path(printed).read_text(encoding="utf-8")))  # fmt: skip
    if wanted != found:
        sys.exit(f"{readme} shows\n{sample}\nand the command prints\n{Path(printed).read_text()}")


main(*sys.argv[1:])
