"""Convert the names in a JUnit report back to pytest's node ids."""

from __future__ import annotations


def nodeid_of(classname: str, name: str, file: str) -> str:
    """Return the node id of a test case, as exactly as possible.

    Pytest writes the path with dots for slashes and appends the classes, so the border between
    module and class is lost. With the `file` attribute (xunit1), the border is at the end of the
    file. The attribute may be missing, or may name another file (an inherited test). Then the
    module ends at the last part that pytest would collect by default, `test_*` or `*_test`. If
    there is no such part, the first part with a capital begins the class. Otherwise all parts are
    the module.

    The result may be wrong for classes named `test_*`, folders with a capital above a module of
    another name, folders with a dot, suffixes other than `.py`, and `--junitprefix` without `file`.

    >>> nodeid_of("tests.unit.test_a.TestX", "test_y[a.b::c]", "")
    'tests/unit/test_a.py::TestX::test_y[a.b::c]'
    >>> nodeid_of("tests.checks.Basic", "check", "tests/checks.py")
    'tests/checks.py::Basic::check'
    """
    path, classes = _by_file(classname, file) or _by_convention(classname)
    return "::".join([*([path] if path else []), *classes, name])


def _by_file(classname: str, file: str) -> tuple[str, list[str]] | None:
    path = file.replace("\\", "/").removeprefix("./")
    module = path.removesuffix(".py").replace("/", ".")
    # The text before the module is the user's junit prefix, not a part of the node id.
    _prefix, found, after = f".{classname}.".partition(f".{module}.")
    if not path or not found:
        return None
    return path, [part for part in after.split(".") if part]


def _by_convention(classname: str) -> tuple[str, list[str]]:
    parts = [part for part in classname.split(".") if part]
    end = _end_of_module(parts)
    path = "/".join(parts[:end])
    return (f"{path}.py" if path else "", parts[end:])


def _end_of_module(parts: list[str]) -> int:
    for index in range(len(parts), 0, -1):
        if parts[index - 1].startswith("test_") or parts[index - 1].endswith("_test"):
            return index
    return next((index for index, part in enumerate(parts) if part[0].isupper()), len(parts))
