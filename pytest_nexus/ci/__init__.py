"""What the environment of a CI says: provider, run, jobs, branches, addresses. No network."""
