# make run    builds and starts a pair with a name server on loopback
# make test   every test that needs nothing but Go
# make help   the rest

GO      ?= go
VERSION ?= $(shell git describe --tags --always --dirty 2>/dev/null || echo unknown)
LDFLAGS := -s -w -X main.version=$(VERSION)
# No -buildvcs: VERSION says it already, and a copy of the sources without .git makes the same bytes. Nobody speaks HTTP/2
# to /metrics: without it the daemon has 0.4 MB less.
# What is not called often is smaller without inlining: 119 KB of 12 MB.
SMALL   := -gcflags=net/http=-l -gcflags=github.com/vishvananda/netlink=-l -gcflags=pairmq/daemon/config=-l
BUILD   := CGO_ENABLED=0 $(GO) build -trimpath -buildvcs=false -tags nethttpomithttp2 $(SMALL) -ldflags '$(LDFLAGS)'
TOOL    := $(GO) tool -modfile=tools/toolchain/go.mod
FUZZTIME ?= 20s
RUNDIR  ?= run

.PHONY: build run demo test test-386 test-arm soak faults sim chaos links wear attack portscan lab lab-kernel lab-debian lab-full race lint vuln vuln-refresh cross metrics package package-twice package-check pkgtest rpmtest budget fuzz fuzz-long interop mqadmin bench generate help clean

build: ## bin/pairmqd and bin/pairmq for this machine
	@mkdir -p bin
	$(BUILD) -o bin/pairmqd ./daemon
	$(BUILD) -o bin/pairmq ./tools/ctl

run: build ## a pair on loopback: name server (9876) and master (10911) in one process, slave (10921); stores in run/
	tools/run.sh $(RUNDIR)

demo: build ## the story of a pair in a minute: the master dies, the slave takes over, the old master comes back
	tools/demo.sh $(RUNDIR)/demo

test: ## every test that needs nothing but Go
	$(GO) test -count=1 ./...

test-386: ## the same where a word has 32 bits
	CGO_ENABLED=0 GOARCH=386 $(GO) test -count=1 ./hal/... ./internal/... ./store/... ./replica/... ./daemon/... ./discovery/...

test-arm: ## tests that 32 bits or ARM could break, as ARMv6 and ARMv7 under emulation (ARMFLAGS); needs qemu-user-static
	tools/arm.sh

FAULTS := PowerCut|LosesPower|Fail|Full|Fills|Budget|Ballast|Aside|Visible|Kill|Mended|Damage|Torn|Cut|Unreadable|ReadOnly|Slow|Lazy|Golden|Format|Again|Lives|Checks|Erased|OldRecords|Reused|Missing|Lost|Rebuild|Anew|Idle|Levels|Ages|Classes|Strict
faults: ## what of "make test" does to the disk what flash and power do, with the number of faults of each
	$(GO) test -count=1 -v ./store/... ./hal/... -run '$(FAULTS)' >faults.log; ok=$$?; \
	grep -E '^(---|    ---|ok|FAIL|panic)|_test.go:[0-9]+: ' faults.log; exit $$ok

SIMFLAGS ?= -sim.seeds=10000
sim: ## whole pairs on simulated disks, network and clock: 10000 of each kind (SIMFLAGS)
	$(GO) test ./replica -count=1 -v -timeout 2h -run '^Test(Pairs|Roles)$$' $(SIMFLAGS)

CHAOSFLAGS ?= -seed 1
chaos: build ## a pair of real brokers in network namespaces, mistreated for 3 minutes (CHAOSFLAGS); needs root, iproute2, nftables
	$(GO) build -o bin/chaos ./tools/chaos
	bin/chaos -bin bin/pairmqd $(CHAOSFLAGS)

links: build ## how soon clients find a broker whose link was down, pulled out or missing, or whose address or route has changed; needs root, iproute2, nftables
	$(GO) build -o bin/chaos ./tools/chaos
	bin/chaos -bin bin/pairmqd -links

wear: build ## is what is written to flash within its budget? measured on loop devices in 3 minutes; needs root (WEARFLAGS)
	$(GO) build -o bin/bench ./tools/bench
	bin/bench -wear $(WEARFLAGS)

ATTACKFLAGS ?=
attack: build ## what strangers could do to a daemon with 64 MiB, while a client works beside it, 6 minutes (ATTACKFLAGS; PAIRMQ_WRITE=1 writes docs/attacks.md); needs root, iproute2, e2fsprogs
	$(GO) build -o bin/attack ./tools/attack
	bin/attack $(ATTACKFLAGS)

portscan: build ## what each open port of a fresh install answers to a stranger (PAIRMQ_WRITE=1 writes it into SECURITY.md); needs root, iproute2, e2fsprogs
	$(GO) build -o bin/attack ./tools/attack
	bin/attack -portscan

soak: build ## 1000 clients and messages of 4 MiB with 64 MiB of memory, for 2 minutes (SOAKFLAGS); needs root
	$(GO) build -o bin/soak ./tools/soak
	bin/soak $(SOAKFLAGS)

LABFLAGS ?= -seed 1
lab: lab-kernel lab-debian ## power cuts of emulated machines under load, of a kernel alone and of a Debian with the package; needs root, installs qemu and others

lab-kernel: build ## the lab with nothing but a real kernel and the daemon: power cuts, lost and failing writes, 5 minutes (LABFLAGS)
	CGO_ENABLED=0 $(GO) build -trimpath -ldflags '-s -w' -o bin/labguest ./tools/lab/guest
	$(GO) build -o bin/lab ./tools/lab
	bin/lab $(LABFLAGS)

SYSTEMS     ?= amd64
SYSTEMFLAGS ?= -seed 1
lab-debian: ## the lab with the package: a Debian that systemd boots, power cuts, an upgrade (SYSTEMS, SYSTEMFLAGS)
	$(GO) build -o bin/lab ./tools/lab
	tools/lab/packages.sh $(SYSTEMS)
	bin/lab -debian "$(SYSTEMS)" $(SYSTEMFLAGS)

lab-full: ## all of the lab, on amd64, arm64 and armhf, and pairs of machines, two hours; writes docs/appliance.md, and holds what it measured to its budgets (SYSTEMFLAGS)
	$(MAKE) --no-print-directory lab-kernel
	$(MAKE) --no-print-directory lab-debian SYSTEMS='amd64 arm64 armhf' SYSTEMFLAGS='$(SYSTEMFLAGS) -full -record docs/appliance.md -figures bin/lab-figures'
	$(GO) build -o bin/budget ./tools/budget
	bin/budget -figures bin/lab-figures tools/budget/budgets.json

race: ## the same under the race detector
	$(GO) test -count=1 -race ./...

lint: ## gofmt, go vet, staticcheck
	@test -z "$$(gofmt -l $$(git ls-files '*.go'))" || { echo "gofmt would change:"; gofmt -l $$(git ls-files '*.go'); exit 1; }
	$(GO) vet ./...
	$(TOOL) staticcheck ./...
	cd tools/interop && $(GO) vet ./...
	cd tools/package && $(GO) vet ./...
	cd tools/package/xz && $(GO) vet ./...

vuln: ## does what is built call anything that is known to be vulnerable? by the list in tools/vuln, or by a database (VULNDB=https://vuln.go.dev)
	$(GO) run ./tools/vuln $(if $(VULNDB),-db $(VULNDB))

VULNSOURCE ?= https://vuln.go.dev
vuln-refresh: ## that list anew, from a database, or a clone of github.com/golang/vulndb (VULNSOURCE)
	$(GO) run ./tools/vuln -refresh $(VULNSOURCE)

metrics: ## are the metrics and alarms as Prometheus wants them? needs promtool (of Debian's package prometheus)
	@command -v promtool >/dev/null || { echo "promtool is missing: apt-get install prometheus, or put it into PATH"; exit 1; }
	PROMTOOL=promtool $(GO) test -count=1 -v ./daemon -run '^TestWhatADaemonShows$$'
	promtool check rules packaging/prometheus/pairmq.rules.yml
	promtool test rules packaging/prometheus/tests.yml

CROSS := linux-amd64 linux-arm64 linux-armv6 linux-armv7 linux-riscv64
cross: $(CROSS:%=dist/%) ## stripped binaries for every architecture, in dist/
	GOARCH=386 $(GO) vet ./...

dist/linux-armv%: FORCE
	@mkdir -p $@
	GOOS=linux GOARCH=arm GOARM=$* $(BUILD) -o $@/pairmqd ./daemon
	GOOS=linux GOARCH=arm GOARM=$* $(BUILD) -o $@/pairmq ./tools/ctl

dist/linux-%: FORCE
	@mkdir -p $@
	GOOS=linux GOARCH=$* $(BUILD) -o $@/pairmqd ./daemon
	GOOS=linux GOARCH=$* $(BUILD) -o $@/pairmq ./tools/ctl

# The date of a package is that of its commit, and nothing of the machine gets in: the same sources, the same bytes.
DATE    ?= $(shell git log -1 --format=%ct 2>/dev/null || echo 0)
COMMITS ?= $(shell git rev-list --count HEAD 2>/dev/null || echo 0)
package: build cross ## deb, rpm, ipk and tar.gz for every architecture, in dist/; without root
	cd tools/package && $(GO) build -o $(CURDIR)/bin/package .
	bin/package -version '$(VERSION)' -commits $(COMMITS) -date $(DATE)

package-twice: package ## the packages again from nothing, an empty build cache too: are they the same bytes? (TWICE)
	packaging/twice.sh

package-check: package ## are the packages as they should be? Go tests, lintian, rpmlint, systemd-analyze
	cd tools/package && $(GO) test -count=1 ./...
	cd tools/package/xz && $(GO) test -count=1 ./...
	packaging/check.sh

pkgtest: package ## what an owner does with the package, in a container that systemd boots; needs root, mmdebstrap, systemd-container
	tools/pkgtest.sh

rpmtest: package ## what an owner does with the rpm, by rpm itself in a Debian's root; after pkgtest, which makes that; needs root, rpm
	tools/rpmtest.sh

budget: package ## are binaries, packages and idle daemons within their budgets? (FIGURES: a file of what other machines measured)
	$(GO) build -o bin/budget ./tools/budget
	bin/budget tools/budget/budgets.json dist
	GOARCH=386 $(BUILD) -o bin/pairmqd-386 ./daemon
	bin/budget -measure amd64=dist/linux-amd64/pairmqd,386=bin/pairmqd-386 tools/budget/budgets.json
	$(if $(FIGURES),bin/budget -figures $(FIGURES) tools/budget/budgets.json)

fuzz: ## every fuzz target for FUZZTIME (20s)
	$(GO) run ./tools/fuzz -time $(FUZZTIME) $(FUZZFLAGS)

fuzz-long: ## every fuzz target for ten minutes; writes docs/fuzzing.md and the corpora; FUZZFLAGS='-jobs 8 -run store/'
	$(GO) run ./tools/fuzz -time 10m -write $(FUZZFLAGS)

interop: build ## unmodified Java and Go clients against pairmqd; needs JDK 17 and Maven, and root for a disk that is frozen
	cd tools/interop && PAIRMQD=$(CURDIR)/bin/pairmqd PAIRMQ=$(CURDIR)/bin/pairmq $(GO) test -count=1 -v -timeout 60m ./...

mqadmin: build ## every command of mqadmin against pairmqd and against Apache's own; writes docs/mqadmin.md; needs JDK 17 and Maven
	cd tools/interop && PAIRMQ_WRITE=1 PAIRMQD=$(CURDIR)/bin/pairmqd PAIRMQ=$(CURDIR)/bin/pairmq $(GO) test -count=1 -v -timeout 45m . -run '^TestMQAdmin$$'

bench: build ## pairmqd against Apache RocketMQ on this machine; writes docs/benchmarks.md; needs JDK 17 and Maven
	GOARCH=386 $(BUILD) -o bin/pairmqd-386 ./daemon
	$(GO) run ./tools/bench $(BENCHFLAGS)

generate: ## the msgp codecs, the installed configuration, the tables of metrics and of request codes, and the man page of pairmq
	$(GO) generate ./...
	$(GO) run ./daemon --print-config >packaging/pairmqd.conf
	PAIRMQ_WRITE=1 $(GO) test ./daemon/metrics -count=1 -run TestTheTableIsUpToDate
	PAIRMQ_WRITE=1 $(GO) test ./daemon -count=1 -run TestTheRequestCodesAreListed
	PAIRMQ_WRITE=1 $(GO) test ./tools/ctl -count=1 -run TestTheManPageIsUpToDate

help: ## this list
	@sed -n 's/^\([a-z0-9-]*\):.*## /\1\t/p' Makefile | expand -t 16

clean: ## forget what was built
	rm -rf bin dist

FORCE:
