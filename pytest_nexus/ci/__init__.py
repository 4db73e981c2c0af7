"""What the environment of a CI says: provider, event, branches, links, jobs. No network."""
