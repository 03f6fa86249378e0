# Two commands do everything: `make report` and `make test`. Both set up .venv first.
.DEFAULT_GOAL := help
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
# Two processes on two cores: libraries that start a thread for every core would only fight for them.
ONE_THREAD := OMP_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1
DEMO := data/demo/study.toml

.PHONY: help setup report test test-slow notebooks bench lint lock clean

help:            ## this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## /{printf "  make %-11s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

setup: $(READY)  ## the environment alone, into .venv

# uv installs everything in seconds; where it cannot be had, pip does the same more slowly.
$(READY): requirements.lock pyproject.toml crm_analysis/__init__.py
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
	  || { echo "crm_analysis needs Python 3.11 or later; name one: make PYTHON=python3.12 $(MAKECMDGOALS)"; exit 2; }
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@if $(BIN)/python -m pip install --quiet uv && $(BIN)/uv --version >/dev/null 2>&1; then \
	  UV_PYTHON_DOWNLOADS=never $(BIN)/uv pip install --quiet --python $(BIN)/python --require-hashes -r requirements.lock \
	  && $(BIN)/uv pip install --quiet --python $(BIN)/python --no-build-isolation --no-deps -e . ; \
	else \
	  $(BIN)/python -m pip install --quiet --require-hashes -r requirements.lock \
	  && $(BIN)/python -m pip install --quiet --no-build-isolation --no-deps -e . ; \
	fi
	@touch $@

$(DEMO): | $(READY)
	@$(BIN)/crm-analysis demo data/demo

report: $(READY) $(DEMO)  ## simulate the demo study if it is missing, run every notebook, print the report's path
	@$(BIN)/crm-analysis run data/demo

test: $(READY)   ## the whole test suite (and its ten slowest)
	@$(BIN)/ruff check . && $(BIN)/ruff format --check . && $(BIN)/mypy
	@$(ONE_THREAD) $(BIN)/python -m pytest -n 2 --dist loadfile --no-loadscope-reorder --durations 10 -m "not slow"

test-slow: $(READY)  ## the long simulations too
	@$(ONE_THREAD) $(BIN)/python -m pytest -n 2 --dist loadfile --no-loadscope-reorder --durations 10 -m slow

# ONLY="40 60": only these.
notebooks: $(READY) $(DEMO)  ## run the notebooks on the demo study and keep their outputs in place
	@$(BIN)/python -m crm_analysis.reporting.refresh notebooks data/demo $(ONLY)

# ANSWERS=mobi.csv: measure on the European mobile phone survey instead of a simulated one of the same size.
bench: $(READY)  ## satisfaction, coverage, customer360 against pandas on up to 5e7 rows, value, churn, trap (minutes; 8 GB of memory)
	@$(BIN)/python benchmarks/satisfaction.py $(if $(ANSWERS),--answers $(ANSWERS))
	@$(BIN)/python benchmarks/coverage.py --surveys 500
	@$(BIN)/python benchmarks/customer360.py
	@$(BIN)/python benchmarks/clv.py
	@$(BIN)/python benchmarks/churn.py 1000000
	@$(BIN)/python benchmarks/uplift.py 100
	@$(BIN)/python benchmarks/trap.py --only time

lint: $(READY)   ## format and mend what ruff can
	@$(BIN)/ruff format . && $(BIN)/ruff check --fix .

lock: $(READY)   ## renew requirements.lock from pyproject.toml
	@$(BIN)/uv pip compile --quiet --universal --generate-hashes --no-emit-index-url --no-header --no-annotate \
	  --extra dev pyproject.toml -o requirements.lock

clean:           ## remove the demo study, its reports and the tools' caches; other studies' reports stay
	rm -rf data/demo reports/demo .pytest_cache .mypy_cache .ruff_cache .hypothesis
