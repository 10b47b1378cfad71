"""These tests use helpers of the integration and the deploy tests, too."""

import sys
from pathlib import Path

for name in ("integration", "deploy"):
    sys.path.insert(0, str(Path(__file__).resolve().parents[1] / name))
