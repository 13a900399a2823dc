# Each target is what a person could type. `make help` lists them.
LAYERS ?=
T ?=
PYTHON := .venv/bin/python
PLAYBOOK := .venv/bin/ansible-playbook
.DEFAULT_GOAL := help
.PHONY: help bootstrap lab site status capacity bench bench-storage chaos-postgresql molecule mirror lab-down test test-fast test-all lint docs lock lock-upstream clean

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-14s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

bootstrap:
	@lab/bootstrap

lab: bootstrap ## turn this machine into a cloud and raise the platform on it (LAYERS=overlay for a part)
	@$(PYTHON) -m lab.site raise $(if $(LAYERS),--layers $(LAYERS))

site: bootstrap ## run site.yml on the lab again
	@$(PYTHON) -m lab.site site $(if $(LAYERS),--layers $(LAYERS))

status: bootstrap ## one JSON document about the lab's health on stdout (make -s status)
	@$(PYTHON) -m lab.site status

capacity: bootstrap ## one JSON document of who holds which GPU of the lab on stdout (make -s capacity)
	@$(PYTHON) -m lab.site capacity

bench: bootstrap ## one JSON document of measured figures on stdout (make -s bench PARTS="overlay database")
	@$(PYTHON) -m lab.bench $(if $(PARTS),--parts $(PARTS))

bench-storage: bootstrap ## the shared filesystem against a guest's local disk, one JSON document on stdout
	@$(PYTHON) -m lab.storage

chaos-postgresql: bootstrap ## let faults happen to a PostgreSQL cluster (ROUNDS=1, KINDS=process,network, RESULTS=FILE), one JSON document on stdout
	@$(PYTHON) -m lab.chaos $(if $(ROUNDS),--rounds $(ROUNDS)) $(if $(KINDS),--kinds $(KINDS)) $(if $(RESULTS),--results $(RESULTS))

molecule: bootstrap ## the scenario of extensions/molecule: a database cluster on guests of its own
	@$(PYTHON) -m pytest --everything tests/platform/test_molecule.py

mirror: bootstrap ## build every artifact of the lab at every version of the lock; make lab builds those that a site needs
	@$(PYTHON) -m lab.mirror build

lab-down: bootstrap ## remove the lab from this machine; what was built stays cached
	@$(PYTHON) -m lab down

test: bootstrap ## every tier of tests, raising the lab when they need it (T=cloud for a component)
	@$(PYTHON) -m pytest $(if $(T),-k '$(T)')

test-fast: bootstrap ## lint, unit tests and sanity: the inner loop
	@$(PYTHON) -m pytest tests/unit tests/lint tests/sanity $(if $(T),-k '$(T)')

test-all: bootstrap ## everything, rotation groups included, recorded in docs/test-records (T=storage for a component)
	@$(PYTHON) -m pytest --everything --record $(if $(T),-k '$(T)')

lint: bootstrap ## the linters alone
	@$(PYTHON) -m pytest tests/lint

docs: bootstrap ## render the roles' READMEs and the docs site
	@$(PYTHON) -m docs.render

lock: bootstrap ## resolve pyproject.toml into requirements.lock
	@.venv/bin/uv pip compile -q --no-annotate --no-header --generate-hashes --no-emit-index-url --no-emit-find-links --group test pyproject.toml -o requirements.lock

lock-upstream: bootstrap ## write the upstream digests of all artifacts (on a connected machine)
	@$(PYTHON) -m lab.mirror lock-upstream

clean: ## remove what make made in this folder
	@rm -rf .venv .ansible build .mypy_cache .ruff_cache .pytest_cache ai_infn-platform-*.tar.gz
