"""Makes bench/ importable, as bench/peers and bench/layers do."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "bench"))
