# One verb per check. Each makes the virtual environment it needs, below build/venv.

PYTHON ?= python3
# Modules are compiled when they are first imported: most of what is installed never is.
INSTALL = -m pip install --quiet --disable-pip-version-check --no-compile --constraint constraints.txt
TRAIN = build/venv/train/bin/python
DEV = build/venv/dev/bin/python
BENCH = build/venv/bench/bin/python
WHEEL = build/venv/wheel/bin/python

# As many processes as there are cores.
PARALLEL = --numprocesses auto --maxprocesses 8

# What measures; the other tests there are of the measuring itself, and belong to the suite.
BENCHMARKS = $(patsubst %,benchmarks/test_%.py,epoch inference scaling budget)

.PHONY: help train test kit trust report bench bench-full bench-check bench-catalogue mutate lint format types docs pages site package clean

help:
	@echo "make train    train on MNIST (or on digits) into build/train"
	@echo "make test     run the parity suite"
	@echo "make kit      test what checks other people's networks"
	@echo "make trust    the long runs: kills, fuzzed files, bad arguments"
	@echo "make report   the same, and write the figures as a page into build/parity"
	@echo "make bench    measure against PyTorch into build/bench"
	@echo "make bench-full  measure against all others, and how time grows, with pictures"
	@echo "make bench-check  tell whether the library has become slower"
	@echo "make bench-catalogue  measure every layer, loss and optimizer beside PyTorch's"
	@echo "make mutate   change the library in thousands of places and see what the suite notices"
	@echo "make lint     check style"
	@echo "make format   format the code"
	@echo "make types    check types"
	@echo "make docs     run the code in the documentation, build it into build/docs and look at it"
	@echo "make package  build the wheel and run a test of every function from it, elsewhere"
	@echo "make clean    remove build"

# For a network of this size a second BLAS thread gains next to nothing, and loses much on a busy
# machine, where the threads wait for each other.
train: export OPENBLAS_NUM_THREADS ?= 1
train: build/venv/train/.made
	$(TRAIN) -m numpy_impl train --output build/train --overwrite

test: build/venv/dev/.made
	$(DEV) -m pytest $(PARALLEL)

kit: build/venv/dev/.made
	$(DEV) -m pytest $(PARALLEL) parity_tests/kit

# Half an hour; what is short enough of it is in `make test`.
trust: build/venv/dev/.made
	$(DEV) -m parity_tests kills --count 500
	$(DEV) -m parity_tests.fuzz --inputs 50000 --jobs 2 --output build/trust/found
	$(DEV) -m parity_tests arguments --examples 20 --markdown build/trust/arguments.md

report: build/venv/dev/.made
	$(DEV) -m pytest parity_tests/parity --parity-report build/parity

bench: build/venv/dev/.made
	$(DEV) -m pytest $(BENCHMARKS)
	$(DEV) -m benchmarks.pictures build/bench/summary.json

# OPTIONS=--short for fewer processes, OPTIONS=--update for a new baseline.
bench-check: build/venv/dev/.made
	$(DEV) -m benchmarks.gate $(OPTIONS)

bench-full: build/venv/bench/.made
	$(BENCH) -m pytest $(BENCHMARKS) --full
	$(BENCH) -m benchmarks.pictures build/bench/summary.json

bench-catalogue: build/venv/dev/.made
	$(DEV) -m benchmarks.catalogue

# ONLY='numpy_impl.layers.*' for a part; KEEP=1 to go on where a run was stopped.
mutate: export OPENBLAS_NUM_THREADS = 1
mutate: export OMP_NUM_THREADS = 1
mutate: build/venv/mutate/.made
	$(if $(KEEP),,rm -rf build/mutation)
	mkdir -p build/mutation
	cp -Rp numpy_impl parity_tests torch_ref pyproject.toml build/mutation
	cd build/mutation && ../venv/mutate/bin/mutmut run $(ONLY)
	cd build/mutation && ../venv/mutate/bin/python -m parity_tests.mutation mutants

lint: build/venv/dev/.made
	$(DEV) -m ruff check .
	$(DEV) -m ruff format --check .

format: build/venv/dev/.made
	$(DEV) -m ruff format .

types: build/venv/dev/.made
	$(DEV) -m mypy

docs: pages site

pages site: export OPENBLAS_NUM_THREADS = 1
pages site: export OMP_NUM_THREADS = 1

# What the documentation says, run as it stands there.
pages: build/venv/dev/.made
	$(DEV) -m pytest README.md docs --ignore docs/test_site.py

# Every page anew: the figures in them are measured when they are read, and one that is no more goes.
site: build/venv/dev/.made
	rm -rf build/docs
	$(DEV) -m sphinx --fail-on-warning --quiet -b html docs build/docs
	$(DEV) -m pytest docs/test_site.py

# The wheel goes into an empty environment, and what is run there cannot see this folder: whatever
# the numbers are, which `make test` has seen of the very same code, all files have to be in it. What
# computes for long and reads nothing is left out.
COMPUTED = test_torch_samples or test_arguments or test_mnist_lockstep

package: build/venv/dev/.made
	rm -rf build/dist build/venv/wheel build/elsewhere
	$(DEV) -m build --outdir build/dist .
	$(PYTHON) -m venv build/venv/wheel
	mkdir -p build/elsewhere
	$(WHEEL) $(INSTALL) build/dist/*.whl
	cd build/elsewhere && ../venv/wheel/bin/numpy-mlp train --dataset xor --epochs 20
	$(WHEEL) $(INSTALL) "$$(echo build/dist/*.whl)[cli,data,interop,parity]" pytest-xdist
	cd build/elsewhere && ../venv/wheel/bin/python -m pytest -W error $(PARALLEL) \
		-p parity_tests.first_parameters --pyargs parity_tests -k 'not ($(COMPUTED))' \
		--ignore-glob='$(CURDIR)/build/venv/wheel/*/kit/tests/*'
	cd build/elsewhere && ../venv/wheel/bin/python -m pytest -W error \
		--pyargs parity_tests.kit.tests.test_command

clean:
	rm -rf build

build/venv/train/.made: EXTRAS = cli,data
build/venv/dev/.made: EXTRAS = dev
build/venv/bench/.made: EXTRAS = bench-full
build/venv/mutate/.made: EXTRAS = mutate
build/venv/%/.made: pyproject.toml constraints.txt
	$(PYTHON) -m venv --clear build/venv/$*
	build/venv/$*/bin/python $(INSTALL) --editable ".[$(EXTRAS)]"
	touch $@
