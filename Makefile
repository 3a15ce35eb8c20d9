# Everything a new user needs: `make demo` and `make test`.
PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
CORES  ?= $(shell getconf _NPROCESSORS_ONLN)
LOCK   := requirements/lock.txt
# One thread per linear-algebra call: results must not depend on the core count.
export OPENBLAS_NUM_THREADS := 1
export OMP_NUM_THREADS := 1
export MKL_NUM_THREADS := 1

.PHONY: help install sample demo demo-sorting test lint bench docs references lock licences audit clean

help:
	@echo "make demo   install, make the sample recordings, run the workflow on them"
	@echo "make demo-sorting   make a raw recording of known spikes, sort it, score the sort"
	@echo "make test   run the whole test suite"
	@echo "make lint   ruff, mypy, snakemake --lint, snakefmt"
	@echo "make bench  speed and memory beside other packages (a quarter of an hour with peers, 5 GB of temporary files)"
	@echo "make docs   the documentation as a site: docs/_build/html/index.html"
	@echo "make audit  hold the locked packages against published advisories, if the network lets it"
	@echo "make clean  remove results and sample recordings (not .venv)"

install: $(VENV)/.installed

# uv (itself pinned by hash) installs the hashed lock; pip and uv refuse an
# editable install beside hashes, so the clone is put on the path by a .pth file.
$(VENV)/.installed: $(LOCK) requirements/uv.txt
	@echo "Installing the pinned dependencies into $(VENV) (about one minute) ..."
	@$(PYTHON) -c 'import sys; ok = (3, 11) <= sys.version_info[:2] <= (3, 13); sys.exit(0 if ok else "Python 3.11, 3.12 or 3.13 is needed; found " + sys.version.split()[0] + ". Name one: make demo PYTHON=python3.12")'
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements/uv.txt
	@$(BIN)/uv pip install --quiet --python $(BIN)/python --require-hashes --compile-bytecode -r $(LOCK)
	@$(BIN)/python -c 'import pathlib, sysconfig; pathlib.Path(sysconfig.get_path("purelib"), "set_and_setting.pth").write_text(str(pathlib.Path.cwd()) + "\n")'
	@touch $@

sample: install
	@$(BIN)/python -m pipeline sample

demo: sample
	@PATH="$(CURDIR)/$(BIN):$$PATH" $(BIN)/snakemake --cores $(CORES)

# One core, half a minute; most of it is the compilation of the sorter's inner loops.
demo-sorting: install
	@$(BIN)/python -W ignore -m pipeline.commands.sorting_demo

test: install
	@PATH="$(CURDIR)/$(BIN):$$PATH" $(BIN)/python -m pytest

lint: install
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	PATH="$(CURDIR)/$(BIN):$$PATH" $(BIN)/snakefmt --check Snakefile workflow
	PATH="$(CURDIR)/$(BIN):$$PATH" $(BIN)/snakemake --lint

# Prints the tables of docs/performance.md, writes benchmarks/results/*.json.
bench: install
	@$(BIN)/python -m benchmarks.run

# Every warning is an error, but all are shown first.
docs: install
	@$(BIN)/python -m sphinx -W --keep-going -q -b html -d docs/_build/doctrees docs docs/_build/html
	@echo "The documentation: $(CURDIR)/docs/_build/html/index.html"

# Write docs/reference/, docs/api/ and the cover from what the code declares.
references: install
	@$(BIN)/python -m pipeline.commands.reference

# Solve requirements/*.in again (needs an index); review the difference before you commit it.
lock: install
	$(BIN)/uv pip compile --universal --python-version 3.11 --generate-hashes \
	  --no-emit-index-url --no-emit-find-links --no-header \
	  requirements/main.in requirements/dev.in -o $(LOCK)

# Write docs/licences.md from the lock and the installed packages (after make lock).
licences: install
	@$(BIN)/python -m pipeline.commands.licences

# Fails on an advisory that is not in requirements/advisories.txt; says so where nothing answers.
audit: install
	@$(BIN)/python -m pipeline.commands.audit

clean:
	rm -rf docs/_build results sample_data/recordings sample_data/sorting .snakemake
