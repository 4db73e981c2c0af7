"""GitHub over its REST interface: artifacts, pull requests, comments."""
