"""Measure how flaky a test is, and collect the evidence for its flakes."""
