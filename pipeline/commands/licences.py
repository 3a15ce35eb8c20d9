"""Write docs/licences.md: the licence of every package of the lock, as the package states it.

Run as ``python -m pipeline.commands.licences`` (``make licences``); a test keeps the page in step
with the lock.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import Any

from pipeline.files import replacing

REPOSITORY = Path(__file__).resolve().parents[2]
LOCK = REPOSITORY / "requirements" / "lock.txt"
PAGE = REPOSITORY / "docs" / "licences.md"
#: packages of the lock that no platform of ours installs (Windows, Python 3.14): as known
BY_HAND = {
    "colorama": "BSD-3-Clause",
    "donfig": "MIT",
    "google-crc32c": "Apache-2.0",
    "msgspec": "BSD-3-Clause",
    "pyreadline3": "BSD-3-Clause",
}
#: sentences by which the text of a licence is known, in this order
_TEXTS = (
    ("Mozilla Public License", "MPL-2.0"),
    ("Apache License", "Apache-2.0"),
    ("Permission is hereby granted, free of charge", "MIT"),
    ("Neither the name", "BSD-3-Clause"),
    ("Redistribution and use in source and binary forms", "BSD-2-Clause"),
)
_INTRODUCTION = """# Licences of what the pipeline stands on

Written by `make licences` from `requirements/lock.txt` and from what each package says of itself;
a test compares it with the lock. Nothing of these packages is part of this repository: `make
install` fetches them. Where a package states an SPDX expression, it stands here as written;
otherwise its classifiers, its licence field or the text of its licence file.

## What comes inside other packages

| what | inside | licence | where it goes |
|---|---|---|---|
| Vega {vega}, Vega-Lite, Vega-Embed {embed}, Vega-Themes {themes} | vl-convert-python | \
BSD-3-Clause | **into every report**: index.html and results/report/assets/vega.js hold this \
library, so that figures work offline. Whoever publishes a report publishes this library too, and \
keeps its notice: Copyright (c) University of Washington Interactive Data Lab and contributors |
| axe-core | axe-playwright-python (MIT) | MPL-2.0 | tests of accessibility only; unchanged, \
in no report |
| V8 and Deno's runtime | vl-convert-python | BSD-3-Clause, MIT | runs Vega to draw SVG, PDF, PNG; \
in no report |
| Node.js, the Playwright driver | playwright | MIT, Apache-2.0 | tests in a browser only |
| OpenBLAS | numpy, scipy, scikit-learn | BSD-3-Clause | computes; in no report |
| libgfortran, libquadmath | numpy, scipy | GPL-3.0 with the GCC runtime exception, LGPL-2.1 | \
computes; in no report |
| HDF5, netCDF-C | h5py, netcdf4 | BSD-3-Clause | reads and writes files; in no report |
| LLVM | llvmlite | Apache-2.0 with the LLVM exception | compiles loops of the sorter |

Chromium and Slurm are used by tests where the system has them; they are not installed by the lock.

## Packages of the lock

"Stated by" says where the licence was read: `expression`, `classifier` and `field` are the
package's metadata, `text` its licence file, `by hand` our own word for a package that the lock
holds for platforms on which nothing here is tested.

| package | version | licence | stated by |
|---|---|---|---|
"""


@dataclass(frozen=True)
class Licence:
    """What a package is licensed under, and where that was read."""

    words: str
    stated_by: str


def locked(text: str) -> dict[str, str]:
    """Return package -> version of a lock file."""
    return dict(re.findall(r"^([a-z0-9-]+)==([^ \\;]+)", text, re.M))


def licence_of(package: str) -> Licence | None:
    """Return a package's licence as its installed metadata states it; None if not installed.

    Parameters
    ----------
    package : str
        Name of the distribution.
    """
    try:
        found = metadata.distribution(package)
    except metadata.PackageNotFoundError:
        return None
    stated: Any = found.metadata  # a message, as e-mail has them
    expression = stated.get("License-Expression")
    if expression:
        return Licence(expression, "expression")
    field = " ".join((stated.get("License") or "").split())
    classifiers = [
        entry.split("::")[-1].strip()
        for entry in stated.get_all("Classifier") or ()
        if entry.startswith("License ::") and not entry.endswith("OSI Approved")
    ]
    if field and len(field) <= 40:
        return Licence(field, "field")
    if classifiers:
        return Licence("; ".join(classifiers), "classifier")
    texts = [field, *_licence_texts(found)]
    known = next((name for text in texts for words, name in _TEXTS if words in text), "")
    return Licence(known or "not stated", "text" if known else "")


def _licence_texts(found: metadata.Distribution) -> list[str]:
    files = [f for f in found.files or () if re.search(r"licen[cs]e|copying", str(f), re.I)]
    texts = (Path(str(f.locate())) for f in files if "dist-info" in str(f))
    return [
        " ".join(path.read_text(encoding="utf-8", errors="replace").split())
        for path in texts
        if path.is_file()
    ]


def row(package: str, version: str) -> str:
    """Return the page's row of a package.

    Raises
    ------
    LookupError
        If the package is neither installed nor known by hand.
    """
    by_hand = BY_HAND.get(package)
    found = Licence(by_hand, "by hand") if by_hand else licence_of(package)
    if found is None:
        raise LookupError(
            f"{package}: not installed, so its licence cannot be read; run make install, or write "
            "its licence into BY_HAND if no platform of ours installs it"
        )
    return f"| {package} | {version} | {found.words} | {found.stated_by} |"


def page(pins: Mapping[str, str]) -> str:
    """Return the whole page for a lock's packages."""
    import vl_convert

    introduction = _INTRODUCTION.format(
        vega=vl_convert.get_vega_version(),
        embed=vl_convert.get_vega_embed_version(),
        themes=vl_convert.get_vega_themes_version(),
    )
    return introduction + "\n".join(row(*pin) for pin in sorted(pins.items())) + "\n"


def main() -> int:
    """Write the page."""
    with replacing(PAGE) as part:
        part.write_text(page(locked(LOCK.read_text(encoding="utf-8"))), encoding="utf-8")
    print(f"Wrote {PAGE.relative_to(REPOSITORY)}.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
