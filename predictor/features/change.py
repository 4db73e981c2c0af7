"""Relate each test to a change: by path, by words, by imports."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from math import log
from typing import TYPE_CHECKING, Final, TypeVar

from ..schema import UNKNOWN
from .text import Corpus, bag, words

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from ..schema import FileChange, Moment, TestCode

Function = tuple[str, str]
"""The path of a test file, and the key of a function."""

K = TypeVar("K")

FAR: Final = 5.0
"""Import distance of a test that does not reach any changed file."""

_PROSE: Final = (".md", ".rst", ".txt", ".adoc")


@dataclass(frozen=True, slots=True)
class Relation:
    """Feature columns by test file and by function."""

    by_path: dict[str, tuple[float, float, float, float, float]]
    """file_changed, beside_change, path_words, import_distance, imported_words."""
    by_function: dict[Function, tuple[float, ...]] = field(default_factory=dict)
    """By path and function: if one run has two root folders, one key may belong to several files.
    name_words, similarity, name_similarity, source_similarity, around_similarity,
    is_mentioned."""


def relate(moment: Moment) -> Relation:
    """Return the relation of a moment's functions and files to its change."""
    files = [file for file in moment.files if not file.path.endswith(_PROSE)]
    functions = dict.fromkeys((test.path, test.function) for test in moment.tests)
    paths = dict.fromkeys(path for path, _ in functions)
    sources = [file for file in files if file.path not in paths]
    named = [frozenset(words(file.path)) for file in sources]
    changed = _changed_words(files)
    return Relation(
        _by_path(paths, files, sources, moment.code, changed),
        _by_function(functions, named, files, sources, moment.code, changed),
    )


def _changed_words(files: Sequence[FileChange]) -> Counter[str] | None:
    """Return the identifiers of all changed lines; None if no text of the change is known."""
    known = [file.words for file in files if file.words is not None]
    return _total(known) if known else None


def _total(parts: Iterable[Mapping[str, int] | None]) -> Counter[str]:
    total: Counter[str] = Counter()
    for part in parts:
        total.update(part or {})
    return total


def _by_path(
    paths: Iterable[str],
    files: Sequence[FileChange],
    sources: Sequence[FileChange],
    code: Mapping[str, TestCode],
    changed: Counter[str] | None,
) -> dict[str, tuple[float, float, float, float, float]]:
    touched = {file.path for file in files}
    folders = {_folder(file.path) for file in sources}
    shares = _shares(
        {path: words(path) for path in paths},
        [frozenset(words(file.path)) for file in sources],
    )
    modules = {file.path: _module_names(file.path) for file in sources}
    columns = {}
    for path in paths:
        folder = _folder(path)
        above = _folder(folder)
        beside = folder in folders or (above != "" and above in folders)
        distance, mentioned = _imports(code.get(path), modules, changed)
        columns[path] = (float(path in touched), float(beside), shares[path], distance, mentioned)
    return columns


def _imports(
    code: TestCode | None,
    modules: Mapping[str, frozenset[str]],
    changed: Counter[str] | None,
) -> tuple[float, float]:
    if code is None or not modules:
        return UNKNOWN, UNKNOWN
    distance = min(code.distances.get(source, FAR) for source in modules)
    targets = frozenset().union(*modules.values())
    if distance > 1 and any(name.partition(":")[0] in targets for name in code.imports):
        distance = 1
    if changed is None:
        return float(distance), UNKNOWN
    names = [name.rpartition(":")[2] for name in code.imports if ":" in name]
    hits = sum(name in changed for name in names)
    return float(distance), hits / len(names) if names else 0.0


def _module_names(path: str) -> frozenset[str]:
    """Return the dotted names under which a source file may be imported.

    >>> sorted(_module_names("src/pkg/a.py"))
    ['a', 'pkg.a', 'src.pkg.a']
    """
    if not path.endswith(".py"):
        return frozenset()
    parts = path.removesuffix(".py").split("/")
    if parts[-1] == "__init__":
        parts = parts[:-1]
    return frozenset(".".join(parts[start:]) for start in range(len(parts)))


def _by_function(
    functions: Iterable[Function],
    named: Sequence[frozenset[str]],
    files: Sequence[FileChange],
    sources: Sequence[FileChange],
    code: Mapping[str, TestCode],
    changed: Counter[str] | None,
) -> dict[Function, tuple[float, ...]]:
    names = {function: function[1].partition("::")[2] for function in functions}
    in_name = {function: words(name) for function, name in names.items()}
    shares = _shares(in_name, named)
    if changed is None:
        return {f: (shares[f], *[UNKNOWN] * 5) for f in names}
    query = bag(changed)
    own_names = [dict.fromkeys(each, 1) for each in in_name.values()]
    texts = [
        _text(code.get(function[0]), names[function]) or own
        for (function, own) in zip(names, own_names, strict=True)
    ]
    corpus = Corpus(texts, query)
    near = corpus.nearness(query)
    in_sources = bag(_total(file.words for file in sources))
    columns = zip(
        names,
        shares.values(),
        near,
        Corpus(own_names, query).nearness(query),
        near if in_sources == query else corpus.nearness(in_sources),
        corpus.nearness(bag(_total(file.around for file in sources))),
        strict=True,
    )
    own = {file.path: file.words for file in files if file.words}
    return {
        function: (*row, _mentioned(own.get(function[0]), names[function]))
        for function, *row in columns
    }


def _text(code: TestCode | None, name: str) -> Mapping[str, int] | None:
    return None if code is None else code.names.get(name)


def _mentioned(own: Mapping[str, int] | None, name: str) -> float:
    return float(own is not None and name.rpartition("::")[2] in own)


def _shares(texts: Mapping[K, Iterable[str]], changed: Sequence[frozenset[str]]) -> dict[K, float]:
    """Return for each text how much of a changed path it names, from 0 to 1.

    A word has weight log(1 + n / k) if k of n texts contain it. Words in none of the texts are left
    out. The weights of the remaining words of each path are scaled to the sum 1. Each word counts
    for the path in which it has the largest weight.
    """
    wanted = frozenset().union(*changed)
    hits = {key: wanted.intersection(text) for key, text in texts.items()}
    counts = Counter(word for hit in hits.values() for word in hit)
    best: dict[str, float] = {}
    for path_words in changed:
        known = {word: log(1 + len(texts) / counts[word]) for word in path_words & counts.keys()}
        total = sum(sorted(known.values()))
        for word, weight in known.items():
            best[word] = max(best.get(word, 0.0), weight / total)
    return {
        key: min(1.0, sum(best[word] for word in sorted(hit))) if hit else 0.0
        for key, hit in hits.items()
    }


def _folder(path: str) -> str:
    return path.rpartition("/")[0]
