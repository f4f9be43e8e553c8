# The words of this repository: `make` lists them. People, hooks and CI call the same ones.
RUN := ./tools/run
ARGS ?=
KEEP ?=
JOBS ?= 2

.PHONY: help demo test lint format bench in-place
.DEFAULT_GOAL := help

help: ## list the words
	@awk 'BEGIN {FS = ":.*## "} /^[a-z-]+:.*## / {printf "  make %-10s %s\n", $$1, $$2}' Makefile

demo: ## the whole loop, told step by step; KEEP=1 leaves the service up
	@$(RUN) python tools/demo.py $(if $(KEEP),--keep) $(ARGS)

test: ## every test; ARGS goes to pytest (ARGS="-k bake")
	@$(RUN) python tools/timed.py test pytest -n $(JOBS) --dist loadfile --no-loadscope-reorder $(ARGS)

lint: ## style, types, secrets, schemas: the pre-commit hooks on every file
	@$(RUN) pre-commit run --all-files $(ARGS)

format: ## put the code into the one style
	@$(RUN) ruff format . && $(RUN) ruff check --fix .

bench: ## measure, and keep the numbers in build/bench
	@$(RUN) python tools/bench.py $(ARGS)

in-place: ## run a verb of template/ on its live source, state in build/in-place (ARGS="train")
	@$(RUN) python tools/in_place.py $(ARGS)
