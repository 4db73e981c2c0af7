"""Watch a Python process from before its first line.

`nexus cache run` puts the folder of this file first on PYTHONPATH, so that `site` imports
this file. So does a session that tracks what the tests use, where a test starts Python. The file
needs the standard library only, and then imports the `sitecustomize` that it hides.
"""

from __future__ import annotations

import atexit
import os
import sys
from _frozen_importlib import module_from_spec
from _frozen_importlib_external import PathFinder, spec_from_file_location

TYPE_CHECKING = False  # `typing` takes longer to import than everything else here
if TYPE_CHECKING:
    from collections.abc import Callable
    from types import ModuleType
    from typing import Any

    from pytest_nexus.record.startup.process_recorder import Recorder


class Look:
    """A function of `os` that looks at a file; the file counts as read.

    Make and its kin compare times instead of reading, and a missing file is often only looked for.
    An object, because a function in a class would become a method.
    """

    def __init__(self, recorder: Recorder, function: Callable[..., Any]) -> None:
        self._recorder = recorder
        self.__wrapped__ = function
        self.__name__ = function.__name__
        self.__doc__ = function.__doc__

    def __call__(self, path: Any, *given: Any, **named: Any) -> Any:
        """Look, after what is there has been recorded."""
        if named.get("dir_fd") is None:
            code = sys._getframe(1).f_code
            self._recorder.guarded(self._record, path, code.co_name == "_access_check")
        return self.__wrapped__(path, *given, **named)

    def __reduce__(self) -> tuple[Any, ...]:
        """Let `pickle` write the function of `os` instead."""
        return eval, (f"__import__('os').{self.__name__}",)

    def _record(self, given: Any, is_search: bool) -> None:  # noqa: FBT001
        if not isinstance(given, (str, bytes, os.PathLike)):
            return
        path = os.path.abspath(os.fsdecode(given))
        if is_search:  # shutil.which goes through PATH
            self._recorder.program(os.path.basename(path))
        else:
            self._recorder.read(path)


class NameRecorder:
    """A finder that finds nothing, and so learns of every module that is looked for."""

    def __init__(self, recorder: Recorder) -> None:
        self._recorder = recorder

    def find_spec(self, name: str, path: Any = None, target: Any = None) -> None:  # noqa: ARG002
        """Record the name."""
        self._recorder.guarded(self._recorder.tried, name)

    def invalidate_caches(self) -> None:
        """Nothing is kept here."""


def _watch_variables(recorder: Recorder) -> None:
    kind: Any = type(os.environ)
    get_one, get_all = kind.__getitem__, kind.__iter__

    def __getitem__(self: Any, key: Any) -> Any:  # noqa: N807
        recorder.guarded(recorder.variable, key)
        return get_one(self, key)

    def __iter__(self: Any) -> Any:  # noqa: N807
        recorder.guarded(recorder.variable, None)
        return get_all(self)

    kind.__getitem__, kind.__iter__ = __getitem__, __iter__


def _watch_looks(recorder: Recorder) -> None:
    for name in ("stat", "lstat", "access"):
        function = getattr(os, name)
        look = Look(recorder, function)
        for supported in (os.supports_dir_fd, os.supports_fd, os.supports_follow_symlinks):
            if function in supported:
                supported.add(look)
        setattr(os, name, look)


def _start(recording: ModuleType, folder: str) -> None:
    is_of_test = recording.PATH_VARIABLE in os.environ
    kind: Any = recording.Recorder
    if is_of_test:
        kind = _import_beside("hidden_recorder").hidden_recorder(recording)
    recorder = kind(folder, os.environ.get(recording.ROOT_VARIABLE, ""))
    is_inner = any("multiprocessing" in each for each in sys.orig_argv[1:])  # nobody called it
    recorder.write(
        "start", os.getpid(), sys.executable, sys.version, list(sys.path), sys.prefix,
        os.getppid(), is_inner,
    )  # fmt: skip
    if is_of_test:
        _hide(recording)
        atexit.register(recorder.end)
    recorder.guarded(recorder.loaded)
    sys.meta_path.insert(0, NameRecorder(recorder))
    _watch_variables(recorder)
    _watch_looks(recorder)
    sys.addaudithook(recorder.audit)


def _hide(recording: ModuleType) -> None:
    """Take our variables out of `os.environ`; processes without one of their own inherit them."""
    environ: Any = os.environ
    data, key = environ._data, environ.encodekey
    path = os.environ[recording.PATH_VARIABLE]
    for name in (recording.FOLDER_VARIABLE, recording.ROOT_VARIABLE, recording.PATH_VARIABLE):
        data.pop(key(name), None)
    if path:
        data[key("PYTHONPATH")] = environ.encodevalue(path[1:])
    else:
        data.pop(key("PYTHONPATH"), None)


def _import_beside(name: str) -> ModuleType:
    """Return a module of this folder; the program does not see it among its modules."""
    path = os.path.join(_folder(), f"{name}.py")
    spec = spec_from_file_location(f"nexus_{name}", path)
    assert spec is not None
    assert spec.loader is not None
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def _import_hidden() -> None:
    """Import the `sitecustomize` that this file hides."""
    sys.path[:] = [entry for entry in sys.path if os.path.abspath(entry) != _folder()]
    sys.path_importer_cache.pop(_folder(), None)
    spec = PathFinder.find_spec("sitecustomize", sys.path)
    if spec is not None and spec.loader is not None:
        module = module_from_spec(spec)
        sys.modules["sitecustomize"] = module
        spec.loader.exec_module(module)


def _folder() -> str:
    return os.path.dirname(os.path.abspath(__file__))


if __name__ == "sitecustomize":
    try:
        own = _import_beside("process_recorder")
        if os.environ.get(own.FOLDER_VARIABLE):
            _start(own, os.environ[own.FOLDER_VARIABLE])
    except Exception:  # noqa: BLE001, S110 - the program goes on; without a record it is not reused
        pass
    finally:
        _import_hidden()
