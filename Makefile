# People and CI use the same targets; `make help` lists them. Everything happens in private environments below this
# folder: .venv to work in, build/ for the checks that need an environment of their own. `make clean` removes all.

PYTHON ?= python3
PYTHON_OLDEST ?= python3.11
VENV := .venv
BIN := $(VENV)/bin
PIP_FLAGS := --quiet --disable-pip-version-check
PYTEST_FLAGS ?= -n 2

WHEEL_VENV := build/wheel-venv
OLDEST_VENV := build/oldest-venv
OUTSIDE := build/outside
OUTSIDE_FILES := tests sample_models examples schemas docs benchmarks Makefile pyproject.toml LICENSE $(wildcard *.md)

# One thread per test process: two of them share two cores.
export OPENBLAS_NUM_THREADS ?= 1

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.PHONY: help demo test lint types laws wheel-test numpy-oldest test-arm64 test-armhf golden exports assets docs cards size coverage soak bench clean

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z0-9-]+:.*## / { printf "make %-13s %s\n", $$1, $$2 }' Makefile

demo: $(VENV)/.convert ## set up, convert a sample model to int8, and show what that cost
	@mkdir -p .demo
	$(BIN)/edgeconv convert sample_models/digits_resnet/model.onnx .demo/digits_resnet.edge --force \
	  --calib sample_models/digits_resnet/calib.npz --eval sample_models/digits_resnet/test.npz \
	  --metric top1 --max-drop 0.005 --report .demo/report

test: $(VENV)/.test ## set up, and run the tests (without those that need downloaded models)
	env -u EDGECONV_ASSETS $(BIN)/python -m pytest $(PYTEST_FLAGS) --ignore=tests/assets --ignore=tests/exports tests

lint: $(VENV)/.dev ## ruff: mistakes and format
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: $(VENV)/.dev ## mypy --strict on edgeconv and its command line
	@mkdir -p build/typed && ln -sfn ../../cli build/typed/edgeconv_cli
	MYPYPATH=build/typed $(BIN)/mypy --strict -p edgeconv -p edgeconv_cli

laws: $(VENV)/.test ## the laws of the architecture: floors, imports, sizes, fresh tables
	$(BIN)/python -m pytest tests/laws

golden: $(VENV)/.test ## the same bytes as ever (UPDATE_GOLDEN=1 writes them anew)
	$(BIN)/python -m pytest tests/golden tests/test_determinism.py

exports: $(VENV)/.exports ## models that the current exporters make: PyTorch, scikit-learn, LightGBM, XGBoost
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest $(PYTEST_FLAGS) --dist loadfile tests/exports

assets: $(VENV)/.test ## the suites that need the models and data in $EDGECONV_ASSETS
	@test -d "$(EDGECONV_ASSETS)" || { echo "set EDGECONV_ASSETS to the folder of models"; exit 2; }
	EDGECONV_ASSETS="$(abspath $(EDGECONV_ASSETS))" $(BIN)/python -m pytest $(PYTEST_FLAGS) \
	  $$(grep -rl EDGECONV_ASSETS tests --include 'test_*.py') tests/assets/test_models.py

wheel-test: $(VENV)/.dev ## build the wheel, install it elsewhere, and run the tests against that
	rm -rf build/dist build/lib $(WHEEL_VENV) $(OUTSIDE)
	mkdir -p $(OUTSIDE)
	$(BIN)/python -m build --outdir build/dist . > build/wheel.log || { cat build/wheel.log; exit 1; }
	$(PYTHON) -m venv $(WHEEL_VENV)
	$(WHEEL_VENV)/bin/python -m pip install $(PIP_FLAGS) build/dist/edgeconv-*.whl
	$(WHEEL_VENV)/bin/edgeconv --version
	$(WHEEL_VENV)/bin/python -m pip install $(PIP_FLAGS) "$$(ls build/dist/edgeconv-*.whl)[test]"
	git ls-files -z $(OUTSIDE_FILES) | tar --null -T - -cf - | tar -xf - -C $(OUTSIDE)
	cd $(OUTSIDE) && ../wheel-venv/bin/python -m pytest $(PYTEST_FLAGS) --ignore=tests/assets tests

numpy-oldest: ## the runtime with the oldest NumPy and nothing else; then the operators and the converter
	rm -rf $(OLDEST_VENV)
	$(PYTHON_OLDEST) -m venv $(OLDEST_VENV)
	$(OLDEST_VENV)/bin/python -m pip install $(PIP_FLAGS) "numpy==1.24.*" pytest -e .
	$(OLDEST_VENV)/bin/python -m pytest tests/golden tests/laws/test_imports.py
	$(OLDEST_VENV)/bin/python -m pip install $(PIP_FLAGS) "numpy==1.24.*" -e ".[test]"
	$(OLDEST_VENV)/bin/python -m pytest $(PYTEST_FLAGS) --ignore=tests/assets tests

test-arm64: $(VENV)/.test ## int8 models in Debian 12 for arm64, under qemu: the same bytes as here
	$(BIN)/python -m tests.arm arm64

test-armhf: $(VENV)/.test ## the same for armhf
	$(BIN)/python -m tests.arm armhf

coverage: $(VENV)/.test ## branch coverage of operators and runtime, at least 95 %
	$(BIN)/python -m pytest $(PYTEST_FLAGS) --ignore=tests/assets --ignore=tests/exports --ignore=tests/laws tests --cov=edgeconv.ops \
	  --cov=edgeconv.runtime --cov-branch --cov-report=term-missing:skip-covered --cov-report=json:.coverage.json
	$(BIN)/python tests/coverage_gate.py .coverage.json 95

soak: $(VENV)/.test ## 100,000 runs in a row, which may not take more memory ($EDGECONV_ASSETS: keyword spotting, too)
	$(BIN)/python -m benchmarks.soak

docs: $(VENV)/.convert ## write the generated parts of README.md and docs/ anew
	$(BIN)/python docs/generate.py

cards: $(VENV)/.convert ## measure the sample models and write their cards anew
	$(BIN)/python sample_models/cards.py

bench: $(VENV)/.bench ## measure beside ONNX Runtime on $EDGECONV_ASSETS, and write docs/benchmarks.md anew
	@test -d "$(EDGECONV_ASSETS)" || { echo "set EDGECONV_ASSETS to the folder of models"; exit 2; }
	for each in accuracy precision latency winograd start convert ablation few_samples budget memory soak; do \
	  EDGECONV_ASSETS="$(abspath $(EDGECONV_ASSETS))" $(BIN)/python -m benchmarks.$$each --write || exit 1; done
	$(BIN)/python docs/generate.py

size: ## lines of Python per package
	@for d in edgeconv $$(find edgeconv cli tests -type d ! -name '__pycache__' ! -path edgeconv | sort); do \
	  n=$$(find $$d -maxdepth 1 -name '*.py' -exec cat {} + | wc -l); \
	  if [ $$n -gt 0 ]; then printf '%7d  %s\n' $$n $$d; fi; done
	@printf '%7d  edgeconv and cli in all\n' $$(find edgeconv cli -name '*.py' -exec cat {} + | wc -l)

clean: ## remove environments, build products and the demo's files
	rm -rf $(VENV) build dist .demo .coverage .coverage.json .pytest_cache .mypy_cache .ruff_cache .hypothesis *.egg-info
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit(0 if sys.version_info >= (3, 11) else \
	  "edgeconv needs Python 3.11 or newer, this is %d.%d: make PYTHON=python3.11 ..." % sys.version_info[:2])'
	$(PYTHON) -m venv $(VENV)

# A stamp says what is installed; it is older than pyproject.toml when that must be done again.
$(VENV)/.convert: pyproject.toml | $(BIN)/python
	$(BIN)/python -m pip install $(PIP_FLAGS) -e ".[convert,images]"
	@touch $@

$(VENV)/.test: pyproject.toml | $(BIN)/python
	$(BIN)/python -m pip install $(PIP_FLAGS) -e ".[test]"
	@touch $@ $(VENV)/.convert

$(VENV)/.exports: pyproject.toml | $(BIN)/python
	$(BIN)/python -m pip install $(PIP_FLAGS) -e ".[exports]"
	@touch $@ $(VENV)/.test $(VENV)/.convert

$(VENV)/.bench: pyproject.toml | $(BIN)/python
	$(BIN)/python -m pip install $(PIP_FLAGS) -e ".[bench]"
	@touch $@ $(VENV)/.test $(VENV)/.convert

$(VENV)/.dev: pyproject.toml | $(BIN)/python
	$(BIN)/python -m pip install $(PIP_FLAGS) -e ".[dev]"
	@touch $@ $(VENV)/.test $(VENV)/.convert
