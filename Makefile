# Everything runs in .venv, which the first target that needs it creates. PYTHON names the interpreter for it;
# else .ci/find_python.sh finds one, when the first environment is made.
PYTHON ?= $(eval PYTHON := $(or $(shell sh .ci/find_python.sh),$(error No interpreter was found)))$(PYTHON)
VENV := .venv
ifeq ($(OS),Windows_NT)
SCRIPTS := Scripts
else
SCRIPTS := bin
endif
BIN := $(VENV)/$(SCRIPTS)
# Two workers more than cores: many tests wait for processes. WORKERS=auto takes one for each core.
WORKERS ?= $(or $(shell expr $$(getconf _NPROCESSORS_ONLN 2>/dev/null) + 2 2>/dev/null),auto)
READY := $(VENV)/.ready
# Other plugins to test beside, apart: in .venv they would load in every session.
COMPANIONS := .venv-companions
COMPANIONS_READY := $(COMPANIONS)/.ready
# The oldest version that the package supports, in an environment with no more than `test-oldest` needs.
OLDEST := .venv-oldest
OLDEST_READY := $(OLDEST)/.ready
OLDEST_VERSION := 3.11
OLDEST_PYTHON ?= $(eval OLDEST_PYTHON := $(shell sh .ci/find_python.sh $(OLDEST_VERSION)))$(OLDEST_PYTHON)

# A shell that sets this makes each process compile every module of the package, and pytest every test, again.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: environments compiled demo story story-autopilot test test-fast test-oldest test-thorough mutants coverage lint types contracts docs docs-check docs-site workflow-audit dist bench dashboard screenshots clean

# One after the other: each `pip install --editable .` writes the metadata of the package beside it.
# Without CPython 3.11 there is no third one, and `test-oldest` says so.
environments: $(READY) $(COMPANIONS_READY)  ## What `make test` and `make test-oldest` need, and make if it is not there
	@if [ -n "$(OLDEST_PYTHON)" ]; then $(MAKE) --no-print-directory $(OLDEST_READY); fi

# In a new checkout each worker of `make test` would compile all tests. Only a failure is worth words.
compiled: $(READY)  ## The bytecode of all tests
	$(BIN)/python -m pytest -p no:terminal --collect-only || $(BIN)/python -m pytest -q --collect-only

demo: $(READY)  ## The main job: replay real runs, then watch a failure move to the front
	$(BIN)/nexus demo

test: $(READY) $(COMPANIONS_READY)  ## All tests but benchmarks, and but the folders in EXCEPT
	$(BIN)/python -m pytest --nexus -n $(WORKERS) --dist worksteal $(addprefix --ignore=,$(EXCEPT))

test-fast: $(READY)  ## The unit tests that start no process, in less than a minute
	$(BIN)/python -m pytest -n $(WORKERS) -m "not process and not slow" tests/unit

# tests/oldest.txt holds the arguments. Where the version is not found, one line says so, in CI too:
# the workflow runs all tests with each version.
test-oldest:  ## Most unit tests and some sessions with the oldest Python; about a minute
	@if [ -z "$(OLDEST_PYTHON)" ]; then echo "Skipped test-oldest: no CPython $(OLDEST_VERSION) was found; name one with OLDEST_PYTHON=..."; \
	else $(MAKE) --no-print-directory $(OLDEST_READY) && $(OLDEST)/$(SCRIPTS)/python -m pytest --nexus -n $(WORKERS) @tests/oldest.txt; fi

test-thorough: $(READY)  ## The unit tests with forty times the examples of each property
	HYPOTHESIS_PROFILE=thorough $(BIN)/python -m pytest -n $(WORKERS) -m "not process" tests/unit

mutants: $(READY)  ## How many small changes of the decisions the unit tests notice, by a sample
	$(BIN)/python -m tests.mutants

# The floors: 96.9 and 98.3 % of the branches were taken when this was written. A branch more or less depends
# on the examples of a run, so each floor is a little lower. Raise them with the tests.
coverage: $(READY)  ## Branches of the decisions and of the predictor that their unit tests take
	HYPOTHESIS_PROFILE=usual $(BIN)/python -m coverage run -m pytest -q -n $(WORKERS) --hypothesis-seed=0 tests/unit/plan tests/unit/predictor
	$(BIN)/python -m coverage combine -q
	$(BIN)/python -m coverage json -q -o .coverage.json
	$(BIN)/python -m tests.branch_floors .coverage.json pytest_nexus/plan=96 predictor=97

lint: $(READY)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: $(READY)
	$(BIN)/mypy

contracts: $(READY)
	$(BIN)/lint-imports

docs: $(READY)  ## Write the generated reference pages anew
	$(BIN)/python docs/generate.py

docs-check: $(READY)  ## Fail if a generated page is stale
	$(BIN)/python docs/generate.py --check

docs-site: $(READY)  ## Build all pages as a site in site/; a link that leads nowhere is an error
	$(BIN)/python -m sphinx -b html --fresh-env --fail-on-warning --keep-going --quiet -d build/doctrees docs site

workflow-audit: $(READY)  ## zizmor over the workflows and the action, without a network
	$(BIN)/zizmor --offline --pedantic --min-severity medium --no-progress .

dist: $(READY)  ## Build the source distribution, the wheel from it, and check both as PyPI will
	rm -rf dist
	$(BIN)/python -m build --outdir dist
	$(BIN)/twine check --strict dist/*

story: $(READY)  ## A small project on a miniature GitHub; leaves summaries and comments in story-out
	$(BIN)/python -m pytest -q -n0 -p no:cacheprovider tests/action/check_story.py tests/action/check_autopilot_story.py

story-autopilot: $(READY)  ## Sixty pushes with sessions that are run and measured, about half an hour; leaves story-out/team
	$(BIN)/python -m pytest -q -n0 -p no:cacheprovider tests/action/check_team_story.py

dashboard: $(READY)  ## A page to look at: real builds replayed as a CI would run them; leaves dashboard-out
	$(BIN)/python -m tests.browser dashboard-out

screenshots: $(READY)  ## Draw the pictures of the documentation with chromium
	$(BIN)/python -m tests.browser dashboard-out --pictures docs/how-to/images

bench: $(READY)  ## Measure against peers, in environments of their own; takes some minutes
	$(BIN)/python -m tests.benchmarks

# An environment of another version is removed first: venv would mix the two.
fresh = if [ "$$($(1) -V 2> /dev/null)" != "$$($(2) -V)" ]; then rm -rf $(3); fi; $(2) -m venv $(3)

# pip says what it fetches: a minute without a word looks like a hang.
$(READY): pyproject.toml .ci/find_python.sh
	@echo "Making $(VENV): an environment with pytest-nexus, scikit-learn and the tools; about a minute, once; pip is silent while it unpacks."
	$(call fresh,$(BIN)/python,$(PYTHON),$(VENV))
	$(BIN)/python -m pip install --disable-pip-version-check --editable ".[train,otel,dev,docs]"
	$(BIN)/python -c "open('$(READY)', 'w').close()"

$(COMPANIONS_READY): pyproject.toml tests/companions.txt .ci/find_python.sh | $(READY)
	@echo "Making $(COMPANIONS): an environment with other plugins to test beside; half a minute, once; pip is silent while it unpacks."
	$(call fresh,$(COMPANIONS)/$(SCRIPTS)/python,$(PYTHON),$(COMPANIONS))
	$(COMPANIONS)/$(SCRIPTS)/python -m pip install --disable-pip-version-check --editable . --requirement tests/companions.txt
	$(COMPANIONS)/$(SCRIPTS)/python -c "open('$(COMPANIONS_READY)', 'w').close()"

$(OLDEST_READY): pyproject.toml tests/oldest.txt
	@echo "Making $(OLDEST): an environment with pytest-nexus and the oldest Python; a quarter of a minute, once; pip is silent while it unpacks."
	$(call fresh,$(OLDEST)/$(SCRIPTS)/python,$(OLDEST_PYTHON),$(OLDEST))
	$(OLDEST)/$(SCRIPTS)/python -m pip install --disable-pip-version-check --editable . "check-jsonschema>=0.29" "hypothesis>=6.110" "junitparser>=3.2"
	$(OLDEST)/$(SCRIPTS)/python -c "open('$(OLDEST_READY)', 'w').close()"

clean:
	rm -rf story-out dashboard-out $(VENV) $(COMPANIONS) $(OLDEST) .bench .coverage .coverage.json benchmarks-out .mutants build dist site *.egg-info .mypy_cache .ruff_cache .pytest_cache .hypothesis
