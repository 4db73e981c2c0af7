"""A plugin that turns the audit off, so that a test knows what is left out."""

from pytest_nexus.plan import reuse

reuse.FEWEST_TO_AUDIT = 10**9  # type: ignore[misc] # for this process alone
