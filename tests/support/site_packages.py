"""Folders of installed packages, made up in a temporary folder."""

from __future__ import annotations

import base64
import json
from hashlib import sha256
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path


def install(
    site: Path,
    name: str,
    version: str = "1.0",
    files: Mapping[str, str] | None = None,
    requires: Iterable[str] = (),
    record_extra: Iterable[str] = (),
    **about: str,
) -> Path:
    """Install a distribution as pip would; return its `.dist-info`.

    Args:
        site: the folder of the packages.
        name: as the project writes it.
        version: of the distribution.
        files: texts of its files by path; one package of its name by default.
        requires: its requirements.
        record_extra: further lines of RECORD.
        about: texts of further files of the `.dist-info`, with `_` for `.`.
    """
    stem = name.replace("-", "_")
    info = site / f"{stem}-{version}.dist-info"
    lines = [f"Requires-Dist: {line}\n" for line in requires]
    metadata = f"Metadata-Version: 2.4\nName: {name}\nVersion: {version}\n{''.join(lines)}\nText\n"
    texts = dict({f"{stem}/__init__.py": f"# {name} {version}\n"} if files is None else files)
    texts[f"{info.name}/METADATA"] = metadata
    texts |= {f"{info.name}/{each.replace('__', '.')}": text for each, text in about.items()}
    rows = list(record_extra)
    for path, text in texts.items():
        (site / path).parent.mkdir(parents=True, exist_ok=True)
        (site / path).write_text(text, "utf-8")
        rows.append(f"{path},sha256={hash_of(text)},{len(text.encode())}")
    (info / "RECORD").write_text("\n".join([*rows, f"{info.name}/RECORD,,"]) + "\n", "utf-8")
    return info


def install_editable(site: Path, name: str, source: Path) -> Path:
    """Install a distribution whose modules lie in a source folder."""
    about = json.dumps({"dir_info": {"editable": True}, "url": source.as_uri()})
    finder = f"__editable___{name}_finder.py"
    return install(
        site, name, files={finder: f"{str(source)!r}\n"}, direct_url__json=about,
        top_level__txt=f"{name}\n",
    )  # fmt: skip


def hash_of(text: str) -> str:
    """The hash of a text, as RECORD writes it."""
    return base64.urlsafe_b64encode(sha256(text.encode()).digest()).decode().rstrip("=")
