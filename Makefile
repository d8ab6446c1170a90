# Runs with git, make and Go. `make help` lists the targets.
SHELL := bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:

comma := ,
# No VCS stamp: a clone may belong to another user, or be no clone at all.
# No MessagePack: the router would link an encoder of 6 MiB for it, and nobody here speaks it.
# Pure Go, save for the race detector and for what TAGS=pkcs11 adds.
tags := nomsgpack$(if $(TAGS),$(comma)$(TAGS))
ours := -buildvcs=false -tags=$(tags)
export GOFLAGS := $(strip $(filter-out $(ours),$(GOFLAGS)) $(ours))
export CGO_ENABLED := $(if $(findstring pkcs11,$(TAGS)),1,0)
hsm := CGO_ENABLED=1 GOFLAGS='$(GOFLAGS),pkcs11'

tool = go tool -modfile=tools/$(1)/go.mod $(1)

.PHONY: help
help: ## list the targets
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-9s %s\n", $$1, $$2}'

.PHONY: build
build: ## build bin/eidgate; TAGS=pkcs11 for keys in an HSM, which needs a C compiler
	@go build -trimpath -ldflags='-s -w' -o bin/eidgate ./cmd/eidgate

.PHONY: demo
demo: build ## run the gateway, two portals and a source of each kind here; ARGS="--json" and the like
	@exec bin/eidgate demo $(ARGS)

# The race detector watches our code, the standard library and nearly every other library. SQLite is translated C with memory
# of its own: watched, it takes five times as long. Argon2id fills megabytes, which the detector would shadow with more.
unwatched = $(foreach part,modernc.org/sqlite/lib modernc.org/libc/... modernc.org/memory golang.org/x/crypto/argon2,'-gcflags=$(part)=-race=false -d=checkptr=0')

# The ends of the system are tried while the units are: they wait more than they work. `make check` vets, the tests included.
try = go test -vet=off
.PHONY: test
test: deps ## run every test: units under the race detector, pages in a browser, the model, and end to end
	@$(MAKE) --no-print-directory --jobs=2 ends units pages model

.PHONY: ends units pages model
ends:
	@$(try) -count=1 -timeout=35m -parallel=4 ./cmd/eidgate
units:
	@$(hsm) $(try) -race $(unwatched) -timeout=30m -skip '^TestBrowser$$' $$(go list $(or $(PKG),./...) | grep -vx eidgate/cmd/eidgate)
pages:
	@$(try) -count=1 -timeout=20m -run '^TestBrowser$$' ./web
model:
	@$(try) -count=1 -run '^Test(EveryOrder|Model)' ./provider

.PHONY: interop
interop: build ## sign in with real relying parties; writes docs/interop.md
	@scripts/interop-deps.sh
	@go test -tags=interop -count=1 -timeout=5m ./interop

SCALE ?= 10000,1000000
.PHONY: bench
bench: build ## measure what each operation costs; writes docs/performance.md; BENCHTIME=2s a slice, SCALE= without the million people, PROFILE=dir for profiles instead
	@go build -trimpath -o bin/ ./bench/...
	@bin/bench $(if $(PROFILE),profile -out $(PROFILE),measure -out docs/performance.md) -scale '$(SCALE)' -slice $(or $(BENCHTIME),500ms)

.PHONY: load
load: build ## put mixed work on the gateway: WORKERS=50 DURATION=30s, REDIS=on for state in Redis
	@go build -trimpath -o bin/ ./bench
	@bin/bench load -workers $(or $(WORKERS),50) -duration $(or $(DURATION),30s) -redis $(or $(REDIS),off)

.PHONY: deps
deps: ## see to the compiler and the browser that the tests need
	@scripts/deps.sh

.PHONY: check
check: format vet lint generated vuln ## look without running: format, vet, lint, generated code, vulnerabilities
	@go mod verify

.PHONY: format vet lint generated vuln
format:
	@unformatted=$$(gofmt -l .); if [[ -n $$unformatted ]]; then echo "gofmt -w is due: $$unformatted" >&2; exit 1; fi
vet:
	@go vet ./...
	@$(hsm) go vet ./keys/... ./cmd/...
lint:
	@$(call tool,golangci-lint) run --allow-parallel-runners
	@$(hsm) $(call tool,golangci-lint) run --allow-parallel-runners --build-tags=nomsgpack,pkcs11 ./keys/pkcs11/...
generated:
	@$(call tool,sqlc) diff -f store/sqlstore/sqlc.yaml || { echo "make generate is due" >&2; exit 1; }
vuln:
	@scripts/vuln.sh

.PHONY: generate
generate: ## write the Go code of the SQL queries
	@$(call tool,sqlc) generate -f store/sqlstore/sqlc.yaml

.PHONY: fuzz
fuzz: ## fuzz what reads hostile input, FUZZTIME (20s) for each target
	@scripts/fuzz.sh $(or $(FUZZTIME),20s)

.PHONY: clean
clean: ## remove what was built and the demo's data
	@rm -rf bin demo-data
