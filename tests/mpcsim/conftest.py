"""Settings of the property tests of the engine."""

from hypothesis import settings

# A machine that does other things at the same time is no bug.
settings.register_profile("engine", deadline=None)
settings.load_profile("engine")
