# Two commands are enough: `make demo` and `make test`. Both create the environment in .venv when it is missing.
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
FUZZER := $(VENV)/.fuzzer
# What `make demo` grades, and whose feedback it shows.
DEMO := examples/submissions/softmax
DEMO_STUDENT ?= noor

.PHONY: demo test test-hostile test-gpu test-long same-marks fuzz fuzz-short install format lint types build-check validate smoke benchmark clean

demo: $(STAMP)
	$(BIN)/autograder grade softmax $(DEMO) --time-limit 2 --show $(DEMO_STUDENT)

test: $(STAMP)
	$(BIN)/python -m pytest -n auto --dist loadfile

# Every listed attack and broken file: behind all layers, as an ordinary user, and without namespaces. Takes minutes.
test-hostile: $(STAMP)
	$(BIN)/python tests/hostile/everywhere.py -n auto --dist loadfile

# What only a machine with an NVIDIA GPU can show; elsewhere all are skipped, with the reason. CUDA builds of torch are
# not in the constraints: in an environment that has one, `python -m pytest tests/gpu` is enough.
test-gpu: $(STAMP)
	$(BIN)/python -m pytest tests/gpu -rs

# Tests of minutes each: those that run stock otter-grader, and jobs that are not forked.
test-long: $(STAMP)
	$(BIN)/python -m pytest -m long -n auto --dist loadfile

# All example submissions and listed mistakes of two assignments, with stock otter-grader and this engine. Takes minutes.
same-marks: $(STAMP)
	$(BIN)/python tests/otter/same_marks.py

# Coverage-guided fuzzing of what reads bytes of strangers: seconds for each target, and a folder that keeps what was found.
FUZZ_SECONDS ?= 3600
fuzz-short: $(FUZZER)
	$(BIN)/python tests/fuzz/fuzz.py 10

fuzz: $(FUZZER)
	$(BIN)/python tests/fuzz/fuzz.py $(FUZZ_SECONDS) build/fuzz

# A wheel or nothing: where there is none for this platform, the targets above say so.
$(FUZZER): $(STAMP)
	-$(BIN)/python -m pip install --quiet --disable-pip-version-check --only-binary :all: -c constraints.txt atheris
	@touch $(FUZZER)

install: $(STAMP)

$(STAMP): pyproject.toml constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e ".[dev]"
	@touch $(STAMP)

format: $(STAMP)
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

lint: $(STAMP)
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .

types: $(STAMP)
	$(BIN)/mypy
	$(BIN)/mypy --no-warn-return-any $(foreach d,$(wildcard solutions/*),$(d)/$(notdir $(d)).py)

# Everything that a command generates must be what it generates now.
build-check: $(STAMP)
	$(BIN)/autograder build --check
	$(BIN)/python examples/make_examples.py --check

validate: $(STAMP)
	$(BIN)/autograder validate

# The wheel in an environment of its own, without test tools.
smoke: $(STAMP)
	PYTHON=$(BIN)/python ./.ci/smoke

benchmark: $(STAMP)
	$(BIN)/python benchmarks/execution.py
	$(BIN)/python benchmarks/bank.py
	$(BIN)/python benchmarks/batch.py
	$(BIN)/python benchmarks/peers.py

clean:
	rm -rf $(VENV) .venv-smoke build dist *.egg-info
