# make check   set up, judge the shipped scenarios on the simulator and a real server, write the report
# make test    set up, lint, check types, run all tests
# make help    the rest

VENV := .venv
BIN := $(VENV)/bin
PYTHON := $(shell command -v python3.11 || command -v python3)
WORKERS ?= 2
# What is never imported need not be compiled: that is most of what is installed.
INSTALL := install --quiet --disable-pip-version-check --no-compile -c constraints.txt

.PHONY: help interval-coverage check check-all test test-fast test-long agreement reality states coverage planted mutants lint fuzz bench clean validate theory

help: ## say what there is
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*## /\t/' | expand -t 14

check: $(VENV)/.ready ## judge the patterns and the first question; reports/index.html
	$(BIN)/simrt check scenarios/patterns $(wildcard scenarios/questions/which-end-to-drop-*.yml)

check-all: $(VENV)/.ready ## judge every scenario that ships; twice as long
	$(BIN)/simrt check scenarios

test: lint ## lint, types, then all tests: virtual time beside real sockets
	$(BIN)/python -m tests --workers $(WORKERS)

test-fast: $(VENV)/.ready-test ## only what needs no sockets, processes or browser
	$(BIN)/pytest -q -n $(WORKERS) -m "not real"

test-long: $(VENV)/.ready-test ## explore: a million steps of the engine, thousands of scenarios
	HYPOTHESIS_PROFILE=explore SIMRT_MACHINE_EXAMPLES=2000 SIMRT_MACHINE_STEPS=200 \
	  SIMRT_SCENARIOS_EXAMPLES=10000 $(BIN)/pytest -q -n $(WORKERS) --timeout 0 \
	  tests/engine/test_machine.py tests/properties

agreement: $(VENV)/.ready-test ## simulator and app on thousands of generated scenarios, row by row
	HYPOTHESIS_PROFILE=explore SIMRT_AGREEMENT_EXAMPLES=3000 $(BIN)/pytest -q -rP --timeout 0 \
	  tests/agreement/test_sim_and_app.py

states: $(VENV)/.ready-test ## how many generated scenarios reach which state; docs/properties.md
	$(BIN)/python -m tests.properties.document

coverage: $(VENV)/.ready-test ## all branches of engine, sse and checkers; fails below 100 %
	$(BIN)/coverage run -m pytest -q -m "not real" tests/engine tests/sse tests/checkers \
	  tests/metrics/test_expectations.py
	$(BIN)/coverage report

planted: $(VENV)/.ready-test ## plant errors in copies of the source; each must be caught
	$(BIN)/python -m tests.planted

# ROOM=client, checkers, metrics or expectations: 200 changes of that room, drawn by a seed.
ifdef ROOM
mutants: $(VENV)/.ready-test
	$(BIN)/python -m tests.mutants.of_rooms $(ROOM)
else
mutants: $(VENV)/mutants/.ready ## change the engine in a thousand ways; its tests must notice; half an hour
	$(BIN)/python -m tests.mutants
endif

interval-coverage: $(VENV)/.ready-test ## how often intervals cover and verdicts err; docs/statistics.md; a quarter of an hour
	$(BIN)/python -m tests.intervals

lint: $(VENV)/.ready-test ## style and types
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

validate: $(VENV)/.ready ## the simulator against exact answers, all cases; some minutes
	$(BIN)/simrt validate simrt/validation/closed_forms.json

theory: $(VENV)/.ready-test ## write tables and figures of docs/theory.md anew; some minutes
	$(BIN)/python -m tests.docs.theory

fuzz: $(VENV)/.ready-test ## attack a server over TCP, tens of thousands of times; docs/security.md
	$(BIN)/python -m tests.server.fuzz

reality: $(VENV)/.ready-test ## run what ships on a real server; docs/model-and-reality.md; half an hour
	mkdir -p reports/reality
	$(BIN)/python -m tests.docs.reality reports/reality

bench: $(VENV)/.ready-test ## ratios, side by side in one run; benchmarks/README.md; some minutes
	$(BIN)/python -m benchmarks

$(VENV)/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
	  || { echo "simrt needs Python 3.11 or newer; found $$($(PYTHON) --version)"; exit 1; }
	@$(PYTHON) -m venv $(VENV) 2>/dev/null || { rm -rf $(VENV); \
	  echo "installing python3-venv"; scripts/apt-install python3-venv && $(PYTHON) -m venv $(VENV); }

$(VENV)/.ready: $(VENV)/bin/python pyproject.toml constraints.txt
	$(BIN)/pip $(INSTALL) -e .
	@$(NEEDS_IP)
	@touch $@

NEEDS_IP = command -v ip >/dev/null || scripts/apt-install iproute2 \
	  || echo "ip is missing: silent networks on the real server lose no packets (iproute2)"

# Once for all: what tests need contains what everything else needs.
$(VENV)/.ready-test: $(VENV)/bin/python pyproject.toml constraints.txt tests/package.json
	$(BIN)/pip $(INSTALL) -e ".[test,notebooks]"
	@$(NEEDS_IP)
	@command -v chromium >/dev/null || scripts/apt-install chromium \
	  || echo "chromium is missing: browser tests will be skipped (apt-get install chromium)"
	@command -v curl >/dev/null || scripts/apt-install curl \
	  || echo "curl is missing: its row of the client matrix will be skipped (apt-get install curl)"
	@scripts/npm-install tests/package.json $(VENV)/clients \
	  || echo "npm eventsource is missing: its row of the client matrix will be skipped"
	@scripts/apt-unpack nginx $(VENV)/nginx \
	  || echo "nginx is missing: the tests behind it will be skipped"
	@touch $(VENV)/.ready $@

# An environment of its own: mutmut brings what nothing else here needs.
$(VENV)/mutants/.ready: $(VENV)/.ready-test constraints.txt
	@$(BIN)/python -m venv $(VENV)/mutants
	$(VENV)/mutants/bin/pip $(INSTALL) hypothesis mutmut pytest
	@touch $@

clean: ## remove the environment and everything generated
	rm -rf $(VENV) reports .pytest_cache .mypy_cache .ruff_cache .hypothesis
