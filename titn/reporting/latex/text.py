"""Markdown of a page's cells and sentences as plain text and as LaTeX."""

import html
import re
from collections.abc import Iterator

MARKUP = re.compile(
    r"\\(?P<literal>[^A-Za-z0-9\s])"
    r"|(?P<ticks>`+)(?P<code>.+?)(?P=ticks)(?!`)"
    r"|(?P<bold>\*\*)"
    r"|(?P<italic>\*)"
    r"|!?\[(?P<shown>(?:\\.|[^\]\\])*)\]\([^)]*\)"
    r"|(?P<tag></?[a-z]+ ?/?>)"
)
OPENING = {"bold": r"\textbf{", "italic": r"\emph{"}

LATEX = {
    "\\": r"\textbackslash{}", "{": r"\{", "}": r"\}", "$": r"\$", "&": r"\&", "#": r"\#",
    "%": r"\%", "_": r"\_", "~": r"\textasciitilde{}", "^": r"\textasciicircum{}",
    "`": r"\textasciigrave{}", '"': r"''", "<": "$<$", ">": "$>$", "|": "$|$",
    "--": "-{}-",  # two hyphens would become a dash
    "−": "$-$", "–": "--", "—": "---", "…": r"\ldots{}", "†": r"\dag{}", "‡": r"\ddag{}",
    "‘": "`", "’": "'", "“": "``", "”": "''", "\u00a0": "~",
    "×": r"$\times$", "±": r"$\pm$", "·": r"$\cdot$", "≤": r"$\leq$", "≥": r"$\geq$",
    "≈": r"$\approx$", "≠": r"$\neq$", "∞": r"$\infty$", "√": r"$\surd$",
    "→": r"$\rightarrow$", "←": r"$\leftarrow$", "²": "$^2$", "³": "$^3$", "µ": r"$\mu$",
    "α": r"$\alpha$", "β": r"$\beta$", "γ": r"$\gamma$", "δ": r"$\delta$", "ε": r"$\epsilon$",
    "λ": r"$\lambda$", "μ": r"$\mu$", "π": r"$\pi$", "σ": r"$\sigma$", "τ": r"$\tau$",
    "Δ": r"$\Delta$",
}  # fmt: skip
# The sign of a number, and whatever has another form in LaTeX.
REPLACED = re.compile(
    r"(?P<sign>(?<![\w.)\]])[-+−](?=\.?\d))|"
    + "|".join(map(re.escape, sorted(LATEX, reverse=True)))
)
# Beyond it pdfLaTeX knows no letters by itself: Latin-1 and Latin Extended-A.
LAST_LATIN = "\u017f"


def escape(text: str) -> str:
    """Plain text as LaTeX prints it, with true minus signs before numbers."""
    return REPLACED.sub(_replacement, text)


def _replacement(found: re.Match[str]) -> str:
    if sign := found["sign"]:
        return "$+$" if sign == "+" else "$-$"
    return LATEX[found[0]]


def latex(markdown: str) -> str:
    """Bold, emphasis and code stay; of a link its text."""
    parts, is_open = [], {"bold": False, "italic": False}
    for kind, text in _tokens(markdown):
        if kind in OPENING:
            parts.append("}" if is_open[kind] else OPENING[kind])
            is_open[kind] = not is_open[kind]
        elif kind == "code":
            parts.append(rf"\texttt{{{escape(text)}}}")
        else:
            parts.append(latex(text) if kind == "shown" else escape(text))
    return "".join(parts) + "}" * sum(is_open.values())


def plain(markdown: str) -> str:
    """The text without its markup."""
    return "".join(
        plain(text) if kind == "shown" else text
        for kind, text in _tokens(markdown)
        if kind not in OPENING
    )


def needs_unicode_engine(text: str) -> bool:
    """Whether there are letters that pdfLaTeX does not know by itself."""
    return any(letter > LAST_LATIN and letter not in LATEX for letter in text)


def _tokens(markdown: str) -> Iterator[tuple[str, str]]:
    """(kind, text): kinds are those of MARKUP, and text for what lies between.

    Neighbouring text is one token: whether a hyphen is a sign shows in what precedes it.
    """
    run, end = "", 0
    for found in MARKUP.finditer(markdown):
        run += html.unescape(markdown[end : found.start()])
        end = found.end()
        kind = found.lastgroup or ""
        if kind == "literal":
            run += found["literal"]
        elif kind == "tag":
            run += " " if found["tag"].startswith("<br") else ""
        else:
            if run:
                yield "text", run
            run = ""
            yield kind, found[kind].strip() if kind == "code" else found[kind]
    if run := run + html.unescape(markdown[end:]):
        yield "text", run
