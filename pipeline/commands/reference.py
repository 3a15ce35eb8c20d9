"""Write docs/reference/ and docs/api/: what the code declares of itself, as pages.

Run as ``python -m pipeline.commands.reference`` (``make references``); a test keeps the committed
pages in step.
"""

from __future__ import annotations

import sys
from pathlib import Path

from pipeline.commands import (
    reference_api,
    reference_config,
    reference_cover,
    reference_outcomes,
)
from pipeline.files import replacing

REPOSITORY = Path(__file__).resolve().parents[2]
DOCS = REPOSITORY / "docs"


def pages() -> dict[str, str]:
    """Return the text of every page by its path in docs/."""
    by_domain = {
        reference_outcomes.page_of(domain): reference_outcomes.domain_page(domain)
        for domain in reference_outcomes.DOMAINS
    }
    reference = {
        "configuration.md": reference_config.page(),
        "outcomes.md": reference_outcomes.index_page(),
        **by_domain,
    }
    return {
        **{f"reference/{name}": text for name, text in reference.items()},
        **{f"api/{name}": text for name, text in reference_api.pages().items()},
        **reference_cover.pages(),
    }


def main(docs: Path = DOCS) -> int:
    """Write every page."""
    for name, text in pages().items():
        (docs / name).parent.mkdir(parents=True, exist_ok=True)
        with replacing(docs / name) as part:
            part.write_text(text, encoding="utf-8")
        print(f"Wrote docs/{name}.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
