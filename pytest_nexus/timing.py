"""The only place that reads a clock, so that tests can replace it."""

from __future__ import annotations

from time import perf_counter, time

__all__ = ["perf_counter", "time"]
