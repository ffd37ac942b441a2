# Every target sets up what it needs: `make demo` and `make test` work in a fresh clone.

PYTHON ?= python3
BIN := .venv/bin

.PHONY: setup demo test check lowest bench clean

setup: .venv/installed

.venv/installed: pyproject.toml
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --editable '.[all]'
	touch $@

demo: setup
	$(BIN)/mpcsim run pomic_inference

# A file's tests stay in one process: several share what a fixture of the file made.
test: setup
	$(BIN)/python -m pytest --numprocesses auto --dist loadfile

check: setup
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

# Every dependency at its lower bound; requires-python's own version where it is there.
lowest:
	$(shell command -v python3.11 || command -v $(PYTHON)) .ci/lowest.py

bench: setup
	mkdir -p .benchmarks
	$(BIN)/python -m pytest benchmarks --benchmark-only --benchmark-columns=median,iqr,rounds \
		--benchmark-timer=benchmarks.clock.processor_seconds --benchmark-json=.benchmarks/latest.json
	$(BIN)/python -m benchmarks.compare .benchmarks/latest.json

clean:
	rm -rf .venv .lowest runs .benchmarks .pytest_cache .mypy_cache .ruff_cache
