"""Read from the history what `auto` means in a session."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pytest_nexus.ci.current_run import ci_run
from pytest_nexus.errors import HistoryError, with_code
from pytest_nexus.options import with_values

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from pytest_nexus.options import Options


def with_learned(
    options: Options, environ: Mapping[str, str], notify: Callable[[str], None]
) -> Options:
    """Return the settings with learned values where a person wrote `auto`.

    Without such an option, the history is not opened. A history that cannot be read costs one
    line, and the defaults count.

    Args:
        options: the settings of the session.
        environ: the environment, which names the run of the CI.
        notify: takes sentences for the user.
    """
    if not options.automatic:
        return options
    from pytest_nexus.history.store import read_history  # noqa: PLC0415 - where `auto` stands

    ci = ci_run(environ)
    names = [name.removeprefix("nexus_") for name in options.automatic]
    try:
        history = read_history(options.history)
        if history is None:
            return options
        with history:
            found = history.learned.values(names, None if ci is None else ci.run_id)
    except HistoryError as exc:
        notify(with_code("NX340", f"settings that are auto have their defaults: {exc.message}"))
        return options
    values = {f"nexus_{name}": value for name, value in found.items()}
    if values:
        named = ", ".join(f"{name} = {value}" for name, value in values.items())
        notify(with_code("NX341", f"as learned: {named}; see `nexus settings list`"))
    return with_values(options, values)
