"""Settings of the property tests of the engine."""

import sys
from pathlib import Path

from hypothesis import settings

# A machine that does other things at the same time is no bug.
settings.register_profile("engine", deadline=None)
settings.load_profile("engine")

sys.path.insert(0, str(Path(__file__).parent))  # for modules that several tests share
