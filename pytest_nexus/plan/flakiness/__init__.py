"""How flaky a test is, and what speaks for a flake."""
