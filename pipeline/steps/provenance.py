"""What results depend on besides data and config: our own sources and the libraries' versions."""

from __future__ import annotations

import hashlib
from functools import cache
from importlib import metadata
from pathlib import Path

PACKAGE = Path(__file__).resolve().parents[1]


@cache
def code_hash(*places: str) -> str:
    """Hash the sources of rooms (folders) and modules (files) of the package.

    Parameters
    ----------
    *places : str
        Names relative to the package: ``lfp``, ``metric.py``.

    Returns
    -------
    str
        First 16 hexadecimal digits of a SHA-256 over names and contents; it stands in the params
        of every rule, because Snakemake's own code trigger sees only the script.
    """
    digest = hashlib.sha256()
    for place in sorted(places):
        path = PACKAGE / place
        files = [path] if path.is_file() else sorted(path.rglob("*"))
        for file in files:
            if file.suffix in (".py", ".jinja", ".html", ".css", ".js", ".yaml"):
                digest.update(str(file.relative_to(PACKAGE)).encode() + b"\0")
                digest.update(file.read_bytes() + b"\0")
    return digest.hexdigest()[:16]


@cache
def versions(*packages: str) -> dict[str, str]:
    """Return the installed versions of packages, in alphabetical order."""
    return {package: metadata.version(package) for package in sorted(packages)}
