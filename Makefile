# What a contributor and CI call. Nothing has to be installed but Go and a C compiler (for the race detector); the linters
# of the documents, lint-api and lint-docker, need Node.js, which fetches them.

# npm packages, pinned with all that they need by .ci/npm/package-lock.json: a linter's new rule is no reason for a red
# build. No script of a package runs at the installation.
npm = .ci/npm/node_modules/.bin

# Tools by version, which the checksum database of Go vouches for. vulndb is Go's vulnerability database as it was on the day in
# its version: raise it now and then.
cyclonedx   = github.com/CycloneDX/cyclonedx-gomod/cmd/cyclonedx-gomod@v1.10.0
govulncheck = golang.org/x/vuln/cmd/govulncheck@v1.9.0
vulndb      = golang.org/x/vulndb@v0.0.0-20261105234957-e22db6528018

# What a release is built by: the Go of go.mod's toolchain, fetched as a module where it is not there, and nothing of the caller's own
# settings of Go. VERSION may be said by the caller.
VERSION       = $(shell git describe --tags --always --dirty)
COMMIT        = $(shell git rev-parse HEAD)
release-go    = $(shell sed -n 's/^toolchain //p' go.mod)
release-env   = GOTOOLCHAIN=$(release-go) GOFLAGS= GOEXPERIMENT= GOAMD64= GOARM64= CGO_ENABLED=0
release-build = $(release-env) go build -trimpath -buildvcs=false -ldflags="-s -w -X parley/app.version=$(VERSION) -X parley/app.commit=$(COMMIT)"

# The S3 server of the tests; its posix backend keeps a bucket in a folder.
versitygw = github.com/versity/versitygw/cmd/versitygw@v1.8.0

# Compose's own check, by whichever of the two is there.
compose = $(shell docker compose version >/dev/null 2>&1 && echo docker compose || echo docker-compose)

# The race detector, in everything but SQLite itself: that is C translated into Go, on memory of its own that the detector does not
# know, and watched it takes more than ten times as long. No package that instantiates generic types may be left out: the linker keeps one
# copy of each instance, and one without the detector makes it report races that are none.
race = -race -gcflags=modernc.org/sqlite/lib=-race=false

# The time for each fuzz target.
FUZZTIME = 60s

.PHONY: help run build reproducible sbom vulns vulns-today vulns-by test test-browser test-clients faults s3-server lint check-types check-docs docs licences lint-api lint-docker lint-alerts lint-deploy fuzz fuzz-short bench bench-check bench-update soak soak-short ci

help: ## list the targets
	@sed -n 's/^\([a-z0-9-]*\):.*## /\1: /p' Makefile

run: ## start the server on http://127.0.0.1:8080
	go run .

build: ## the program as it is released, dist/parley, and beside it the licences of what is in it
	mkdir -p dist
	$(release-build) -o dist/parley .
	@grep --quiet --text --fixed-strings "$(VERSION)" dist/parley || { echo "dist/parley does not know its version"; exit 1; }
	go run ./docs/licences -texts >dist/NOTICES

# The other build is of a copy of the tree, in another folder, with an empty build cache and another path to the modules.
reproducible: build ## is a build in another folder, with another cache, the same byte for byte?
	@copy=$$(mktemp -d) && trap 'rm -rf "$$copy"' EXIT && mkdir "$$copy/tree" && \
	git ls-files -z --cached --others --exclude-standard | tar --create --null --files-from=- --file=- | tar --extract --directory="$$copy/tree" && \
	ln -s "$$(go env GOMODCACHE)" "$$copy/modules" && \
	(cd "$$copy/tree" && GOCACHE="$$copy/cache" GOMODCACHE="$$copy/modules" $(release-build) -o "$$copy/parley" .) && \
	sha256sum dist/parley "$$copy/parley" && cmp dist/parley "$$copy/parley"

sbom: build ## what is in dist/parley, as CycloneDX, in dist/parley.cdx.json
	go run $(cyclonedx) bin -json -licenses -std -noserial -notimestamp -version "$(VERSION)" -output dist/parley.cdx.json dist/parley

vulns: ## does the server call what is known to be vulnerable, by the pinned database?
	$(MAKE) vulns-by DATABASE="file://$$(go mod download -json $(vulndb) | sed -n 's/^\t"Dir": "\(.*\)",$$/\1/p')/data/osv"

vulns-today: $(npm) ## the same by today's database, and the npm packages of the checks; needs the internet
	$(MAKE) vulns-by DATABASE=https://vuln.go.dev
	npm audit --prefix .ci/npm

# As the release is built: of the standard library, what matters is that of its Go.
vulns-by:
	mkdir -p dist
	CGO_ENABLED=0 go run -exec "env GOTOOLCHAIN=$(release-go)" $(govulncheck) -db "$(DATABASE)" -format json . >dist/vulns.json
	go run ./tests/vulns <dist/vulns.json

# Four at once in each package, on two cores too: most of them wait most of the time. Faults and load after the others, one after the
# other: beside them, a server would be held up for longer than it promises on a slow machine.
later = ./tests/faults ./tests/load
test: ## all tests; on MySQL too when PARLEY_TEST_MYSQL_URL names a server
	go test $(race) -shuffle=on -parallel=4 -timeout=18m $$(go list ./... | grep --invert-match --line-regexp $(later:.%=--regexp=parley%))
	go test $(race) -shuffle=on -parallel=6 -p 1 -timeout=18m $(later)

# Without the race detector, which would slow the server and tell nothing that the other tests do not. Several at once: most
# of them wait, for a heartbeat that stays away or for a delay.
test-browser: ## the browser client and the console in Chromium; screenshots in PARLEY_TEST_ARTEFACTS where it is set
	PARLEY_TEST_BROWSER=1 go test -count=1 -parallel=4 ./tests/browser

test-clients: $(npm) ## clients generated in TypeScript, Go, Java and Python, against a server; wants Node.js, Java 17 and Debian's python3-urllib3, -certifi, -dateutil and -six
	PARLEY_TEST_CLIENTS=1 go test -count=1 -parallel=4 ./tests/clients

$(npm): .ci/npm/package-lock.json
	npm ci --prefix .ci/npm --ignore-scripts --no-audit --no-fund
	touch $@

check-types: $(npm) ## parley.d.ts, in a strict TypeScript program
	$(npm)/tsc --noEmit --strict --exactOptionalPropertyTypes --target es2022 --module nodenext --lib es2022,dom,dom.iterable tests/browser/types/use.ts

# Two hours are for slow machines: it takes about 30 minutes on two cores that do nothing else.
faults: ## every fault of docs/guarantees.md at its full length; wants MariaDB and NATS, and root for the full disk
	PARLEY_TEST_FAULTS=long go test $(race) -shuffle=on -timeout=2h -v ./tests/faults

s3-server: ## build the S3 server that the tests of files want, versitygw, into GOBIN, or else where go install puts it
	GOBIN="$(GOBIN)" go install $(versitygw)

lint: ## format, vet, staticcheck, and a go.mod that is complete
	@unformatted=$$(gofmt -l .); if [ -n "$$unformatted" ]; then echo "not gofmt'ed: $$unformatted"; exit 1; fi
	go vet ./...
	go tool staticcheck -checks=all ./...
	go mod tidy -diff

docs: ## write docs/swagger.json and docs/openapi.json anew, and the tables of docs/rights.md
	go generate ./docs
	PARLEY_TEST_WRITE_RIGHTS=1 go test -count=1 -run '^TestPageIsMadeFromTheTable$$' ./tests/rights

licences: ## write docs/licences.md anew, after go.mod has changed
	go run ./docs/licences >docs/licences.md

# In a copy of the tree, so that a check changes nothing.
check-docs: ## are the committed OpenAPI documents those that the code describes?
	@copy=$$(mktemp -d) && trap 'rm -rf "$$copy"' EXIT && \
	git ls-files -z --cached --others --exclude-standard -- go.mod go.sum '*.go' '*.sql' app docs | tar --create --null --files-from=- --file=- | tar --extract --directory="$$copy" && \
	rm "$$copy/docs/swagger.json" "$$copy/docs/openapi.json" && touch "$$copy/docs/swagger.json" "$$copy/docs/openapi.json" && \
	(cd "$$copy" && go generate ./docs >generate.log 2>&1 || { cat generate.log; exit 1; }) && \
	for file in docs/swagger.json docs/openapi.json; do \
		diff --unified "$$file" "$$copy/$$file" || { echo "$$file is not what the code describes: run make docs"; exit 1; }; \
	done && echo "docs/swagger.json and docs/openapi.json are up to date"

lint-api: $(npm) ## Spectral's OpenAPI rules on both documents
	$(npm)/spectral lint --ruleset .spectral.yaml --fail-severity=hint docs/openapi.json docs/swagger.json

# The rules left out are of taste (order, quotes), and the project's name, which older versions of compose refuse.
lint-docker: $(npm) ## Dockerfile and docker-compose.yml
	MYSQL_PASSWORD=x MYSQL_ROOT_PASSWORD=x PARLEY_APP_KEY=x PARLEY_MASTER_KEY=x PARLEY_SIGNING_SECRET=x $(compose) --file docker-compose.yml config --quiet
	$(npm)/dclint --max-warnings=0 docker-compose.yml --disable-rule service-keys-order services-alphabetical-order require-quotes-in-ports require-project-name-field
	$(npm)/dockerfile-utils lint Dockerfile

lint-alerts: ## the alert rules and their unit tests; wants promtool, of Debian's package prometheus
	promtool check rules docs/alerts.yml
	promtool test rules tests/alerts.yml

# The unit's program is none of this machine's, and what systemd only warns of is an error here. Exposure 2.0 of 10 is what a server that
# needs the network can stay under.
lint-deploy: $(npm) ## the systemd unit, by systemd-analyze, and the Kubernetes manifests, against Kubernetes' types
	@unit=$$(mktemp -d)/parley.service && trap 'rm -rf "$$(dirname "$$unit")"' EXIT && \
	sed 's|^ExecStart=.*|ExecStart=/bin/true|' docs/deploy/parley.service >"$$unit" && \
	template=$${unit%.service}@.service && cp "$$unit" "$$template" && install -D -m 644 docs/deploy/nodes.conf "$$template.d/nodes.conf" && \
	said=$$(systemd-analyze verify --man=no "$$unit" "$$template" 2>&1) && [ -z "$$said" ] || { echo "$$said"; exit 1; } && \
	said=$$(systemd-analyze security --offline=yes --threshold=20 --no-pager "$$unit") || { echo "$$said"; exit 1; }; echo "$$said" | tail -n 1
	node .ci/check-kubernetes.mjs docs/deploy/kubernetes

fuzz: ## every fuzz target for FUZZTIME
	@set -e; for file in $$(grep --recursive --files-with-matches --include='*_test.go' '^func Fuzz' .); do \
		for target in $$(sed -n 's/^func \(Fuzz[A-Za-z0-9]*\)(.*/\1/p' $$file); do \
			echo "$$target in $$file"; \
			go test -run '^$$' -fuzz "^$$target\$$" -fuzztime $(FUZZTIME) -fuzzminimizetime 5s $$(dirname $$file); \
		done; \
	done

# By count and not by time: a time that runs out in the middle of an input is now and then reported as a failure. One program a
# package, in which only the code of this module and its JSON decoder count what they reach: go test -fuzz builds all that
# they need anew for it, SQLite too, which takes two minutes.
fuzz-short: ## every fuzz target for 5,000 inputs
	@set -e; work=$$(mktemp -d) && trap 'rm -rf "$$work"' EXIT; \
	for folder in $$(grep --recursive --files-with-matches --include='*_test.go' '^func Fuzz' . | xargs --max-args=1 dirname | sort --unique); do \
		go test -c -o "$$work/fuzz" -gcflags='parley/...=-d=libfuzzer' -gcflags='github.com/go-json-experiment/...=-d=libfuzzer' "$$folder"; \
		for target in $$(sed -n 's/^func \(Fuzz[A-Za-z0-9]*\)(.*/\1/p' "$$folder"/*_test.go); do \
			echo "$$target in $$folder"; \
			(cd "$$folder" && "$$work/fuzz" -test.run '^$$' -test.fuzz "^$$target\$$" -test.fuzztime 5000x -test.fuzzminimizetime 100x -test.fuzzcachedir "$$work/cache"); \
		done; \
	done

# About an hour on two cores; on MySQL too when PARLEY_TEST_MYSQL_URL names a server.
bench: ## the parts by themselves, files beside a bare copy, and the whole under load; docs/performance.md has figures
	go test -run '^$$' -bench . -benchmem ./models ./realtime
	go test -run '^$$' -bench File8MB -benchtime 100x ./tests
	go run ./tests/load
	$(if $(PARLEY_TEST_MYSQL_URL),go run ./tests/load -mysql $(PARLEY_TEST_MYSQL_URL))

# Without the race detector, which allocates by itself; one package after the other, because what is counted is the process's.
bench-check: ## have statements and allocations per operation changed? tests/costs/expected.txt has them; on MySQL too as in test
	go test -count=1 -p 1 -run Costs ./tests/costs ./realtime

bench-update: ## write tests/costs/expected.txt anew; wants PARLEY_TEST_MYSQL_URL, or MySQL's rows stay as they are
	PARLEY_TEST_UPDATE_COSTS=1 $(MAKE) bench-check

# How long make soak goes on; FOR=1m is a short one.
FOR = 30m

soak: ## FOR under load with 5,000 streams: does the server stay as large as it is, and is nothing lost? On SQLite; SOAK='-database mysql' on PARLEY_TEST_MYSQL_URL
	go run ./tests/soak -for $(FOR) $(SOAK)

soak-short: ## the same for a minute, as in CI: a leak for every call is seen in that, a slow one is not
	$(MAKE) soak FOR=1m

ci: lint vulns check-docs check-types lint-api lint-docker lint-alerts lint-deploy bench-check test test-browser test-clients soak-short fuzz-short ## what .ci/run runs
