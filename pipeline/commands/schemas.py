"""``python -m pipeline schemas``: JSON Schema of the config and the tables, for editors."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from pipeline.experiment.config import Config
from pipeline.experiment.task import Task

FOLDER = Path(__file__).resolve().parents[2] / "workflow" / "schemas"


def schemas() -> dict[str, dict[str, Any]]:
    """Return the schemas by file name."""
    return {
        "config.schema.json": Config.model_json_schema(),
        "task.schema.json": Task.model_json_schema(),
    }


def write_schemas(folder: Path = FOLDER) -> int:
    """Write every schema; a test keeps the committed ones in step."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, schema in schemas().items():
        (folder / name).write_text(json.dumps(schema, indent=1, sort_keys=True) + "\n")
        print(f"wrote {name}")
    return 0
