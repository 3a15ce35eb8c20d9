"""Trial sequences written as text, and a slow second implementation of every definition.

A trial is three characters, rule, cue, choice: ``Lrl`` is the light rule, light on the right, left
chosen; ``A`` is choose left, ``B`` choose right, ``M`` a second label for the light rule; ``-`` is
an omission. The oracle works on one set at a time with plain loops, as the definitions are written.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from pipeline.flexibility import Task

SIDE = {"l": "left", "r": "right", "-": ""}
LABEL = {"L": "light", "A": "left", "B": "right", "M": "light2"}
RULES = {
    "light": "follow cue",
    "left": "choose left",
    "right": "choose right",
    "light2": "follow cue",
}


def make_task(**changes) -> Task:
    return Task.model_validate({"rules": RULES, "criterion": {"consecutive": 3}, **changes})


def side_of(rule: str, cue: str) -> str:
    """Correct side, in the one-letter notation."""
    return {"L": cue, "M": cue, "A": "l", "B": "r"}[rule]


def trial_table(text: str, **columns) -> pd.DataFrame:
    """Canonical trial table of a sequence, one trial every 10 s."""
    words = text.split()
    right = [side_of(w[0], w[1]) == w[2] for w in words]
    table = {
        "trial": np.arange(1, len(words) + 1),
        "t_cue": np.arange(len(words)) * 10.0,
        "rule": [LABEL[w[0]] for w in words],
        "cue_side": [SIDE[w[1]] for w in words],
        "choice_side": [SIDE[w[2]] for w in words],
        "correct": [float(r) for r in right],
        "omission": [w[2] == "-" for w in words],
        "latency_choice": [np.nan if w[2] == "-" else 0.8 for w in words],
        "source_file": "log.csv",
        "source_row": np.arange(len(words)) + 2,
    }
    return pd.DataFrame({**table, **columns})


SHORT = {
    "none": ".",
    "omission": "o",
    "first_trial": "f",
    "perseverative": "P",
    "post_perseverative": "Q",
    "regressive": "R",
    "never_reinforced": "N",
}


def labels(scores, scheme: str) -> str:
    """Error types of all trials, one letter each."""
    return "".join(SHORT[label] for label in scores.trials[f"error_{scheme}"])


def split_sets(text: str) -> list[list[str]]:
    """Words of each set."""
    sets: list[list[str]] = []
    for word in text.split():
        if not sets or sets[-1][0][0] != word[0]:
            sets.append([])
        sets[-1].append(word)
    return sets


def oracle_labels(text: str, scheme: str, *, cued: bool = False) -> str:
    """Labels of a sequence by the slow implementation, published parameters."""
    result, before = "", ""
    for words in split_sets(text):
        result += _one_set(words, before, scheme, cued)
        before = words[0][0]
    return result


def _kind(word: str, before: str) -> str:
    """o omission, c correct, p error of the previous rule, n error of neither."""
    rule, cue, choice = word
    if choice == "-":
        return "o"
    if choice == side_of(rule, cue):
        return "c"
    return "p" if choice == side_of(before, cue) else "n"


def _one_set(words: list[str], before: str, scheme: str, cued: bool) -> str:
    if not before:
        return "".join("o" if w[2] == "-" else "." for w in words)
    kinds = [_kind(w, before) for w in words]
    conflict = [side_of(w[0], w[1]) != side_of(before, w[1]) for w in words]
    out = ["o" if k == "o" else "." for k in kinds]
    errors = [i for i, k in enumerate(kinds) if k in "pn"]
    if scheme == "floresco_block":
        slots = [i for i, k in enumerate(kinds) if k != "o" and conflict[i]]
        state = "P"
        for start in range(0, len(slots), 8):
            block = slots[start : start + 8]
            wrong = sum(kinds[i] == "p" for i in block)
            open_slots = 8 - len(block)
            if wrong + open_slots < 6:
                state = "R"
            for i in block:
                if kinds[i] == "p":
                    out[i] = state
        for i in errors:
            if not conflict[i]:
                out[i] = "N"
    elif scheme == "rule_consistent":
        learnt = False
        for i, kind in enumerate(kinds):
            if kind == "p":
                out[i] = "R" if learnt else "P"
            elif kind == "n":
                out[i] = "N"
            elif kind == "c" and conflict[i]:
                learnt = True
    elif scheme == "widge_sequence":
        return _widge(kinds)
    elif scheme == "error_chain":
        last = None
        for i, kind in enumerate(kinds):
            if kind == "o":
                continue
            if kind in "pn":
                out[i] = {None: "f", "e": "P", "c": "R"}[last]
            last = "c" if kind == "c" else "e"
    elif scheme == "initial_run":
        done = False
        for i, kind in enumerate(kinds):
            done = done or kind == "c"
            if kind in "pn":
                out[i] = "R" if done else "P"
    choices = [i for i, k in enumerate(kinds) if k != "o"]
    if choices and not cued and kinds[choices[0]] in "pn":
        out[choices[0]] = "f"
    return "".join(out)


def _widge(kinds: list[str]) -> str:
    out, state, run = [], "P", 0
    for i, kind in enumerate(kinds):
        if i == 0:
            out.append("." if kind == "c" else "f")
        elif kind == "c":
            out.append(".")
            if state == "P":
                state = "Q"
            elif state == "Q":
                run += 1
                if run == 4:
                    state = "R"
        else:
            run = 0
            out.append(state)
    return "".join(out)


def oracle_criterion(
    words: list[str], *, m: int, of: int, count: bool, breaks: bool, included: bool
) -> tuple[int, bool]:
    """Trials to criterion of one set, and whether it was reached."""
    hits: list[tuple[int, bool]] = []
    counted_before: list[int] = []
    counted = 0
    for word in words:
        omitted = word[2] == "-"
        counted_before.append(counted)
        counted += count or not omitted
        if omitted and not breaks:
            continue
        hits.append((len(counted_before) - 1, not omitted and word[2] == side_of(word[0], word[1])))
        window = hits[-of:]
        if sum(hit for _, hit in window) >= m:
            return (counted if included else counted_before[window[0][0]]), True
    return counted, False
