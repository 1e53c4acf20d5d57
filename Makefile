# GNU make 3.81, which macOS still ships, is enough.
PYTHON ?= python3
# The build of PyTorch that uv takes (cpu, cu126, …); empty means the one on PyPI.
TORCH ?=
# The same without uv: an index that has other builds of PyTorch.
TORCH_INDEX ?=
# The uv to install with, in a fraction of pip's time; empty means plain pip.
UV ?= uv
# The number of one notebook; empty means all of them.
NB ?=
# Not empty: slides are printed as PDF too.
PDF ?=
# What students handed in, for make grade.
FOLDER ?=

# The tests side by side, a file per core and a thread each: threads that share cores only wait.
WORKERS ?= -n auto --maxprocesses=4 --dist loadfile --no-loadscope-reorder

VENV := .venv
BIN := $(VENV)/bin
# Looked for when a recipe runs, not when make reads it: the set-up may bring uv in between.
FIND_UV = uv=$$($(if $(UV),command -v "$(UV)" || command -v $(BIN)/uv,false))
# What pip does by itself, uv is told to do: take the index of pip's settings, compare indexes where
# there are two, and compile (else every kernel does, where PYTHONDONTWRITEBYTECODE is set).
PIP_INDEX = $$($(BIN)/python -m pip config list | sed -nE "s/^(:env:|global|install)\.index-url='(.*)'/\2/p" | head -n 1)
# What uv fetches, be it to build with, is checked against the hashes of what the course was tested
# with. Another build of PyTorch is other files, and brings other CUDA libraries.
HASHES = $(if $(TORCH)$(TORCH_INDEX),$(VENV)/hashes.txt,hashes.txt)
OTHER_BUILD = /^[a-z]/ { other = /^(torch|torchvision|triton|cuda|nvidia)[-=]/ } !other
INSTALL = if $(FIND_UV); then index=$(PIP_INDEX); \
		$(if $(TORCH)$(TORCH_INDEX),awk '$(OTHER_BUILD)' hashes.txt > $(HASHES) || exit;) \
		export UV_DEFAULT_INDEX="$${UV_DEFAULT_INDEX:-$$index}"; \
		set -- "$$uv" pip install --python $(BIN)/python --compile-bytecode $(TORCH:%=--torch-backend=%) \
			$(if $(TORCH_INDEX),--index-strategy unsafe-best-match) -b $(HASHES) -c $(HASHES); \
	else set -- $(BIN)/python -m pip install; fi; \
	"$$@" $(if $(TORCH_INDEX),--extra-index-url $(TORCH_INDEX)) -c constraints.txt
# Jupyter refuses to run as root unless told; containers often have no other user.
AS_ROOT = $(if $(filter 0,$(shell id -u)),--allow-root)
NOTEBOOKS = $(sort $(wildcard notebooks/$(NB)*.ipynb))

.PHONY: help lab fresh report test coverage browser lint format notebook claims slides handout assignment grade demo site benchmarks constraints clean distclean

help: ## List these targets
	@awk -F ':.*## ' '/^[a-z]+:.*## / {printf "make %-12s %s\n", $$1, $$2}' Makefile
	@echo
	@echo "Variables: PYTHON=python3.12 (the Python to build $(VENV) with), NB=02 (one notebook);"
	@echo "for set-up only, see README.md: TORCH=cpu (the build of PyTorch, chosen by uv),"
	@echo "TORCH_INDEX=… (an index with other builds of PyTorch), UV= (plain pip instead of uv)."

# Where JupyterLab finds what is set for all who take the course: it asks nobody about news.
lab: export JUPYTER_CONFIG_PATH := $(CURDIR)/course_lib/authoring/jupyter
lab: $(VENV)/.installed ## Set up if need be, then open your copies of the notebooks in JupyterLab
	@$(BIN)/python -m course_lib copies
	$(BIN)/python -m jupyterlab --ip=127.0.0.1 --LabApp.default_url=/lab/tree/notebooks/mine/00_start_here.ipynb $(AS_ROOT)

fresh: $(VENV)/.installed ## Copy one notebook anew (NB=03), and keep your old copy beside it
	@$(if $(NB),,echo "Say which notebook: make fresh NB=03"; exit 2)
	@$(BIN)/python -m course_lib copies --fresh $(NB)

report: $(VENV)/.installed ## Make a report to hand in of your copy of a notebook (NB=09), in build/report
	@$(if $(NB),,echo "Say which notebook: make report NB=09"; exit 2)
	@$(BIN)/python -m course_lib report $(NB)

test: $(VENV)/.installed lint browser ## Set up if need be, then run every test and notebook
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest $(WORKERS) --cov=course_lib --cov-report= \
		--nbval --nbval-current-env --nbval-cell-timeout=600 notebooks tests

coverage: $(VENV)/.installed ## Say which lines of the library its tests miss (no notebook, no browser)
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest $(WORKERS) -m "not browser" --cov=course_lib tests

# The tests in a browser use one that is there, else Playwright's own download.
browser: $(VENV)/.installed ## Find a browser for the tests, else download one
	@for name in chromium chromium-browser google-chrome google-chrome-stable; do \
		if command -v $$name > /dev/null; then exit 0; fi; \
	done; \
	if [ -d "/Applications/Google Chrome.app" ]; then exit 0; fi; \
	$(BIN)/python -m playwright install chromium || echo "No browser: its tests will be skipped."

lint: $(VENV)/.installed ## Check the style of code and notebooks, and the library's types
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/ty check

format: $(VENV)/.installed ## Mend the style of code and notebooks
	$(BIN)/ruff check --fix
	$(BIN)/ruff format

notebook: $(VENV)/.installed ## Execute and clean one notebook (NB=02) or all, ready to commit
	@$(if $(NOTEBOOKS),,echo "No notebook starts with $(NB); see notebooks/."; exit 2)
	$(BIN)/python -m course_lib execute $(NOTEBOOKS)
	@$(MAKE) --no-print-directory claims > /dev/null

claims: $(VENV)/.installed ## List all claims that the notebooks state, in notebooks/CLAIMS.md too
	$(BIN)/python -m course_lib claims $(sort $(wildcard notebooks/*.ipynb)) --write notebooks/CLAIMS.md

slides: $(VENV)/.installed ## Export the notebooks as offline slides to build/slides (PDF=1: printed too)
	$(BIN)/python -m course_lib slides $(NOTEBOOKS) $(if $(PDF),--pdf)

handout: $(VENV)/.installed ## Print AE and VAE on two pages of A4 to give away, in build
	$(BIN)/python -m course_lib handout

assignment: $(VENV)/.installed ## Write notebook 09 to hand out, with its points, to build/assignment
	$(BIN)/python -m course_lib assignment

grade: $(VENV)/.installed ## Grade the notebooks of a folder (FOLDER=handed_in), to build/grades
	@$(if $(FOLDER),,echo "Say which folder: make grade FOLDER=handed_in"; exit 2)
	$(BIN)/python -m course_lib grade "$(FOLDER)"

demo: $(VENV)/.installed ## Write a page to play with, no kernel needed, to build/demo
	$(BIN)/python -m course_lib demo

site: $(VENV)/.installed ## Build a site of all notebooks, offline too, in build/site (slides, if they are built)
	@$(INSTALL) -e ".[site]"
	$(BIN)/python -m course_lib site

benchmarks: $(VENV)/.installed ## Measure speed, memory, and a published curve
	@$(INSTALL) -e ".[benchmarks]"
	for script in tests/benchmarks/*.py; do $(BIN)/python $$script || exit; done

# PyTorch itself pins the CUDA libraries it wants, and its CPU builds want none.
constraints: $(VENV)/.installed ## Pin the newest version of every package, and the hashes of its files
	@$(INSTALL) uv
	echo uv | $(BIN)/uv pip compile --quiet --universal --python-version 3.11 --all-extras \
		--generate-hashes --no-header --no-annotate pyproject.toml - -o pins.part
	(grep '^#' hashes.txt; cat pins.part) > hashes.part
	(grep '^#' constraints.txt; sed -n '/==/ s/ .$$//p' pins.part | grep -v -E '^(cuda|nvidia|triton)') \
		> constraints.part
	rm pins.part
	mv hashes.part hashes.txt
	mv constraints.part constraints.txt

clean: ## Delete what was built, keep the set-up, the data and your notebooks
	rm -rf build .coverage .pytest_cache .ruff_cache .hypothesis
	find course_lib tests notebooks -path notebooks/mine -prune \
		-o \( -name __pycache__ -o -name .ipynb_checkpoints \) -print | xargs rm -rf

distclean: clean ## Delete the set-up too
	rm -rf $(VENV) course_lib.egg-info

NO_UV = TORCH=$(TORCH) needs uv, which is not there; name an index of such builds instead: TORCH_INDEX=… (see README.md).
FAILED = Set-up failed, see above; TORCH_INDEX=… names another index for PyTorch, UV= takes plain pip instead of uv.

# A stamp: nothing is installed again unless the lists of packages change.
$(VENV)/.installed: pyproject.toml constraints.txt hashes.txt
	@$(PYTHON) -c 'import sys; v = sys.version.split()[0]; sys.exit(None if sys.version_info >= (3, 11) else "The course needs Python 3.11 or newer, but $(PYTHON) is " + v + "; name a newer one: make lab PYTHON=python3.12")'
	@$(BIN)/python -m pip --version > /dev/null 2>&1 || $(PYTHON) -m venv --clear $(VENV)
	@awk '/^[a-z]/ { uv = /^uv==/ } uv' hashes.txt > $(VENV)/uv.txt
	@$(FIND_UV) || $(if $(UV),$(BIN)/python -m pip install -qqq --only-binary :all: -r $(VENV)/uv.txt || echo "uv could not be installed: pip takes longer.",true)
	@$(if $(TORCH),$(FIND_UV) || { echo "$(NO_UV)" >&2; exit 2; })
	@$(INSTALL) -e ".[test]" || { echo "$(FAILED)" >&2; exit 2; }
	@touch $@
