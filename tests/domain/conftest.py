"""Properties are tried on the same examples in every run, and a slow machine is no failure."""

from hypothesis import settings

settings.register_profile("steady", deadline=None, derandomize=True, database=None)
settings.load_profile("steady")
