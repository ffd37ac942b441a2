"""The tests of this folder share `browser` and `random_programs`, which lie beside them."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
