"""The arguments of `nexus history pull`, separate from the modules that load requests."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from pytest_nexus.cli.arguments.checkout import add_source_option
from pytest_nexus.cli.output.tables import add_json_option, natural

if TYPE_CHECKING:
    import argparse

PREFIX: Final = "nexus-journal-"
LIMIT: Final = 2000
"""Artifacts in one pull: more than a large project makes on a busy day."""

TRUSTED_BRANCH: Final = "refs/remotes/origin/HEAD"
"""The clone's reference to the default branch of its origin; HEAD may be a pull request."""


def add_pull_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument(
        "--from",
        dest="run_log",
        metavar="URL",
        help="a run log instead of GitHub: postgresql://HOST/DATABASE[?schema=PROJECT]",
    )
    parser.add_argument(
        "--repository", metavar="OWNER/NAME", help="repository (default: GITHUB_REPOSITORY)"
    )
    parser.add_argument(
        "--api-url",
        metavar="URL",
        help="REST API of GitHub Enterprise (default: GITHUB_API_URL, else https://api.github.com)",
    )
    parser.add_argument(
        "--prefix",
        default=PREFIX,
        metavar="TEXT",
        help=f"prefix of the artifacts' names ({PREFIX})",
    )
    parser.add_argument(
        "--limit",
        type=natural,
        default=LIMIT,
        metavar="N",
        help=f"number of newest artifacts ({LIMIT})",
    )
    parser.add_argument(
        "--trusted-branch",
        default=TRUSTED_BRANCH,
        metavar="REVISION",
        help="branch whose commits make runs of forks count (origin's default branch)",
    )
    add_source_option(parser, "where git knows that branch")
    add_json_option(parser)
