"""The finished attempts of a session."""

from __future__ import annotations


class Timeline:
    """The finished attempts of a session, in the order they ended.

    Columns instead of objects: the timeline grows with every test, and the garbage collector
    would visit each object again and again.
    """

    def __init__(self) -> None:
        self.nodeids: list[str] = []
        self.durations_s: list[float] = []
        self.setups_s: list[float] = []
        """Seconds of fixture set-up in each attempt; a part of its duration."""
        self.bad: set[int] = set()
        """Indices of failed attempts. For a test whose reruns all failed: the index of its first
        attempt, because that is when the failure became visible."""
        self._repeated: dict[str, int] = {}

    def add(
        self,
        nodeid: str,
        duration_s: float,
        setup_s: float = 0.0,
        *,
        is_bad: bool,
        is_repeated: bool = False,
    ) -> None:
        """Append one attempt; a repeated one is bad only if the test fails in the end."""
        if is_repeated:
            self._repeated.setdefault(nodeid, len(self.nodeids))
        elif is_bad:
            self.bad.add(self._repeated.get(nodeid, len(self.nodeids)))
        self.nodeids.append(nodeid)
        self.durations_s.append(duration_s)
        self.setups_s.append(setup_s)

    def give_up(self, nodeid: str) -> None:
        """Count a test as failed that was to be repeated and was not."""
        if nodeid in self._repeated:
            self.bad.add(self._repeated[nodeid])

    def n_tests(self) -> int:
        """Return the number of tests with an attempt."""
        return len(set(self.nodeids))
