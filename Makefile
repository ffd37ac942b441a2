# Every target sets up what it needs: `make demo` and `make test` work in a fresh clone.

PYTHON ?= python3
BIN := .venv/bin
MKDOCS := NO_MKDOCS_2_WARNING=1 $(BIN)/python -m mkdocs build --strict --quiet

.PHONY: setup demo test check docs docs-check lowest bench clean

setup: .venv/installed

.venv/installed: pyproject.toml
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --editable '.[all]'
	touch $@

# What the first commands of README need, and nothing of tests and pages.
.venv/begun: pyproject.toml
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --editable '.[report]'
	touch $@

demo: .venv/begun
	$(BIN)/mpcsim run pomic_inference

# A file's tests stay in one process: several share what a fixture of the file made. Hundreds of processes are started:
# each reads the bytecode that the first wrote, whatever the environment says about writing it.
test: export PYTHONDONTWRITEBYTECODE =
test: setup
	$(BIN)/python -m pytest --numprocesses auto --dist loadfile

check: setup
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

# The site, into site/: figures and notebooks are made once (`make clean` forgets them), examples where they or the code
# changed, pages each time.
docs: .venv/docs
	$(BIN)/python docs/make/gallery.py
	$(BIN)/python docs/make/notebooks.py
	$(BIN)/python docs/make/sessions.py
	$(MKDOCS)

# Its pages alone, strictly: every link leads somewhere, nothing is fetched from elsewhere.
docs-check: .venv/docs
	$(MKDOCS) --site-dir .docs/check

.venv/docs: .venv/installed
	$(BIN)/python -m pip install --quiet --editable '.[docs]'
	touch $@

# Every dependency at its lower bound; requires-python's own version where it is there.
lowest:
	$(shell command -v python3.11 || command -v $(PYTHON)) .ci/lowest.py

bench: setup
	mkdir -p .benchmarks
	$(BIN)/python -m pytest benchmarks --benchmark-only --benchmark-columns=median,iqr,rounds \
		--benchmark-timer=benchmarks.clock.processor_seconds --benchmark-json=.benchmarks/latest.json
	$(BIN)/python -m benchmarks.compare .benchmarks/latest.json

clean:
	rm -rf .venv .lowest .docs site runs .benchmarks .pytest_cache .mypy_cache .ruff_cache
