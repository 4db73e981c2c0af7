"""Facts of a session on which the result of every test depends."""

from __future__ import annotations

import sys
import sysconfig
from typing import TYPE_CHECKING, Final

from pytest_nexus.compat.pytest_internals import changed_options, ini_values
from pytest_nexus.impact.current_contents import digest_of_bytes, digest_of_python

if TYPE_CHECKING:
    from collections.abc import Callable

    import pytest

_SHOW_OR_CHOOSE: Final = frozenset(
    [
        "args",
        "basetemp",
        "cacheclear",
        "cacheshow",
        "capture",
        "code_highlight",
        "collect_only",
        "collectonly",
        "color",
        "continue_on_collection_errors",
        "cov_append",
        "cov_branch",
        "cov_config",
        "cov_context",
        "cov_fail_under",
        "cov_precision",
        "cov_report",
        "cov_reset",
        "cov_source",
        "debug",
        "deselect",
        "disable_socket",
        "disable_warnings",
        "dist",
        "distload",
        "doctestreport",
        "durations",
        "durations_min",
        "failedfirst",
        "file_or_dir",
        "fold_skipped",
        "force_short_summary",
        "fulltrace",
        "help",
        "ignore",
        "ignore_glob",
        "inifilename",
        "itertestsrc",
        "junitprefix",
        "junitxml",
        "keepduplicates",
        "keyword",
        "last_failed_no_failures",
        "lf",
        "log_auto_indent",
        "looponfail",
        "loadscopereorder",
        "loadgroup",
        "loadscopegroup",
        "loadscopereorder",
        "markexpr",
        "markers",
        "maxfail",
        "maxprocesses",
        "maxschedchunk",
        "max_warnings",
        "maxworkerrestart",
        "newfirst",
        "no_cov",
        "no_cov_on_fail",
        "no_header",
        "no_loadscope_reorder",
        "no_print_logs",
        "no_summary",
        "numprocesses",
        "override_ini",
        "pastebin",
        "plugins",
        "pyargs",
        "px",
        "quiet",
        "random_order_bucket",
        "random_order_enabled",
        "random_order_seed",
        "randomly_reorganize",
        "randomly_seed",
        "reportchars",
        "report_log",
        "rootdir",
        "rsyncdir",
        "rsyncignore",
        "setuponly",
        "setupplan",
        "setupshow",
        "show_capture",
        "show_fixtures_per_test",
        "showcapture",
        "showfixtures",
        "showlocals",
        "stepwise",
        "stepwise_reset",
        "stepwise_skip",
        "strict_config",
        "tbstyle",
        "testrunuid",
        "trace",
        "traceconfig",
        "tx",
        "usepdb",
        "usepdb_cls",
        "verbose",
        "version",
        "xmlpath",
        "xfail_tb",
    ]
)
"""Options of pytest and of plugins that decide what runs, where, in which order, and what is shown,
and not what a test does. The seed of pytest-randomly is among them: each run has another."""

_SHOWN_BY_INI: Final = frozenset(
    [
        "addopts",
        "cache_dir",
        "console_output_style",
        "junit_duration_report",
        "junit_family",
        "junit_log_passing_tests",
        "junit_logging",
        "junit_suite_name",
        "minversion",
        "norecursedirs",
        "required_plugins",
        "testpaths",
        "tmp_path_retention_count",
        "tmp_path_retention_policy",
    ]
)

_NEUTRAL_PLUGINS: Final = frozenset(
    {"coverage", "execnet", "pytest-cov", "pytest-nexus-ci", "pytest-xdist"}
)
"""Distributions that do not change what a test does, unless the project imports them."""


def session_facts(config: pytest.Config) -> dict[str, str]:
    """Return the digest of each fact of the session by its name.

    - `python`: implementation, version, and flags that change what code does; another build of one
      version is the same;
    - `platform`: operating system and machine;
    - `settings`: ini values and options that may change what a test does.
    """
    return {
        "python": digest_of_python(),
        "platform": _digest(sysconfig.get_platform(), sys.maxsize, sys.byteorder),
        "settings": _digest(*_settings(config)),
    }


def plugin_distributions(
    config: pytest.Config, with_requirements: Callable[[str], frozenset[str]]
) -> frozenset[str]:
    """Return pytest, and the distributions of plugins that may change what a test does.

    Args:
        config: of the process.
        with_requirements: returns a distribution and all that it requires.
    """
    names = {"iniconfig", "packaging", "pluggy", "pytest"}  # Pygments only colours
    for _, distribution in config.pluginmanager.list_plugin_distinfo():
        names.add(str(distribution.project_name).lower().replace("_", "-").replace(".", "-"))
    found = frozenset[str]().union(*map(with_requirements, names - _NEUTRAL_PLUGINS))
    return found - _NEUTRAL_PLUGINS


def _settings(config: pytest.Config) -> list[tuple[str, str]]:
    values = ini_values(config)
    found = [
        (name, repr(values[name]))
        for name in values
        if name not in _SHOWN_BY_INI and not name.startswith("nexus")
    ]
    options = changed_options(config)
    found += [
        (f"--{name}", repr(options[name]))
        for name in options
        if name not in _SHOW_OR_CHOOSE and not name.startswith("nexus")
    ]
    return sorted(found)


def _digest(*values: object) -> str:
    return digest_of_bytes(repr(values).encode("utf-8", "surrogatepass"))
