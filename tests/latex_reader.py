r"""What a test asks of LaTeX: is it strictly well formed, and which words would it print.

Written without a look at how the project writes LaTeX: it knows TeX's own rules and a few commands.
"""

from __future__ import annotations

import re

SIGNS = {
    "textbackslash": "\\", "textasciicircum": "^", "textasciitilde": "~", "textbar": "|",
    "textless": "<", "textgreater": ">", "textquotedbl": '"', "textasciigrave": "`",
    "textquotesingle": "'", "textendash": "–", "textemdash": "—", "textmu": "µ",
    "textquoteleft": "‘", "textquoteright": "’", "textquotedblleft": "“", "textquotedblright": "”",
    "textellipsis": "…", "S": "§", "allowbreak": "", "maketitle": "",
    "times": "×", "pm": "±", "geq": "≥", "leq": "≤", "approx": "≈", "neq": "≠",
    "rightarrow": "→", "infty": "∞", "surd": "√", "cdot": "·", "theta": "θ",
    "alpha": "α", "beta": "β", "gamma": "γ", "delta": "δ", "epsilon": "ε", "lambda": "λ", "pi": "π",
    "rho": "ρ", "sigma": "σ", "tau": "τ", "phi": "φ", "chi": "χ", "psi": "ψ", "omega": "ω",
}  # fmt: skip
RAISED = {"2": "²", "3": "³", "\\circ": "°"}
#: commands whose argument is printed
PRINTED = {"section", "paragraph", "ensuremath", "texttt", "title", "author", "date"}
#: commands whose arguments are not words
SILENT = {"documentclass", "usepackage", "setcitestyle", "setlength", "bibliographystyle",
          "bibliography", "begin", "end", "emergencystretch"}  # fmt: skip
CITES = {"citealp"}
TOKEN = re.compile(r"\\([A-Za-z]+)(\*?)[ \n]?|\\(.)|([{}#$%&_^~])|([^\\{}#$%&_^~]+)", re.DOTALL)


class LatexError(AssertionError):
    """What TeX would stop at."""


def words_of(source: str, labels: dict[str, str]) -> tuple[str, list[str]]:
    """Return the text that would be printed, and the keys cited.

    Raises
    ------
    LatexError
        At an unbalanced brace or environment, a special character that is not escaped, or a
        command that is not known here.
    """
    out: list[str] = []
    keys: list[str] = []
    stack: list[str] = []
    environments: list[str] = []
    math, role, optional = 0, "", False
    position = 0
    while position < len(source):
        match = TOKEN.match(source, position)
        if match is None:
            raise LatexError(f"a backslash ends the text: {source[-20:]!r}")
        position = match.end()
        command, _, escaped, special, plain = match.groups()
        if command:
            if command in SIGNS:
                out.append(SIGNS[command])
                if source.startswith("{}", position):
                    position += 2
            elif command in PRINTED | SILENT | CITES:
                role = command
            else:
                raise LatexError(f"unknown command: {command}")
        elif escaped is not None:
            if escaped == ",":
                out.append(" ")
            elif escaped in "#$%&_{}":
                out.append(escaped)
            else:
                raise LatexError(f"unknown escape: {escaped!r}")
        elif special == "{":
            stack.append(role)
            math += role == "ensuremath"
            if role == "section":
                out.append("\n")
            start, role = position, ""
            if stack[-1] in {"begin", "end"} | CITES | SILENT:
                argument = source[start : source.index("}", start)]
                if stack[-1] == "begin":
                    environments.append(argument)
                elif stack[-1] == "end" and (not environments or environments.pop() != argument):
                    raise LatexError(f"environment {argument} ends and was not begun")
                elif stack[-1] in CITES:
                    keys.append(argument)
                    out.append(labels[argument])
        elif special == "}":
            if not stack:
                raise LatexError("a brace is closed and was not opened")
            closed = stack.pop()
            math -= closed == "ensuremath"
            if closed in SILENT and source.startswith("{", position):
                role = closed  # a second argument
        elif special == "~":
            out.append(" ")
        elif special == "^" and math:
            raised = re.compile(r"\{([^}]*)\}").match(source, position)
            out.append(RAISED[raised[1]])
            position = raised.end()
        elif special:
            raise LatexError(f"{special!r} is not escaped: ...{source[position - 30 : position]!r}")
        else:
            silent = any(one in SILENT | CITES for one in stack)
            optional = role in SILENT and plain.startswith("[")
            if not silent and not optional:
                out.append("−" if math and plain == "-" else plain)
    if stack or environments:
        raise LatexError(f"left open: {stack} {environments}")
    return re.sub(r"\s+", " ", "".join(out)).strip(), keys
