"""Hold the packages of the lock against the published advisories (``make audit``).

One question to OSV (https://osv.dev), the database that gathers advisories on PyPI's packages. It
gets names and versions of the lock, which are public, and nothing else. Where it cannot be reached
within 20 s the check says so and passes: a machine without network is no security problem. This is
the one module of the package that uses the network, and no rule of the workflow runs it.
"""

from __future__ import annotations

import json
import sys
import threading
import urllib.request
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from pipeline.commands.licences import LOCK, locked

SOURCE = "https://api.osv.dev/v1/querybatch"
DEADLINE_S = 20.0
#: advisories that were read and do not concern the pipeline: id, blank, reason; one per line
ACCEPTED = LOCK.with_name("advisories.txt")

Ask = Callable[[Mapping[str, Any]], Mapping[str, Any]]


def ask_osv(question: Mapping[str, Any]) -> Mapping[str, Any]:
    """Send one question and return the answer."""
    body = json.dumps(question).encode()
    request = urllib.request.Request(SOURCE, body, {"Content-Type": "application/json"})
    with urllib.request.urlopen(request, timeout=DEADLINE_S) as answer:
        return json.load(answer)


def advisories(pins: Mapping[str, str], *, ask: Ask = ask_osv) -> dict[str, list[str]]:
    """Return package -> ids of the advisories on its locked version.

    Parameters
    ----------
    pins : mapping of str to str
        Package -> version.
    ask : callable
        Question -> answer, as OSV's ``querybatch``: one result per query, in their order.

    Raises
    ------
    ValueError
        If the answer is none to this question.
    """
    queries = [
        {"package": {"ecosystem": "PyPI", "name": name}, "version": version}
        for name, version in pins.items()
    ]
    results = ask({"queries": queries}).get("results")
    if not isinstance(results, list) or len(results) != len(pins):
        raise ValueError(f"expected {len(pins)} results, one per package")
    return {
        name: sorted(str(entry["id"]) for entry in result["vulns"])
        for name, result in zip(pins, results, strict=True)
        if result.get("vulns")
    }


def within(seconds: float, work: Callable[[], Any]) -> Any:
    """Return what `work` returns, or TimeoutError; a name that never resolves cannot hold us up."""
    done: list[Any] = []

    def run() -> None:
        try:
            done.append((work(), None))
        except (OSError, ValueError, LookupError, AttributeError, TypeError) as error:
            done.append((None, error))

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    thread.join(seconds)
    if not done:
        raise TimeoutError(f"no answer within {seconds:g} s")
    value, error = done[0]
    if error is not None:
        raise error
    return value


def accepted(path: Path = ACCEPTED) -> dict[str, str]:
    """Return advisory id -> the reason why it is accepted; nothing where there is no such file."""
    if not path.is_file():
        return {}
    lines = (line.strip() for line in path.read_text(encoding="utf-8").splitlines())
    pairs = (line.partition(" ") for line in lines if line and not line.startswith("#"))
    return {name: reason.strip() for name, _, reason in pairs if reason.strip()}


def main(*, ask: Ask = ask_osv, deadline_s: float = DEADLINE_S) -> int:
    """Check the lock; 1 if a package of it has an advisory that was not accepted."""
    pins = locked(LOCK.read_text(encoding="utf-8"))
    try:
        found = within(deadline_s, lambda: advisories(pins, ask=ask))
    except (OSError, ValueError, LookupError, AttributeError, TypeError) as error:
        print(
            f"NOT CHECKED: {len(pins)} packages of {LOCK.name} were not held against advisories, "
            f"for {SOURCE} gave no answer ({type(error).__name__}: {error}). This is no failure; "
            "run `make audit` where there is a network."
        )
        return 0
    reasons = accepted()
    for name, ids in found.items():
        for advisory in ids:
            said = f"accepted: {reasons[advisory]}" if advisory in reasons else "NOT ACCEPTED"
            print(f"{name} {pins[name]}: {advisory} (https://osv.dev/{advisory}): {said}")
    wrong = [i for ids in found.values() for i in ids if i not in reasons]
    print(f"Checked {len(pins)} packages: {len(wrong)} advisories that are not accepted.")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
