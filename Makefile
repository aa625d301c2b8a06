# Two commands are enough: `make demo` and `make test`. Both create the environment in .venv when it is missing.
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
# What `make demo` grades, and whose feedback it shows.
DEMO := examples/submissions/softmax
DEMO_STUDENT ?= noor

.PHONY: demo test test-hostile install format lint types build-check validate smoke benchmark clean

demo: $(STAMP)
	$(BIN)/autograder grade softmax $(DEMO) --time-limit 2 --show $(DEMO_STUDENT)

test: $(STAMP)
	$(BIN)/python -m pytest

# Every listed attack and broken file; takes minutes.
test-hostile: $(STAMP)
	$(BIN)/python -m pytest tests/hostile

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

clean:
	rm -rf $(VENV) .venv-smoke build dist *.egg-info
