# Two commands set everything up: `make train` and `make test`. Both reuse .venv from the second time on.
PYTHON ?= python3
VENV := .venv
STAMP := $(VENV)/.installed
FOLDERS := algorithms analysis benchmarks custom_models envs experiments
CONFIG ?= tuned_configs/cartpole-ppo.yaml
# Where links of the site to source files lead; empty: to the files beside site/.
REPOSITORY_URL ?=

# Tests start a hundred processes, each of which would compile everything anew.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: install train test slow lint type docs figures gallery notebooks $(TYPES) clean

install: $(STAMP)

# Reinstalled only when the declared dependencies change.
$(STAMP): pyproject.toml constraints.txt
	@echo "installing into $(VENV), some minutes …"
	$(PYTHON) -m venv "$(VENV)"
	"$(VENV)/bin/python" -m pip install --disable-pip-version-check -q -c constraints.txt -e ".[dev,docs]"
	touch "$(STAMP)"

# --force moves an earlier run of that name aside; nothing is lost.
train: install
	"$(VENV)/bin/rllib" train file $(CONFIG) --force

test: install
	"$(VENV)/bin/python" -m pytest

slow: install
	"$(VENV)/bin/python" -m pytest -m slow

lint: install
	"$(VENV)/bin/ruff" check .
	"$(VENV)/bin/ruff" format --check .

# mypy and mkdocs read no editable install: they get the folders as links, by the name they are imported by.
TYPES := build/types/rllib_zoo

$(TYPES): install
	mkdir -p "$(TYPES)"
	ln -sfn $(foreach f,$(FOLDERS),../../../$(f)) ../../../rllib_zoo/__init__.py ../../../rllib_zoo/class_path.py "$(TYPES)"

type: $(TYPES)
	"$(VENV)/bin/mypy"

# The README's images, from results/ and the Pong agent in it.
figures: install
	"$(VENV)/bin/python" -m rllib_zoo.experiments.studies.readme_figures

# The agents' cards, and docs/gallery.md with a recording of each.
gallery: install
	"$(VENV)/bin/rllib" agent card results/agents/* --license apache-2.0
	"$(VENV)/bin/python" -m rllib_zoo.benchmarks.pages.gallery

# The pages of docs/ and the docstrings as a site in site/; a dead link fails. (--quiet would switch --strict off.)
docs: $(TYPES)
	NO_MKDOCS_2_WARNING=1 REPOSITORY_URL="$(REPOSITORY_URL)" "$(VENV)/bin/mkdocs" build --strict

# Their outputs, stored in them.
notebooks: $(STAMP)
	"$(VENV)/bin/jupyter" execute --inplace notebooks/*.ipynb

clean:
	rm -rf "$(VENV)"
