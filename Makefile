# make verify   the first claim, trained and judged on this machine
# make test     the whole test suite
# make check    what CI runs: formatter, linter, types, tests
# make calibrate  error rates of every kind of check, into docs/calibration.md; hours, and goes on when interrupted
#
# Both environments are made on first use, in $(VENV), from the pinned constraints.txt.

PYTHON ?= python3
VENV = .venv
CLAIM ?= claims/sec4_random_params.yaml
DRAWS ?= 20000
PIP = $(VENV)/bin/python -m pip install --quiet --disable-pip-version-check -c constraints.txt

.PHONY: verify test check calibrate clean

verify: $(VENV)/installed
	$(VENV)/bin/bnrepro verify $(CLAIM)

test: $(VENV)/installed-dev
	$(VENV)/bin/python -m pytest -n auto --dist loadgroup

check: $(VENV)/installed-dev
	$(VENV)/bin/ruff format --check .
	$(VENV)/bin/ruff check .
	$(VENV)/bin/mypy
	$(MAKE) test

calibrate: $(VENV)/installed-dev  # what is drawn is kept in build/calibration/
	OMP_NUM_THREADS=1 $(VENV)/bin/python -m tests.calibrate --draws $(DRAWS)

$(VENV)/installed: pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11, 4))' || \
	    { echo "bnrepro needs Python 3.11.4 or newer; name one: make PYTHON=python3.11"; exit 1; }
	$(PYTHON) -m venv $(VENV)
	@echo "installing torch and the rest into $(VENV); several GB the first time"
	$(PIP) torch==2.14.1 torchvision==0.29.1
	$(PIP) -e .
	@touch $@

$(VENV)/installed-dev: $(VENV)/installed
	$(PIP) -e '.[dev]'
	@touch $@

clean:  # leaves .bnrepro alone: trained runs are not build products
	rm -rf $(VENV) .hypothesis .mypy_cache .pytest_cache .ruff_cache
