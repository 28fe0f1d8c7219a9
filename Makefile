# Everything a newcomer types. Only Python >= 3.11 with venv, and make, are assumed.
#   make demo      six peers on this machine: learn, share, predict, one leaves
#   make test      the whole test suite
#   make compose-test   docker-compose.yml on a container engine, where one answers; make compose-faults
#   make test-faults    real daemons in network namespaces: partitions, kill -9, loss, wrong clocks (root)
#   TORCH_INDEX=URL   an index to take torch from (for example PyTorch's own CPU index)
PYTHON ?= python3
VENV   ?= .venv
BIN    := $(VENV)/bin
STAMP  := $(VENV)/.installed
INDEX  := $(if $(TORCH_INDEX),--extra-index-url $(TORCH_INDEX))

.PHONY: hostile fuzz model mutants soak study demo test test-fast compose-test compose-faults test-faults lint proto man bench install clean
.DEFAULT_GOAL := demo

demo: $(STAMP)
	$(BIN)/hdus-peer demo

test: $(STAMP) lint
	$(BIN)/python -m pytest

test-fast: $(STAMP)
	$(BIN)/python -m pytest -m "not slow"

# what it takes from the environment, and so from this command line, is in the head of docker-compose.yml
compose-test: $(STAMP)
	$(BIN)/python -m pytest -rs tests/compose/test_compose.py

# the same containers, paused, killed and disconnected while one of them leaves
compose-faults: $(STAMP)
	$(BIN)/python -m pytest -rs -vv tests/compose/test_faults.py

# six real daemons in network namespaces, and what can happen to them (root): KILLS=200 kills more of them, FAULTS_SEED
# others, FAULTS=FILE plays one file of tests/faults
test-faults: $(STAMP)
	$(BIN)/python -m pytest -rs -vv tests/faults$(if $(FAULTS),/$(FAULTS)) --kills $(or $(KILLS),10) --faults-seed $(or $(FAULTS_SEED),1)

lint: $(STAMP)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

proto: $(STAMP)
	$(BIN)/python -m tests.tools.generate_wire

man: $(STAMP)
	$(BIN)/hdus-peer man --out docs/man

bench: $(STAMP)
	$(BIN)/python -m benchmarks

# notices, receipts and leases, every state of them: needs Debian's spin and gcc (docs/model.md)
model: $(STAMP)
	$(BIN)/python -m tests.model

# many real peers for an hour: does anything grow? SOAK_MINUTES, SOAK_PEERS, SOAK_OUT
soak: $(STAMP)
	$(BIN)/python -m benchmarks.soak --minutes $(or $(SOAK_MINUTES),60) --peers $(or $(SOAK_PEERS),20) --out $(or $(SOAK_OUT),soak)

# the five systems side by side; STUDY=a plan's name or file, STUDY_OUT=the directory of its results
study: $(STAMP)
	$(BIN)/hdus-peer study run $(or $(STUDY),smoke) --out $(or $(STUDY_OUT),study-results)
	$(BIN)/hdus-peer study report $(or $(STUDY_OUT),study-results)

# a hostile member and a spoofer against real peers, ten times as large as in the suite; HOSTILE_SCALE
hostile: $(STAMP)
	HOSTILE_SCALE=$(or $(HOSTILE_SCALE),10) $(BIN)/python -m pytest -rs --timeout 900 tests/hostile

# arbitrary bytes for the codec: guided by coverage with the extra `fuzz` (pip install '.[fuzz]'), drawn without it;
# FUZZ_MINUTES, FUZZ_CORPUS=a directory to keep and continue
fuzz: $(STAMP)
	$(BIN)/python -m tests.hostile.fuzz --minutes $(or $(FUZZ_MINUTES),10) $(if $(FUZZ_CORPUS),--corpus $(FUZZ_CORPUS))

# every planted fault of the protocol: which checker catches it, after how many simulated plans
mutants: $(STAMP)
	$(BIN)/python -m tests.simulation.mutants

install: $(STAMP)

# torch first: with the pin, the CPU build of it satisfies everything that follows
$(STAMP): pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "hdus-peer needs Python 3.11 or later: make PYTHON=python3.12 …")'
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt $(INDEX) torch
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt $(INDEX) -e '.[dev]'
	touch $(STAMP)

clean:
	rm -rf $(VENV) build *.egg-info .mypy_cache .ruff_cache .pytest_cache .hypothesis
