"""A suite with every way a test can end, and what is to be recorded of each."""

from __future__ import annotations

FILES = {
    "pytest.ini": """
        [pytest]
        addopts = --doctest-modules --doctest-glob=*.txt
        xfail_strict = false
    """,
    "test_functions.py": """
        import pytest

        @pytest.fixture
        def broken(): raise OSError("no device 7")
        @pytest.fixture
        def breaks_later():
            yield
            raise OSError("busy 7")
        @pytest.fixture
        def skips(): pytest.skip("no database")

        def test_passed(): pass
        def test_failed(): assert 1 == 2
        def test_error_in_setup(broken): pass
        def test_error_in_teardown(breaks_later): pass
        def test_failed_twice(breaks_later): raise KeyError("first")
        def test_pytest_fail(): pytest.fail("said so")
        def test_did_not_raise():
            with pytest.raises(ValueError): pass
        @pytest.mark.skip
        def test_marked_skip(): pass
        def test_skipped_in_call(): pytest.skip("later")
        def test_skipped_in_setup(skips): pass
        def test_skipped_then_error(breaks_later): pytest.skip("later")
        @pytest.mark.xfail
        def test_xfailed(): assert 0
        def test_xfailed_in_call(): pytest.xfail("known")
        @pytest.mark.xfail(run=False)
        def test_xfailed_not_run(): assert 0
        @pytest.mark.xfail
        def test_xfailed_in_setup(broken): pass
        @pytest.mark.xfail
        def test_xpassed(): pass
        @pytest.mark.xfail(strict=True)
        def test_xpassed_strict(): pass
        @pytest.mark.xfail(raises=KeyError)
        def test_xfail_other_exception(): raise ValueError("other")
        def test_system_exit(): raise SystemExit(3)
        @pytest.mark.parametrize("a", [1, 2], ids=["one", "x::y[z]"])
        def test_parameters(a): assert a == 1
    """,
    "test_classes.py": """
        import unittest
        import pytest

        class TestPlain:
            def test_in_class(self): pass
            class TestInner:
                def test_in_inner(self): assert 0

        class TestBrokenClass:
            @classmethod
            def setup_class(cls): raise RuntimeError("no class 1")
            def test_in_broken_class(self): pass

        class Unit(unittest.TestCase):
            def test_unit_passed(self): pass
            def test_unit_failed(self): self.assertEqual(1, 2)
            def test_unit_error(self): {}["x"]
            @unittest.skip("later")
            def test_unit_skipped(self): pass
            @unittest.expectedFailure
            def test_unit_expected_failure(self): assert 0
            @unittest.expectedFailure
            def test_unit_unexpected_success(self): pass
            def test_unit_subtest(self):
                for part in range(3):
                    with self.subTest(part=part): self.assertNotEqual(part, 1)

        class BrokenSetUpClass(unittest.TestCase):
            @classmethod
            def setUpClass(cls): raise RuntimeError("no class 2")
            def test_after_setupclass_one(self): pass
            def test_after_setupclass_two(self): pass

        class BrokenSetUp(unittest.TestCase):
            def setUp(self): raise RuntimeError("no setup")
            def test_after_setup(self): pass

        class BrokenTearDown(unittest.TestCase):
            def tearDown(self): raise RuntimeError("no teardown")
            def test_before_teardown(self): pass
    """,
    "test_subtests.py": """
        import pytest

        def test_subtests_passed(subtests):
            with subtests.test("a"): pass
        def test_subtest_failed(subtests):
            for part in range(3):
                with subtests.test(part=part): assert part != 1
        def test_subtest_skipped(subtests):
            with subtests.test("a"): pytest.skip("part")
        def test_subtest_failed_then_failed(subtests):
            with subtests.test("a"): raise KeyError("in part")
            raise ValueError("after")
    """,
    "mod.py": '''
        def good():
            """
            >>> 1 + 1
            2
            """
        def bad():
            """
            >>> 1 + 1
            3
            """
        def raising():
            """
            >>> {}["x"]
            """
    ''',
    "text.txt": """
        >>> 1 + 1
        2
    """,
    "conftest.py": """
        import pytest

        class Case(pytest.Item):
            def runtest(self):
                assert self.name != "case 2"
            def repr_failure(self, excinfo): return "case failed"
            def reportinfo(self): return self.path, 0, self.name

        class Cases(pytest.File):
            def collect(self):
                for number in (1, 2):
                    yield Case.from_parent(self, name=f"case {number}")

        def pytest_collect_file(file_path, parent):
            if file_path.suffix == ".yaml":
                return Cases.from_parent(parent, path=file_path)
    """,
    "cases.yaml": "",
}

PASSED = ("passed", "passed", "passed")
FAILED = ("passed", "failed", "passed")
SKIPPED = ("skipped", None, "passed")
BROKEN = ("error", None, "passed")

EXPECTED = {
    "test_passed": PASSED,
    "test_failed": FAILED,
    "test_error_in_setup": BROKEN,
    "test_error_in_teardown": ("passed", "passed", "error"),
    "test_failed_twice": ("passed", "failed", "error"),
    "test_pytest_fail": FAILED,
    "test_did_not_raise": FAILED,
    "test_marked_skip": SKIPPED,
    "test_skipped_in_call": ("passed", "skipped", "passed"),
    "test_skipped_in_setup": SKIPPED,
    "test_skipped_then_error": ("passed", "skipped", "error"),
    "test_xfailed": ("passed", "xfailed", "passed"),
    "test_xfailed_in_call": ("passed", "xfailed", "passed"),
    "test_xfailed_not_run": ("xfailed", None, "passed"),
    "test_xfailed_in_setup": ("xfailed", None, "passed"),
    "test_xpassed": ("passed", "xpassed", "passed"),
    "test_xpassed_strict": FAILED,
    "test_xfail_other_exception": FAILED,
    "test_system_exit": FAILED,
    "test_parameters[one]": PASSED,
    "test_parameters[x::y[z]]": FAILED,
    "test_in_class": PASSED,
    "test_in_inner": FAILED,
    "test_in_broken_class": BROKEN,
    "test_unit_passed": PASSED,
    "test_unit_failed": FAILED,
    "test_unit_error": FAILED,
    "test_unit_skipped": ("passed", "skipped", "passed"),
    "test_unit_expected_failure": ("passed", "xfailed", "passed"),
    "test_unit_unexpected_success": FAILED,
    "test_unit_subtest": FAILED,
    "test_after_setupclass_one": BROKEN,
    "test_after_setupclass_two": BROKEN,
    "test_after_setup": FAILED,
    "test_before_teardown": FAILED,
    "test_subtests_passed": PASSED,
    "test_subtest_failed": FAILED,
    "test_subtest_skipped": PASSED,
    "test_subtest_failed_then_failed": FAILED,
    "mod.good": PASSED,
    "mod.bad": FAILED,
    "mod.raising": FAILED,
    "text.txt": PASSED,
    "case 1": PASSED,
    "case 2": FAILED,
}
HERE = "test_functions.py::"
FAILURES = {
    "test_failed": ("call", "AssertionError", HERE + "test_failed", "assert # == #"),
    "test_error_in_setup": ("setup", "OSError", HERE + "broken", "no device #"),
    "test_error_in_teardown": ("teardown", "OSError", HERE + "breaks_later", "busy #"),
    "test_failed_twice": ("call", "KeyError", HERE + "test_failed_twice", "'*'"),
    "test_pytest_fail": ("call", "Failed", HERE + "test_pytest_fail", "said so"),
    "test_did_not_raise": (
        "call",
        "Failed",
        HERE + "test_did_not_raise",
        "DID NOT RAISE ValueError",
    ),
    "test_system_exit": ("call", "SystemExit", HERE + "test_system_exit", "#"),
    "test_xpassed_strict": ("call", "", "", "[XPASS(strict)]"),
    "test_xfail_other_exception": (
        "call",
        "ValueError",
        HERE + "test_xfail_other_exception",
        "other",
    ),
    "test_in_broken_class": (
        "setup",
        "RuntimeError",
        "test_classes.py::TestBrokenClass.setup_class",
        "no class #",
    ),
    "test_after_setupclass_two": (
        "setup",
        "RuntimeError",
        "test_classes.py::BrokenSetUpClass.setUpClass",
        "no class #",
    ),
    "test_unit_failed": (
        "call",
        "AssertionError",
        "test_classes.py::Unit.test_unit_failed",
        "# != #",
    ),
    "test_unit_error": ("call", "KeyError", "test_classes.py::Unit.test_unit_error", "'*'"),
    "test_unit_unexpected_success": ("call", "Failed", "", "Unexpected success"),
    "test_after_setup": ("call", "RuntimeError", "test_classes.py::BrokenSetUp.setUp", "no setup"),
    "test_before_teardown": (
        "call",
        "RuntimeError",
        "test_classes.py::BrokenTearDown.tearDown",
        "no teardown",
    ),
    "mod.bad": ("call", "doctest.DocTestFailure", "mod.py::mod.bad", "# + #"),
    "mod.raising": ("call", "KeyError", "mod.py::mod.raising", "'*'"),
    "test_unit_subtest": (
        "call",
        "AssertionError",
        "test_classes.py::Unit.test_unit_subtest",
        "# == #",
    ),
    "test_subtest_failed": (
        "call",
        "AssertionError",
        "test_subtests.py::test_subtest_failed",
        "assert # != #",
    ),
    "test_subtest_failed_then_failed": (
        "call",
        "KeyError",
        "test_subtests.py::test_subtest_failed_then_failed",
        "'*'",
    ),
    "case 2": ("call", "AssertionError", "conftest.py::Case.runtest", "assert '*' != '*'"),
}
