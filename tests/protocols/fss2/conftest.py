"""The tests of this folder share `compared`, which lies beside them, and the views of the folder above."""

import sys
from pathlib import Path

sys.path[:0] = [str(Path(__file__).parent), str(Path(__file__).parent.parent)]
