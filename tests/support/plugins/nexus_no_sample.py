"""A plugin that turns the random sample off, so that a test knows what is left out."""

from pytest_nexus.plan.selection import unlikely

unlikely.SAMPLED_SHARE = 0.0  # type: ignore[misc] # for this process alone
