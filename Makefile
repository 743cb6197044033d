# What a contributor and CI call. Nothing has to be installed but Go and a C compiler (for the race detector); the linters
# of the documents, lint-api and lint-docker, need Node.js, which fetches them.

# npm packages, pinned: a linter's new rule is no reason for a red build.
spectral        = npx --yes @stoplight/spectral-cli@6.16.3
dclint          = npx --yes dclint@3.1.0
dockerfile-lint = npx --yes dockerfile-utils@0.16.3 lint
tsc             = npx --yes --package typescript@5.9.3 tsc

# The S3 server of the tests; its posix backend keeps a bucket in a folder.
versitygw = github.com/versity/versitygw/cmd/versitygw@v1.8.0

# Compose's own check, by whichever of the two is there.
compose = $(shell docker compose version >/dev/null 2>&1 && echo docker compose || echo docker-compose)

# The time for each fuzz target.
FUZZTIME = 60s

.PHONY: help run test test-browser faults s3-server lint check-types check-docs docs lint-api lint-docker fuzz fuzz-short bench ci

help: ## list the targets
	@sed -n 's/^\([a-z0-9-]*\):.*## /\1: /p' Makefile

run: ## start the server on http://127.0.0.1:8080
	go run .

# Four at once in each package, on two cores too: most of them wait most of the time.
test: ## all tests; on MySQL too when PARLEY_TEST_MYSQL_URL names a server
	go test -race -shuffle=on -parallel=4 -timeout=18m ./...

# Without the race detector, which would slow the server and tell nothing that the other tests do not. Several at once: most
# of them wait, for a heartbeat that stays away or for a delay.
test-browser: ## the browser client and the console in Chromium; screenshots in PARLEY_TEST_ARTEFACTS where it is set
	PARLEY_TEST_BROWSER=1 go test -count=1 -parallel=4 ./tests/browser

check-types: ## parley.d.ts, in a strict TypeScript program
	$(tsc) --noEmit --strict --exactOptionalPropertyTypes --target es2022 --module nodenext --lib es2022,dom,dom.iterable tests/browser/types/use.ts

# Two hours are for slow machines: it takes about 30 minutes on two cores that do nothing else.
faults: ## every fault of docs/guarantees.md at its full length; wants MariaDB and NATS, and root for the full disk
	PARLEY_TEST_FAULTS=long go test -race -shuffle=on -timeout=2h -v ./tests/faults

s3-server: ## build the S3 server that the tests of files want, versitygw, into GOBIN, or else where go install puts it
	GOBIN="$(GOBIN)" go install $(versitygw)

lint: ## format, vet, staticcheck, and a go.mod that is complete
	@unformatted=$$(gofmt -l .); if [ -n "$$unformatted" ]; then echo "not gofmt'ed: $$unformatted"; exit 1; fi
	go vet ./...
	go tool staticcheck -checks=all ./...
	go mod tidy -diff

docs: ## write docs/swagger.json and docs/openapi.json anew
	go generate ./docs

# In a copy of the tree, so that a check changes nothing.
check-docs: ## are the committed OpenAPI documents those that the code describes?
	@copy=$$(mktemp -d) && trap 'rm -rf "$$copy"' EXIT && \
	git ls-files -z --cached --others --exclude-standard -- go.mod go.sum '*.go' '*.sql' app docs | tar --create --null --files-from=- --file=- | tar --extract --directory="$$copy" && \
	rm "$$copy/docs/swagger.json" "$$copy/docs/openapi.json" && touch "$$copy/docs/swagger.json" "$$copy/docs/openapi.json" && \
	(cd "$$copy" && go generate ./docs >generate.log 2>&1 || { cat generate.log; exit 1; }) && \
	for file in docs/swagger.json docs/openapi.json; do \
		diff --unified "$$file" "$$copy/$$file" || { echo "$$file is not what the code describes: run make docs"; exit 1; }; \
	done && echo "docs/swagger.json and docs/openapi.json are up to date"

lint-api: ## Spectral's OpenAPI rules on both documents
	$(spectral) lint --ruleset .spectral.yaml --fail-severity=hint docs/openapi.json docs/swagger.json

# The rules left out are of taste (order, quotes), and the project's name, which older versions of compose refuse.
lint-docker: ## Dockerfile and docker-compose.yml
	MYSQL_PASSWORD=x MYSQL_ROOT_PASSWORD=x PARLEY_APP_KEY=x PARLEY_MASTER_KEY=x PARLEY_SIGNING_SECRET=x $(compose) --file docker-compose.yml config --quiet
	$(dclint) --max-warnings=0 docker-compose.yml --disable-rule service-keys-order services-alphabetical-order require-quotes-in-ports require-project-name-field
	$(dockerfile-lint) Dockerfile

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

bench: ## the parts by themselves, and files beside a bare copy; tests/load measures the whole
	go test -run '^$$' -bench . -benchmem ./models ./realtime
	go test -run '^$$' -bench File8MB -benchtime 100x ./tests

ci: lint check-docs check-types lint-api lint-docker test test-browser fuzz-short ## what .ci/run runs
