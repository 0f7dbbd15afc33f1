"""The JSON schema of a claim file, with which editors complete and check claims as they are written.

``python -m bnrepro.spec.schema`` writes it to ``claims/claim.schema.json`` of the working directory.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from bnrepro.spec.claim import Claim

SCHEMA_PATH = Path("claims", "claim.schema.json")


def claim_schema() -> dict[str, Any]:
    """The schema of :class:`~bnrepro.spec.claim.Claim`, as a JSON object."""
    return {"$schema": "https://json-schema.org/draft/2020-12/schema"} | Claim.model_json_schema()


def schema_text() -> str:
    """The schema as the file holds it."""
    return json.dumps(claim_schema(), indent=2, sort_keys=True, ensure_ascii=False) + "\n"


if __name__ == "__main__":
    SCHEMA_PATH.write_text(schema_text(), encoding="utf-8")
