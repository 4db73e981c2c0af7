"""Use the REST interface of GitHub: artifacts, pull requests, comments."""
