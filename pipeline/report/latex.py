r"""Texts as LaTeX and BibTeX, for pdflatex and bibtex with natbib.

Everything that is special to TeX is escaped. Letters with accents of European languages stay as
they are (UTF-8 input, T1 fonts); signs that these fonts lack are written as commands; a character
that has neither is shown by its code point, for pdflatex would stop at it.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence

from pipeline.report.bibliography import Work, parts
from pipeline.report.markdown import Block

#: characters that mean something to TeX
_SPECIAL = {
    "\\": r"\textbackslash{}",
    "{": r"\{",
    "}": r"\}",
    "$": r"\$",
    "&": r"\&",
    "#": r"\#",
    "%": r"\%",
    "_": r"\_",
    "^": r"\textasciicircum{}",
    "~": r"\textasciitilde{}",
    "|": r"\textbar{}",
    "<": r"\textless{}",
    ">": r"\textgreater{}",
    '"': r"\textquotedbl{}",
    "`": r"\textasciigrave{}",
    "'": r"\textquotesingle{}",
}
#: signs of the report's texts
_SIGNS = {
    "\N{ZERO WIDTH SPACE}": r"\allowbreak{}",
    "\N{NO-BREAK SPACE}": "~",
    "\N{NARROW NO-BREAK SPACE}": r"\,",
    "\N{EN DASH}": r"\textendash{}",
    "\N{EM DASH}": r"\textemdash{}",
    "\N{MINUS SIGN}": r"\ensuremath{-}",
    "\N{MULTIPLICATION SIGN}": r"\ensuremath{\times}",
    "\N{PLUS-MINUS SIGN}": r"\ensuremath{\pm}",
    "\N{GREATER-THAN OR EQUAL TO}": r"\ensuremath{\geq}",
    "\N{LESS-THAN OR EQUAL TO}": r"\ensuremath{\leq}",
    "\N{ALMOST EQUAL TO}": r"\ensuremath{\approx}",
    "\N{NOT EQUAL TO}": r"\ensuremath{\neq}",
    "\N{RIGHTWARDS ARROW}": r"\ensuremath{\rightarrow}",
    "\N{INFINITY}": r"\ensuremath{\infty}",
    "\N{SQUARE ROOT}": r"\ensuremath{\surd}",
    "\N{SUPERSCRIPT TWO}": r"\ensuremath{^{2}}",
    "\N{SUPERSCRIPT THREE}": r"\ensuremath{^{3}}",
    "\N{MIDDLE DOT}": r"\ensuremath{\cdot}",
    "\N{DEGREE SIGN}": r"\ensuremath{^{\circ}}",
    "\N{MICRO SIGN}": r"\textmu{}",
    "\N{GREEK SMALL LETTER MU}": r"\textmu{}",
    "\N{LEFT SINGLE QUOTATION MARK}": r"\textquoteleft{}",
    "\N{RIGHT SINGLE QUOTATION MARK}": r"\textquoteright{}",
    "\N{LEFT DOUBLE QUOTATION MARK}": r"\textquotedblleft{}",
    "\N{RIGHT DOUBLE QUOTATION MARK}": r"\textquotedblright{}",
    "\N{HORIZONTAL ELLIPSIS}": r"\textellipsis{}",
    "\N{SECTION SIGN}": r"\S{}",
}
_GREEK = {
    unicodedata.lookup(f"GREEK SMALL LETTER {name}"): rf"\ensuremath{{\{command}}}"
    for name, command in (
        ("ALPHA", "alpha"), ("BETA", "beta"), ("GAMMA", "gamma"), ("DELTA", "delta"),
        ("EPSILON", "epsilon"), ("THETA", "theta"), ("LAMDA", "lambda"), ("PI", "pi"),
        ("RHO", "rho"), ("SIGMA", "sigma"), ("TAU", "tau"), ("PHI", "phi"), ("CHI", "chi"),
        ("PSI", "psi"), ("OMEGA", "omega"),
    )
}  # fmt: skip
_COMMANDS = _SPECIAL | _SIGNS | _GREEK
#: further signs that the fonts have
_SYMBOLS = frozenset("¡¿«»¢£¥€©®™¶¼½¾¹")
#: Latin letters below U+0180 that they lack
_NOT_IN_FONTS = frozenset("ĦħĸĿŀŉŦŧſ")
#: pairs that T1 fonts join into another sign (-- is a dash, << a quotation mark)
_JOINED = "-,?!"
#: a hash: it may be broken anywhere
_LONG = re.compile(r"[0-9a-f]{32,}")
_BREAK = "\N{ZERO WIDTH SPACE}"
_HEAD = r"""\documentclass{article}
\usepackage[utf8]{inputenc}
\usepackage[T1]{fontenc}
\usepackage{textcomp}
\usepackage{url}
\usepackage{natbib}
\setcitestyle{authoryear,aysep={}}
\setlength{\emergencystretch}{4em}
"""


def escaped(text: str) -> str:
    """Write plain text so that TeX prints it as it is."""
    out: list[str] = []
    for sign in _LONG.sub(_breakable, " ".join(text.splitlines())):
        if sign in _JOINED and out and out[-1] and out[-1][-1] in _JOINED + "`'":
            out.append("{}")
        out.append(_COMMANDS.get(sign) or _letter(sign))
    return "".join(out)


def _breakable(match: re.Match[str]) -> str:
    return _BREAK.join(re.findall(".{1,8}", match[0]))


def _letter(sign: str) -> str:
    code = ord(sign)
    if 0x20 <= code < 0x7F:
        return sign
    name = unicodedata.name(sign, "")
    known = sign in _SYMBOLS or (code < 0x180 and name.startswith("LATIN"))
    return sign if known and sign not in _NOT_IN_FONTS else rf"\texttt{{U+{code:04X}}}"


def cited_text(text: str) -> str:
    r"""Write a text with citations by key: ``\citealp{key}`` prints author and year."""
    return "".join(
        escaped(words) if work is None else rf"\citealp{{{work.key}}}"
        for words, work in parts(text)
    )


def latex_text(
    title: str, blocks: Sequence[Block], works: Sequence[Work], *, bibliography: str
) -> str:
    """Write a document as LaTeX.

    Parameters
    ----------
    title : str
        Its title.
    blocks : sequence of Block
        Sections; what is said of a term becomes a paragraph with the term as its head.
    works : sequence of Work
        Works cited; without any there is no bibliography.
    bibliography : str
        Name of the BibTeX file beside it.

    Returns
    -------
    str
        ``pdflatex``, ``bibtex``, ``pdflatex`` twice make a PDF of it. It has no date.
    """
    out = [f"{_HEAD}\\title{{{escaped(title)}}}\n\\author{{}}\n\\date{{}}"]
    out.append("\\begin{document}\n\\maketitle")
    for heading, paragraphs, facts in blocks:
        out.append(rf"\section*{{{escaped(heading)}}}")
        out += [cited_text(paragraph) for paragraph in paragraphs]
        out += [rf"\paragraph{{{cited_text(term)}}} {cited_text(said)}" for term, said in facts]
    if works:
        stem = bibliography.removesuffix(".bib")
        out.append(f"\\bibliographystyle{{plainnat}}\n\\bibliography{{{stem}}}")
    return "\n\n".join([*out, r"\end{document}"]) + "\n"


_KINDS = {"article": "article", "book": "book", "chapter": "incollection", "preprint": "misc"}


def bibtex_text(works: Sequence[Work]) -> str:
    """Write works as a BibTeX file; those that were not looked up say so in a note field."""
    return "\n".join(map(_bibtex_entry, works))


def _bibtex_entry(work: Work) -> str:
    preprint = f"Preprint, {work.journal} {work.pages}" if work.kind == "preprint" else ""
    fields = {
        "author": " and ".join(n if n == "others" else escaped(n) for n in work.authors),
        # a second pair of braces keeps capitals as they are
        "title": f"{{{escaped(work.title)}}}",
        "journal": "" if preprint else escaped(work.journal),
        "booktitle": escaped(work.booktitle),
        "publisher": escaped(work.publisher),
        "howpublished": escaped(preprint),
        "year": str(work.year),
        "volume": str(work.volume or ""),
        "number": str(work.number or ""),
        "pages": "" if preprint else escaped(work.pages).replace("-", "--"),
        "doi": work.doi,
        "annote": "" if work.checked else "Not looked up yet: check before printing",
    }
    lines = [f"  {name} = {{{value}}}," for name, value in fields.items() if value]
    return "\n".join([f"@{_KINDS[work.kind]}{{{work.key},", *lines, "}", ""])
