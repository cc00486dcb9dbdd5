# What people, hooks and CI run. `make help` lists it.

.DEFAULT_GOAL := help
MAKEFLAGS += --no-print-directory
PYTHON_OF_VENV := .venv/bin/python
LOCKS := requirements/dev.lock requirements/gpu.lock requirements/uv.lock

# Exists when .venv is complete; older than a lock file or pyproject.toml means: bring .venv in step.
READY := .venv/ready
DOCS_READY := .venv-docs/ready

.PHONY: help repro demo mlflow ui setup test test-unit coverage lint format docs wheel licences lock \
	bench bench-train bench-predict bench-robust bench-serve bench-flow gpu-check fleet chaos

help: ## list these commands
	@awk -F ':.*## ' '/^##@ / { printf "\n%s\n", substr($$0, 5) } \
		/^[a-z-]+:.*## / { printf "  make %-14s %s\n", $$1, $$2 }' $(firstword $(MAKEFILE_LIST))

##@ Use it

repro: $(READY) ## from raw data to compared models; redoes only what changed
	@$(PYTHON_OF_VENV) -m tasks.repro

demo: $(READY) ## one synthetic study to its report, with the model that comes along
	@$(PYTHON_OF_VENV) -m tasks.demo

mlflow: $(READY) ## the tracking server's pages on this machine (Ctrl-C ends it)
	@sh mlflow/serve

ui: $(READY) ## scheduled retraining: Prefect, MLflow and a worker on this machine (Ctrl-C ends all)
	@$(PYTHON_OF_VENV) -m flows.ui

setup: $(READY) ## build .venv alone; GPU=1 adds CUDA
	@[ "$(GPU)" != 1 ] || [ -e .venv/gpu ] || GPU=1 sh requirements/setup.sh

##@ Work on it

# tests/conftest.py says which tests stay together, and begins with those that take longest.
CORES := -n auto --maxprocesses 4 --no-loadscope-reorder

test: $(READY) ## all tests, on all cores; ARGS="-k split" picks some, on one
	@$(PYTHON_OF_VENV) -m pytest $(or $(ARGS),$(CORES))

test-unit: $(READY) ## the quick tests: no server, pipeline, browser or MLflow store, no seconds of computing
	@$(PYTHON_OF_VENV) -m pytest -m "not slow" $(CORES) $(ARGS)

coverage: $(READY) ## all tests, and what of lvseg/ and tracking/ they run, in all their processes
	@$(PYTHON_OF_VENV) -m coverage erase
	@$(PYTHON_OF_VENV) -m coverage run -m pytest $(CORES) $(ARGS)
	@$(PYTHON_OF_VENV) -m coverage combine --quiet
	@$(PYTHON_OF_VENV) -m coverage report

lint: $(READY) ## ruff, formatting, types, and who imports whom (.importlinter)
	@$(PYTHON_OF_VENV) -m ruff check .
	@$(PYTHON_OF_VENV) -m ruff format --check .
	@$(PYTHON_OF_VENV) -m mypy
	@.venv/bin/lint-imports --no-cache --no-logo

format: $(READY) ## mend formatting and what ruff can mend by itself
	@$(PYTHON_OF_VENV) -m ruff check --fix .
	@$(PYTHON_OF_VENV) -m ruff format .

docs: $(READY) $(DOCS_READY) ## the documentation as a site in site/, every link checked; open site/index.html
	@rm -rf site docs/reference/api
	@$(PYTHON_OF_VENV) docs/site/generate.py
	@.venv-docs/bin/python -m sphinx --quiet --fresh-env --fail-on-warning --builder html --conf-dir docs/site . site
	@.venv-docs/bin/python docs/site/check.py site
	@echo site/index.html

# `build/` is where setuptools would find modules that are gone from the sources, and pack them.
wheel: $(READY) ## dist/*.whl: `lvseg inspect` and `lvseg predict` for machines without a clone
	@rm -rf build dist
	@.venv/bin/uv build --quiet --wheel --offline --no-build-isolation --python $(PYTHON_OF_VENV) --out-dir dist
	@rm -rf build
	@ls dist/*.whl

LICENCES = $(PYTHON_OF_VENV) -m piplicenses --with-system --from=mixed --order=license --ignore-packages lvseg
licences: $(READY) ## the licences of all installed packages, as they state them themselves
	@$(LICENCES)
	@[ ! -e $(DOCS_READY) ] || $(LICENCES) --python=.venv-docs/bin/python

# The lock files hold hashes and no index address. runtime.lock and gpu.lock take their versions from dev.lock.
COMPILE = .venv/bin/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes \
	--no-emit-index-url --no-header --no-annotate
PIPELINE = pyproject.toml --extra training
lock: $(READY) ## renew the lock files to the newest versions that pyproject.toml allows
	@$(COMPILE) --upgrade $(PIPELINE) --extra dev --extra flows --extra server -o requirements/dev.lock
	@$(COMPILE) --upgrade $(PIPELINE) -c requirements/dev.lock -o requirements/runtime.lock
	@$(COMPILE) --upgrade $(PIPELINE) --extra gpu -c requirements/dev.lock -o requirements/gpu.lock
	@echo uv | $(COMPILE) --upgrade - -o requirements/uv.lock
	@$(COMPILE) --upgrade --group docs -o requirements/docs.lock
	@$(COMPILE) -c requirements/dev.lock bench/peers/requirements.txt -o bench/peers/requirements.lock

##@ Measure it

bench: $(READY) ## speed of extraction against the obvious loop and against reading alone
	@$(PYTHON_OF_VENV) -m bench

bench-train: $(READY) ## the U-Net against MONAI's and nnU-Net, in equal time; needs data/ (make repro)
	@$(PYTHON_OF_VENV) -m bench.models.training $(ARGS)

bench-predict: $(READY) ## a study to its ejection fraction, against a MONAI script and the bare network; needs make repro
	@$(PYTHON_OF_VENV) -m bench.models.prediction $(ARGS)

bench-robust: $(READY) ## what other framings and pixels cost the U-Net; ARGS="--model cnn"
	@$(PYTHON_OF_VENV) -m bench.models.robustness $(ARGS)

bench-serve: $(READY) ## the best model served on loopback: requests a second, and broken ones; needs make repro
	@$(PYTHON_OF_VENV) -m bench.models.serving $(ARGS)

gpu-check: $(READY) ## a GPU with our trainings and predictions, on one page; needs make repro; runs on a CPU too
	@$(PYTHON_OF_VENV) -m bench.models.gpu

bench-flow: $(READY) ## what Prefect costs on top of DVC, and what two workers bring; ARGS=--help
	@$(PYTHON_OF_VENV) -m bench.orchestration.flow $(ARGS)

fleet: $(READY) ## a team's set-up on this machine: PostgreSQL, SSH, two workers; needs Debian packages
	@$(PYTHON_OF_VENV) -m bench.orchestration.fleet $(ARGS)

chaos: $(READY) ## faults on purpose, and what is left of them; ARGS="worker-killed" picks some
	@$(PYTHON_OF_VENV) -m bench.orchestration.chaos $(ARGS)

$(READY): $(LOCKS) pyproject.toml requirements/setup.sh requirements/install.sh requirements/dvc.sh $(PYTHON_OF_VENV)
	@GPU="$(GPU)" PYTHON="$(PYTHON)" sh requirements/setup.sh

$(DOCS_READY): requirements/docs.lock requirements/docs.sh requirements/install.sh | $(READY)
	@sh requirements/docs.sh

# Missing, or a link to a Python that is gone: no recipe, but the set-up above then runs.
$(PYTHON_OF_VENV): ;
