"""Find out which part of the suite a session runs: a shard, perhaps by a saved plan."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from pytest_nexus.domain.safe_text import shown
from pytest_nexus.domain.system.regular_files import read_text
from pytest_nexus.errors import NexusError, OptionError, PlanError
from pytest_nexus.session.setup import Share

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from pytest_nexus.options import Options


def share_of(options: Options, environ: Mapping[str, str]) -> Share | None:
    """Return the part of the suite that this session runs; None for the whole suite.

    Raises:
        pytest.UsageError: the shard or the plan cannot be followed.
    """
    from pytest_nexus.ci.parallel_jobs import (  # noqa: PLC0415 - in a shard
        parse_shard,
        shard_of,
    )

    try:
        shard = shard_of(environ) if options.shard == "auto" else None
        if options.shard not in (None, "auto"):
            shard = parse_shard(str(options.shard))
        if options.plan is not None:
            share = _pinned_share(options.plan, shard)
            return share._replace(is_rest=options.select_rest == "only")
        if options.select_rest == "only":
            raise OptionError(
                "NX108",
                "nexus_select_rest is 'only', but no plan says which tests were left out; give the"
                " plan of the run with --nexus-plan, and the shard with --nexus-shard",
            )
        return None if shard is None else Share(*shard)
    except NexusError as exc:
        raise pytest.UsageError(shown(f"nexus: {exc}")) from exc


def _pinned_share(path: Path, shard: tuple[int, int] | None) -> Share:
    from pytest_nexus.plan.sharding.document import (  # noqa: PLC0415 - in a shard
        MAX_CHARS,
        load_plan,
    )
    from pytest_nexus.plan.sharding.pinned import require_width  # noqa: PLC0415 - likewise

    try:
        saved = load_plan(read_text(path, MAX_CHARS))
    except (OSError, UnicodeError) as exc:
        raise PlanError("NX104", f"Couldn't read plan {str(path)!r}: {exc}") from exc
    shard = shard or (1, 1)
    require_width(saved, shard[1])
    return Share(*shard, saved)
