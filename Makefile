# Needs Python 3.10 or newer with venv, gcc and g++, make and bash. Everything it makes stays in this directory.

PYTHON ?= python3
VENV := .venv
SANITIZE_VENV := .venv-sanitize
ENGINES_VENV := .venv-engines
FLIGHTS := examples/flights
CONFIG := --config $(FLIGHTS)/pipeline.toml
IMAGE := fasttrees-serve
TRAIN_IMAGE := fasttrees-train
SHELL := bash
export PIP_DISABLE_PIP_VERSION_CHECK := 1
export TIMEFORMAT := time taken: %R s

# What the extension modules are compiled from; an edit of Python code compiles nothing.
COMPILED := setup.py $(shell find src/fasttrees -name '*.pyx' -o -name '*.pxd' -o -name '*.hpp')

# What a wheel is built from. The directories are included because a file may also be deleted.
SOURCES := pyproject.toml setup.py $(wildcard README.md LICENSE MANIFEST.in) \
	$(shell find src/fasttrees -type d ! -name __pycache__ -o -name '*.py' -o -name '*.py[ix]' -o -name '*.px[di]' -o -name '*.hpp')

.PHONY: help dev check demo test lint sanitize test-wheel test-browser test-engines test-container bench bench-full \
	bench-serving compare study clean

help: ## List the targets
	@sed -n 's/^\([a-z-]*\):.*## /  make \1\t/p' Makefile

dev: $(VENV)/.dev build/.extensions ## Set up to work on the source: editable, extensions compiled in place

check: lint ## Check style and types, then run the quick tests: under a minute after an edit
	HYPOTHESIS_PROFILE=quick $(VENV)/bin/pytest -q -n auto -m unit tests/unit

demo: $(VENV)/.demo build/.extensions ## Score flights by command and by server, run the pipeline from raw table to clean-up; compare with LightGBM
	@mkdir -p build/demo
	$(VENV)/bin/fasttrees info $(FLIGHTS)/model.txt
	time $(VENV)/bin/fasttrees predict $(FLIGHTS)/model.txt $(FLIGHTS)/rows.csv -o build/demo/predictions.csv
	time $(VENV)/bin/fasttrees predict $(FLIGHTS)/model.txt $(FLIGHTS)/rows.csv -o build/demo/raw_scores.csv --raw-score
	$(VENV)/bin/fasttrees transform --model $(FLIGHTS)/model.txt --input $(FLIGHTS)/rows.csv --output build/demo/served
	$(VENV)/bin/fasttrees transform --model $(FLIGHTS)/model.txt --input $(FLIGHTS)/rows.csv --output build/demo/served/raw \
		--env SAGEMAKER_INFERENCE_OUTPUT=raw_score
	cmp build/demo/predictions.csv build/demo/served/rows.csv.out
	cmp build/demo/raw_scores.csv build/demo/served/raw/rows.csv.out
	$(VENV)/bin/python $(FLIGHTS)/check.py build/demo/served/rows.csv.out build/demo/served/raw/rows.csv.out
	$(VENV)/bin/fasttrees pipeline cleanup --all --yes --quiet $(CONFIG)
	$(VENV)/bin/python $(FLIGHTS)/raw.py build/demo/flights.csv
	time $(VENV)/bin/fasttrees pipeline run $(CONFIG)
	$(VENV)/bin/fasttrees pipeline invoke $(CONFIG)
	$(VENV)/bin/fasttrees pipeline status $(CONFIG)
	$(VENV)/bin/python $(FLIGHTS)/check_pipeline.py
	$(VENV)/bin/fasttrees pipeline cleanup --all --yes $(CONFIG)

test: lint ## Check style and types, then run all tests
	$(VENV)/bin/pytest

lint: dev ## Check style and types
	$(VENV)/bin/ruff check
	$(VENV)/bin/ruff format --check
	$(VENV)/bin/mypy

# The extensions do not link AddressSanitizer into Python, so it is loaded first, and the C++ library with it: it has to
# find the function that throws. Python's own allocator would hide overruns. Leaks: Python never frees all it has.
sanitize: $(SANITIZE_VENV)/.installed ## Run unit and parity tests with bounds checks and sanitizers compiled in
	module=$$($(SANITIZE_VENV)/bin/python -c 'import sysconfig; print(sysconfig.get_path("platlib"))')/fasttrees/_modelfile/reader.*.so; \
	LD_PRELOAD=$$(ldd $$module | awk '/libasan|libstdc\+\+/ { printf "%s ", $$3 }') \
	ASAN_OPTIONS=detect_leaks=0 UBSAN_OPTIONS=print_stacktrace=1 PYTHONMALLOC=malloc \
	$(SANITIZE_VENV)/bin/pytest tests/unit tests/parity

test-wheel: dist/.built ## Install the wheel alone in a new environment and score the flights bit for bit
	rm -rf build/wheel
	$(PYTHON) -m venv build/wheel/venv
	build/wheel/venv/bin/pip install -q dist/*.whl
	build/wheel/venv/bin/fasttrees predict $(FLIGHTS)/model.txt $(FLIGHTS)/rows.csv -o build/wheel/predictions.csv
	build/wheel/venv/bin/fasttrees predict $(FLIGHTS)/model.txt $(FLIGHTS)/rows.csv -o build/wheel/raw_scores.csv --raw-score
	build/wheel/venv/bin/python $(FLIGHTS)/check.py build/wheel/predictions.csv build/wheel/raw_scores.csv

test-browser: dev ## Open the reports in Debian's chromium
	tests/browser/chromium.sh
	FASTTREES_BROWSER=chromium $(VENV)/bin/pytest tests/browser

test-engines: $(ENGINES_VENV)/.installed ## Test with Spark, Dask and Ray, which it installs, and Java 17 where there is none
	tests/engines/java.sh
	FASTTREES_ALL_ENGINES=1 $(ENGINES_VENV)/bin/pytest tests/engines

test-container: dev ## Build the images of container/Dockerfile and test them as SageMaker would run them
	container/engine.sh
	container/base-image.sh
	docker build --quiet --network host --file container/Dockerfile --target serve --tag $(IMAGE) .
	docker build --quiet --network host --file container/Dockerfile --target train --tag $(TRAIN_IMAGE) .
	FASTTREES_IMAGE=$(IMAGE) FASTTREES_TRAIN_IMAGE=$(TRAIN_IMAGE) $(VENV)/bin/pytest tests/container

bench: dist/.built dev ## Compare speed with other engines, in a short form
	$(VENV)/bin/python -m benchmarks --wheel dist/*.whl

bench-full: dist/.built dev ## Compare everything with all engines and write docs/internals/performance.md
	$(VENV)/bin/python -m benchmarks --wheel dist/*.whl --full

bench-serving: dist/.built dev ## Compare the server with the usual Python container and write docs/internals/serving-performance.md
	$(VENV)/bin/python -m benchmarks.serving --wheel dist/*.whl

compare: dev ## Measure the usual Python container and our server on the flights model, and what follows
	$(VENV)/bin/fasttrees compare $(FLIGHTS)/model.txt $(FLIGHTS)/rows.csv --baseline benchmarks/python-container \
		--output build/comparison

study: dev ## Write docs/internals/study-sa-east-1.md and docs/internals/estudo-sa-east-1.md from the figures of the last study
	$(VENV)/bin/python -m benchmarks.study docs/internals/study-sa-east-1/results.json docs/internals

clean: ## Remove everything that make and the build wrote
	rm -rf $(VENV) $(SANITIZE_VENV) $(ENGINES_VENV) build dist src/*.egg-info .mypy_cache .pytest_cache .ruff_cache .hypothesis
	find src -name '*.cpp' -delete -o -name '*.so' -delete
	find src tests examples benchmarks container -name __pycache__ -prune -exec rm -rf {} +

# The wheel is built from the source distribution, in a directory of its own: so no file of an earlier build can slip in,
# and whoever installs from either gets what was tested.
dist/.built: $(SOURCES) | $(VENV)/.created
	rm -rf dist
	@mkdir -p build
	$(VENV)/bin/python -m build --outdir dist . > build/build.log 2>&1 || { cat build/build.log; exit 1; }
	@touch $@

$(VENV)/.created:
	$(PYTHON) -m venv $(VENV)
	$(VENV)/bin/pip install -q build 'cython>=3.1,<4' 'setuptools>=77'
	@touch $@

# Without the extensions: pip would compile all of them each time, while this compiles what has changed.
$(VENV)/.dev: pyproject.toml | $(VENV)/.created
	FASTTREES_EXTENSIONS=0 $(VENV)/bin/pip install -q --no-build-isolation -e '.[test,lint]'
	@touch $@

$(VENV)/.demo: pyproject.toml $(FLIGHTS)/requirements.txt | $(VENV)/.created
	FASTTREES_EXTENSIONS=0 $(VENV)/bin/pip install -q --no-build-isolation -e '.[pipeline]' -r $(FLIGHTS)/requirements.txt
	@touch $@

build/.extensions: $(COMPILED) | $(VENV)/.created
	@mkdir -p build
	$(VENV)/bin/python setup.py build_ext --inplace > build/extensions.log 2>&1 || { cat build/extensions.log; exit 1; }
	@touch $@

# Without pip's cache, which would keep this build for the next that wants the plain one.
$(SANITIZE_VENV)/.installed: dist/.built
	$(PYTHON) -m venv $(SANITIZE_VENV)
	rm -rf build/sanitize
	FASTTREES_SANITIZE=1 $(SANITIZE_VENV)/bin/pip wheel -q --no-cache-dir --no-deps --wheel-dir build/sanitize dist/*.tar.gz
	$(SANITIZE_VENV)/bin/pip install -q --force-reinstall --no-deps build/sanitize/*.whl
	wheel=$$(echo build/sanitize/*.whl) && $(SANITIZE_VENV)/bin/pip install -q "$$wheel[test]"
	@touch $@

$(ENGINES_VENV)/.installed: dist/.built
	$(PYTHON) -m venv $(ENGINES_VENV)
	$(ENGINES_VENV)/bin/pip install -q --force-reinstall --no-deps dist/*.whl
	wheel=$$(echo dist/*.whl) && $(ENGINES_VENV)/bin/pip install -q "$$wheel[spark,dask,ray,test]"
	@touch $@
