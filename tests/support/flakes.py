"""A suite of tests that fail once or twice and then pass, in every place where a test can fail.

Each counts its executions in a file of the folder `count`, so that it does not matter which process
runs it; `MATRIX` says how many attempts each takes and what the last one ends with.
"""

from __future__ import annotations

ONCE = """
    import os, pathlib

    def failing(name, times=1):
        folder = pathlib.Path(__file__).parent / "count"
        folder.mkdir(exist_ok=True)
        number = 1
        while True:
            try:
                os.close(os.open(folder / f"{name}.{number}", os.O_CREAT | os.O_EXCL))
                break
            except FileExistsError:
                number += 1
        if number <= times:
            raise ValueError(f"{name} failed, time {number}")
"""

FILES = {
    "pytest.ini": "[pytest]\naddopts = --doctest-modules\npythonpath = .\n",
    "once.py": ONCE,
    "test_many.py": """
        import pytest

        @pytest.mark.parametrize("number", range(300))
        def test_many(number): pass
    """,
    "test_functions.py": """
        import pytest
        from once import failing

        @pytest.fixture
        def function_setup(): failing("function_setup")
        @pytest.fixture
        def function_teardown():
            yield
            failing("function_teardown")
        @pytest.fixture
        def final(request):
            request.addfinalizer(lambda: failing("final"))
        @pytest.fixture
        def dynamic(request): request.getfixturevalue("late")
        @pytest.fixture(scope="module")
        def late(): failing("late")
        @pytest.fixture(scope="module")
        def module_setup(): failing("module_setup")
        @pytest.fixture(scope="session")
        def session_setup(): failing("session_setup")
        @pytest.fixture(scope="package")
        def package_setup(): failing("package_setup")
        @pytest.fixture(scope="module")
        def used_by_broken(module_setup_2): pass
        @pytest.fixture(scope="session")
        def module_setup_2(): failing("module_setup_2")

        def test_call(): failing("call")
        def test_call_twice(): failing("call_twice", 2)
        def test_function_setup(function_setup): pass
        def test_function_teardown(function_teardown): pass
        def test_final(final): pass
        def test_dynamic(dynamic): pass
        def test_module_setup(module_setup): pass
        def test_session_setup(session_setup): pass
        def test_package_setup(package_setup): pass
        def test_behind_another(used_by_broken): pass
        def test_call_and_teardown(function_both): failing("both_call")
        @pytest.fixture
        def function_both():
            yield
            failing("both_teardown")
        @pytest.mark.parametrize("text", ["a", "x::y[z]"])
        def test_parameters(text):
            if text == "a": failing("parameters")
        @pytest.mark.xfail(raises=KeyError)
        def test_xfail_of_another(): failing("xfail_of_another")
        def test_skips_then():
            failing("skips_then")
            pytest.skip("no network")
        def test_clean(tmp_path, capsys, record_property, request, monkeypatch):
            assert not list(tmp_path.iterdir())
            (tmp_path / "left").touch()
            assert not request.node.user_properties
            record_property("key", "value")
            print("printed")
            assert capsys.readouterr().out == "printed\\n"
            monkeypatch.setenv("LEFT", "1")
            failing("clean")
        def test_broken(): assert 0
        def test_last(): failing("last")
    """,
    "test_wide_teardown.py": """
        import pytest
        from once import failing

        # Cut in two, the module would be torn down after whichever test came last.
        pytestmark = pytest.mark.xdist_group("one worker")

        @pytest.fixture(scope="module")
        def module_teardown():
            yield
            failing("module_teardown")
        def test_first(module_teardown): pass
        def test_module_teardown(module_teardown): pass
    """,
    "test_classes.py": """
        import unittest
        import pytest
        from once import failing

        class TestPlain:
            def test_own_instance(self):
                assert not hasattr(self, "left")
                self.left = 1
                failing("own_instance")
            class TestInner:
                def test_inner(self): failing("inner")

        class TestSetUp:
            def setup_method(self): failing("setup_method")
            def test_setup_method(self): pass
        class TestTearDown:
            def teardown_method(self): failing("teardown_method")
            def test_teardown_method(self): pass
        class TestSetUpClass:
            @classmethod
            def setup_class(cls): failing("setup_class")
            def test_setup_class(self): pass
        class TestClassFixture:
            @pytest.fixture(scope="class", autouse=True)
            def wide(self): failing("class_fixture")
            def test_class_fixture(self): pass

        class Unit(unittest.TestCase):
            def test_unit(self):
                assert not hasattr(self, "left")
                self.left = 1
                failing("unit")
            def test_unit_subtest(self):
                for part in range(3):
                    with self.subTest(part=part):
                        if part == 1: failing("unit_subtest")
            def test_unit_two_subtests(self):
                for part in range(3):
                    with self.subTest(part=part):
                        if part: failing(f"unit_two_subtests{part}")
            def test_unit_cleanup(self): self.addCleanup(failing, "unit_cleanup")
            def test_unit_broken(self): self.assertEqual(1, 2)
        class UnitSetUp(unittest.TestCase):
            def setUp(self): failing("unit_set_up")
            def test_unit_set_up(self): pass
        class UnitTearDown(unittest.TestCase):
            def tearDown(self): failing("unit_tear_down")
            def test_unit_tear_down(self): pass
        class UnitSetUpClass(unittest.TestCase):
            @classmethod
            def setUpClass(cls): failing("unit_set_up_class")
            def test_unit_set_up_class(self): pass
    """,
    "test_subtests.py": """
        from once import failing

        def test_subtest(subtests):
            for part in range(3):
                with subtests.test(part=part):
                    if part == 1: failing("subtest")
        def test_two_subtests(subtests):
            for part in range(3):
                with subtests.test(part=part):
                    if part: failing(f"two_subtests{part}")
        def test_subtest_then_call(subtests):
            with subtests.test("a"): failing("subtest_then_call")
            failing("then_call")
        def test_call_after_subtest(subtests):
            with subtests.test("a"): pass
            failing("call_after_subtest")
        def test_subtest_broken(subtests):
            for part in range(3):
                with subtests.test(part=part): assert part != 1
    """,
    "mod.py": '''
        def documented():
            """
            >>> from once import failing
            >>> failing("documented")
            """
    ''',
    "conftest.py": """
        import pytest
        from once import failing

        class Case(pytest.Item):
            def runtest(self): failing("case")
            def reportinfo(self): return self.path, 0, self.name
        class Cases(pytest.File):
            def collect(self): yield Case.from_parent(self, name="case")
        def pytest_collect_file(file_path, parent):
            if file_path.suffix == ".yaml": return Cases.from_parent(parent, path=file_path)
    """,
    "cases.yaml": "",
}

MATRIX = {
    "test_call": (2, "passed"),
    "test_call_twice": (3, "passed"),
    "test_function_setup": (2, "passed"),
    "test_function_teardown": (2, "passed"),
    "test_final": (2, "passed"),
    "test_dynamic": (2, "passed"),
    "test_module_setup": (2, "passed"),
    "test_session_setup": (2, "passed"),
    "test_package_setup": (2, "passed"),
    "test_behind_another": (2, "passed"),
    "test_call_and_teardown": (2, "passed"),
    "test_parameters[a]": (2, "passed"),
    "test_parameters[x::y[z]]": (1, "passed"),
    "test_xfail_of_another": (2, "passed"),
    "test_skips_then": (2, "skipped"),
    "test_clean": (2, "passed"),
    "test_broken": (3, "failed"),
    "test_last": (2, "passed"),
    "test_first": (1, "passed"),
    "test_module_teardown": (2, "passed"),
    "test_own_instance": (2, "passed"),
    "test_inner": (2, "passed"),
    "test_setup_method": (2, "passed"),
    "test_teardown_method": (2, "passed"),
    "test_setup_class": (2, "passed"),
    "test_class_fixture": (2, "passed"),
    "test_unit": (2, "passed"),
    "test_unit_subtest": (2, "passed"),
    "test_unit_two_subtests": (2, "passed"),
    "test_unit_cleanup": (2, "passed"),
    "test_unit_broken": (3, "failed"),
    "test_unit_set_up": (2, "passed"),
    "test_unit_tear_down": (2, "passed"),
    "test_unit_set_up_class": (2, "passed"),
    "test_subtest": (2, "passed"),
    "test_two_subtests": (2, "passed"),
    "test_subtest_then_call": (2, "passed"),
    "test_call_after_subtest": (2, "passed"),
    "test_subtest_broken": (3, "failed"),
    "mod.documented": (2, "passed"),
    "case": (2, "passed"),
}
"""By the last part of the node id: attempts, and how the last one ends."""
