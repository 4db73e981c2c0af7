"""Read the environment of a CI: provider, event, branches, links, jobs. No network access."""
