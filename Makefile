# Two commands on a fresh machine with Python 3.11 or newer, make and git:
#   make demo    sets everything up and runs the whole path on something real
#   make test    sets everything up and runs the tests

PYTHON ?= $(shell command -v python3.11 || command -v python3)
VENV ?= .venv
DEMO ?= demo
JOBS ?= 2

BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check install --quiet --constraint constraints.txt
TORCH := $(shell sed -n 's/^torch==//p' constraints.txt)

.PHONY: demo install test test-slow docs lint types bench clean

demo: $(VENV)/.installed
	$(BIN)/arch2vec demo --out $(DEMO)

install: $(VENV)/.installed

# Tests start hundreds of processes: their modules are compiled once, also where the environment forbids to keep that.
test: $(VENV)/.installed-dev
	PYTHONDONTWRITEBYTECODE= OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n $(JOBS) --dist worksteal

test-slow: $(VENV)/.installed-dev
	$(BIN)/python -m pytest -m slow

docs: $(VENV)/.installed-docs
	$(BIN)/python -m sphinx -W --keep-going -b html docs docs/_build/html
	@echo "docs/_build/html/index.html"

lint: $(VENV)/.installed-dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: $(VENV)/.installed-dev
	$(BIN)/mypy

$(VENV)/.torch: constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "arch2vec needs Python 3.11 or newer: make PYTHON=...")'
	$(PYTHON) -m venv $(VENV)
	@echo "installing PyTorch $(TORCH), CPU build"
	@$(PIP) "torch==$(TORCH)+cpu" 2> $(VENV)/torch.log || { \
	  echo "no wheel named $(TORCH)+cpu on your package indexes; installing torch $(TORCH) as they have it."; \
	  echo "(On Linux x86-64 that may be a CUDA build of several gigabytes: to avoid it, stop and"; \
	  echo "set PIP_EXTRA_INDEX_URL to the CPU index that PyTorch's installation page names.)"; \
	  $(PIP) "torch==$(TORCH)"; }
	@touch $@

$(VENV)/.installed: $(VENV)/.torch pyproject.toml constraints.txt
	@echo "installing arch2vec"
	@$(PIP) --editable .
	@touch $@

$(VENV)/.installed-dev: $(VENV)/.torch pyproject.toml constraints.txt
	@echo "installing arch2vec and the tools its tests need"
	@$(PIP) --editable '.[dev]'
	@touch $@ $(VENV)/.installed

$(VENV)/.installed-docs: $(VENV)/.torch pyproject.toml constraints.txt
	@echo "installing arch2vec and what its documentation is built with"
	@$(PIP) --editable '.[docs]'
	@touch $@

clean:
	rm -rf docs/_build docs/results $(VENV) $(DEMO) .mypy_cache .pytest_cache .ruff_cache
