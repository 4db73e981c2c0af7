"""`nexus_runtime` in real sessions: the same order, and one line where onnxruntime is missing."""

from __future__ import annotations

import pytest

from tests.support.messages import messages
from tests.support.project import Project

FILES = {
    "test_a.py": """
        import sys

        def test_quick():
            print("imported:", "onnxruntime" in sys.modules, "numpy" in sys.modules)
    """,
    "test_b.py": """
        def test_failed():
            assert 0
    """,
}


@pytest.fixture
def project(tmp_path):
    made = Project(tmp_path / "project", FILES)
    made.run()
    return made


@pytest.mark.plain_start
def test_onnxruntime_is_imported_if_it_is_asked_for_and_orders_as_python_does(project):
    pytest.importorskip("onnxruntime")
    pytest.importorskip("onnx")
    for runtime, is_imported in (("python", False), ("onnx", True)):
        result = project.run(f"--nexus-runtime={runtime}", "-s")
        assert result.order == ["test_b.py::test_failed", "test_a.py::test_quick"]
        assert f"imported: {is_imported} {is_imported}" in result.stdout
        assert not messages(result.stdout, "NX307", "NX308")
    assert list((project.root / ".nexus" / "models").glob("graph-*.onnx"))


def test_a_missing_runtime_costs_one_line(project):
    hide = "import sys\nsys.modules['onnxruntime'] = None\n"
    (project.root / "conftest.py").write_text(hide)
    result = project.run("--nexus-runtime=onnx", "-W", "error")
    assert result.order[0] == "test_b.py::test_failed"
    assert len(messages(result.stdout, "NX307")) == 1


def test_an_unknown_runtime_is_a_usage_error(project):
    result = project.run("--nexus-runtime=cobol")
    assert "--nexus-runtime must be" in result.stderr + result.stdout
