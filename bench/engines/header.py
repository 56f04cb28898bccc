"""What engine/likeness.h says: the backends, and whether a plan has a precision. One place to look, no list to keep."""

from __future__ import annotations

import re
from pathlib import Path

TEXT = (Path(__file__).resolve().parents[2] / "engine/likeness.h").read_text(encoding="utf-8")
BACKENDS = {name.lower(): int(number) for name, number in re.findall(r"\bLK_BACKEND_(\w+) = (\d+)", TEXT)}
DEFAULT_BACKEND = "native" if "native" in BACKENDS else "openblas"
PLAN_OPTIONS = re.search(r"typedef struct lk_plan_options \{.*?\} lk_plan_options;", TEXT, re.DOTALL)
HAS_PRECISION = PLAN_OPTIONS is not None and re.search(r"\bprecision;", PLAN_OPTIONS[0]) is not None
