"""The tests of this folder share `claimed`, and those beside it `family_views`."""

import sys
from pathlib import Path

for folder in (Path(__file__).parent, Path(__file__).parent.parent):
    sys.path.insert(0, str(folder))
