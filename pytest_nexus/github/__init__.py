"""The station's side of GitHub: journals in, comments out; never imported by a session."""
