"""One input of a workflow changes, and nothing else."""

from __future__ import annotations

import pytest

from pytest_nexus.settings_files.workflow_text import call_in, inputs_in, with_input

USES = "pytest-nexus/pytest-nexus/.github/workflows/nexus.yml@v0"
BLOCK = f"""\
# The tests
jobs:
  lint:
    runs-on: ubuntu-latest
    steps:
      - uses: ./.github/checkout
        with:
          fetch-depth: 0
  nexus:
    uses: {USES} # the newest
    with:
      install: |
        python -m pip install .
        shards: 9
      # as agreed
      shards: 4 # jobs
      target: '5m'
    secrets: inherit
  later:
    needs: nexus
"""
FLOW = f"""\
jobs:
  nexus:
    with: {{install: "pip install a, b", shards: auto}} # ours
    uses: {USES}
"""
ACTION = """\
jobs:
  tests:
    steps:
      - uses: ./.github/setup-python
        with: {python-version: "3.12"}
      - name: Test
        uses: pytest-nexus/pytest-nexus@v0
        with:
          args: -q
      - run: echo done
"""


def test_inputs_are_read() -> None:
    assert inputs_in(BLOCK) == {"install": "|", "shards": "4", "target": "5m"}
    assert inputs_in(FLOW) == {"install": "pip install a, b", "shards": "auto"}
    assert inputs_in(ACTION) == {"args": "-q"}


def test_an_input_is_replaced_in_its_line() -> None:
    assert with_input(BLOCK, "shards", "8") == BLOCK.replace("shards: 4 #", 'shards: "8" #')
    assert with_input(BLOCK, "target", "3m") == BLOCK.replace("'5m'", '"3m"')
    assert with_input(FLOW, "shards", "8") == FLOW.replace("shards: auto", 'shards: "8"')


def test_a_missing_input_is_added() -> None:
    assert with_input(BLOCK, "workers", "2") == BLOCK.replace(
        "    with:\n      install", '    with:\n      workers: "2"\n      install'
    )
    assert with_input(FLOW, "workers", "2") == FLOW.replace("auto}", 'auto, workers: "2"}')
    assert with_input(ACTION, "workers", "2") == ACTION.replace(
        "          args", '          workers: "2"\n          args'
    )


def test_a_call_without_inputs_gets_them() -> None:
    text = f"jobs:\n  nexus:\n    uses: {USES}"
    assert with_input(text, "shards", "auto") == f"{text}\n    with:\n      shards: auto\n"
    text = f"jobs:\r\n  nexus:\r\n    uses: {USES}\r\n"
    assert with_input(text, "shards", "2") == f'{text}    with:\r\n      shards: "2"\r\n'
    item = "    steps:\n      - uses: pytest-nexus/pytest-nexus@v0\n      - run: x\n"
    assert with_input(item, "workers", "2") == (
        "    steps:\n      - uses: pytest-nexus/pytest-nexus@v0\n"
        '        with:\n          workers: "2"\n      - run: x\n'
    )
    empty = f"j:\n  uses: {USES}\n  with: {{}}\n"
    assert with_input(empty, "shards", "2") == empty.replace("{}", '{shards: "2"}')


@pytest.mark.parametrize(
    "text",
    [
        "",
        "jobs:\n  tests:\n    uses: owner/name/.github/workflows/tests.yml@v1\n",
        BLOCK + FLOW.removeprefix("jobs:\n").replace("nexus:", "again:"),
        f"j:\n  uses: {USES}\n  with: *inputs\n",
        f"j:\n  uses: {USES}\n  with: {{a: [1, 2]}}\n",
        f"j:\n  uses: {USES}\n  with: {{a: 1,\n    b: 2}}\n",
    ],
)
def test_other_forms_are_refused(text: str) -> None:
    assert with_input(text, "shards", "2") is None


def test_the_place_of_a_call_is_found() -> None:
    call = call_in(ACTION)
    assert call is not None
    assert (call.uses, call.indent, call.inside) == (6, 8, 7)
