from __future__ import annotations

import pytest

from pytest_nexus.report.ci.source_lines import locator

SOURCE = "import x\n\n@mark\ndef test_a(): pass\n\nclass TestB:\n    async def test_c(self): pass\n"


@pytest.mark.posix("symbolic links need a privilege")
@pytest.mark.parametrize(
    ("nodeid", "line"),
    [
        ("test_x.py::test_a", 4),
        ("test_x.py::test_a[a::b]", 4),
        ("test_x.py::TestB::test_c", 7),
        ("test_x.py::test_gone", None),
        ("absent.py::test_a", None),
        ("../outside.py::test_a", None),
        ("broken.py::test_a", None),
        ("link.py::test_a", None),
        ("sub::test_a", None),
        ("nul\0.py::test_a", None),
    ],
)
def test_line_is_found_only_in_files_of_the_project(tmp_path, nodeid, line):
    root = tmp_path / "project"
    (root / "sub").mkdir(parents=True)
    (root / "test_x.py").write_text(SOURCE)
    (root / "broken.py").write_text("def test_a(:\n")
    (tmp_path / "outside.py").write_text(SOURCE)
    (root / "link.py").symlink_to(tmp_path / "outside.py")
    assert locator(root)(nodeid) == line
