package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"os/exec"
	"slices"
	"strings"
	"testing"
)

// house is who may import whom inside the module: docs/architecture.md draws
// it. A package that is not listed may import nothing of ours.
func house() map[string][]string {
	pure := []string{"store/record", "store/table"}
	return map[string][]string{
		"daemon": {"daemon/broker", "daemon/config", "daemon/flight", "daemon/machine", "daemon/metrics", "daemon/rights", "discovery", "discovery/nameserver", "discovery/nameserver/statefile", "hal/board", "hal/disk", "hal/link", "hal/sandbox", "hal/watchdog", "internal/acl", "internal/certs", "internal/lifecycle",
			"internal/meter", "internal/remoting", "internal/warner", "replica", "replica/epoch", "replica/pair", "replica/proof", "store", "store/folder", "store/reset", "store/table"},
		"daemon/broker":                  append(pure, "daemon/broker/pop", "daemon/broker/schedule", "daemon/broker/sql92", "daemon/broker/timer", "daemon/broker/transaction", "internal/acl", "internal/auth", "internal/javajson", "internal/lifecycle", "internal/meter", "internal/remoting", "internal/warner", "store", "store/folder", "store/index"),
		"daemon/broker/pop":              append(pure, "internal/lifecycle", "internal/warner", "store", "store/index"),
		"daemon/broker/schedule":         append(pure, "internal/lifecycle", "store"),
		"daemon/broker/timer":            append(pure, "daemon/broker/schedule", "internal/lifecycle", "internal/warner", "store", "store/index"),
		"daemon/broker/transaction":      append(pure, "internal/lifecycle", "internal/warner", "store", "store/index"),
		"daemon/config":                  nil,
		"daemon/rights":                  {"internal/acl", "internal/remoting", "internal/warner"},
		"daemon/machine":                 {"hal/board"},
		"discovery":                      {"internal/javajson", "internal/lifecycle", "internal/remoting", "store/table"},
		"discovery/nameserver":           {"discovery", "internal/remoting", "internal/warner", "store/table"},
		"discovery/nameserver/statefile": {"discovery/nameserver", "hal/disk"},
		"daemon/metrics":                 {"internal/meter"},
		"internal/acl":                   {"internal/auth", "internal/remoting", "internal/warner"},
		"internal/certs":                 {"internal/warner"},
		"internal/remoting":              {"internal/meter", "internal/spare", "internal/warner"},
		"replica":                        {"internal/javajson", "internal/lifecycle", "internal/meter", "internal/remoting", "internal/warner", "replica/epoch", "replica/proof", "store/table"},
		"replica/pair":                   {"internal/remoting", "internal/warner", "replica/epoch", "replica/proof"},
		"store":                          append(pure, "hal/disk", "internal/lifecycle", "internal/meter", "internal/spare", "store/commitlog", "store/index"),
		"store/commitlog":                {"hal/disk", "internal/meter"},
		"store/index":                    {"hal/disk", "store/table"},
		"store/archive":                  {"store/record"},
		"store/folder":                   {"hal/disk", "store", "store/index", "store/record"},
		"store/reset":                    {"hal/disk", "store/index"},
		"hal/disk/diskfault":             {"hal/disk"},
		"tools/ctl":                      append(pure, "daemon/config", "discovery", "hal/disk", "internal/acl", "internal/certs", "internal/remoting", "store", "store/index", "store/archive", "store/folder", "store/reset", "replica/pair", "tools/ctl/bundle", "tools/ctl/doctor", "tools/loadgen"),
		"tools/ctl/doctor":               {"daemon/config", "discovery", "hal/board", "hal/disk", "hal/link", "internal/certs", "internal/remoting", "store"},
		"tools/loadgen":                  append(pure, "internal/remoting"),
		"tools/bench":                    {"tools/harness", "tools/loadgen", "internal/remoting", "discovery", "store/record", "store/table"},
		"tools/harness":                  {"internal/remoting"},
		"tools/budget":                   {"internal/remoting", "tools/harness"},
		"tools/attack":                   {"internal/remoting", "store/record", "tools/harness"},
		"tools/soak":                     {"internal/remoting", "store/record", "tools/harness"},
		"tools/chaos":                    {"internal/remoting", "store/record", "tools/chaos/check", "tools/harness"},
		"tools/chaos/check":              {"store/record"},
		"tools/lab":                      {"internal/remoting", "store/record", "tools/harness", "tools/lab/order", "tools/lab/promise"},
		"tools/lab/guest":                {"tools/lab/order"},
	}
}

// A listed package is what this test reads of `go list -json`.
type listed struct {
	ImportPath string
	Name       string
	Doc        string
	Imports    []string
}

func listPackages(t *testing.T) (all []listed) {
	t.Helper()
	cmd := exec.Command("go", "list", "-json=ImportPath,Name,Doc,Imports", "pairmq/...")
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("go list: %v", err)
	}
	for d := json.NewDecoder(bytes.NewReader(out)); ; {
		var p listed
		if err := d.Decode(&p); errors.Is(err, io.EOF) {
			return all
		} else if err != nil {
			t.Fatal(err)
		}
		all = append(all, p)
	}
}

func TestTheHouseIsAsDrawn(t *testing.T) {
	allowed := house()
	for _, p := range listPackages(t) {
		from := strings.TrimPrefix(p.ImportPath, "pairmq/")
		for _, imp := range p.Imports {
			to, ours := strings.CutPrefix(imp, "pairmq/")
			if ours && !slices.Contains(allowed[from], to) {
				t.Errorf("%s imports %s, which docs/architecture.md does not draw", from, to)
			}
			if imp == "os/exec" && !strings.HasPrefix(from, "tools/") {
				t.Errorf("%s imports os/exec: the daemon runs no other program", from)
			}
		}
	}
}

func TestEveryPackageSaysWhatLivesThere(t *testing.T) {
	for _, p := range listPackages(t) {
		if len(p.Doc) < 20 {
			t.Errorf("%s has no package doc", p.ImportPath)
		}
	}
}

// TestEveryDependencyHasItsReason holds go.mod and the README's table together.
func TestEveryDependencyHasItsReason(t *testing.T) {
	out, err := exec.Command("go", "list", "-m", "-f", "{{if not .Indirect}}{{if not .Main}}{{.Path}}{{end}}{{end}}", "all").Output()
	if err != nil {
		t.Fatalf("go list -m: %v", err)
	}
	readme := readFile(t, "../../README.md")
	for _, dep := range strings.Fields(string(out)) {
		if !strings.Contains(readme, "`"+dep+"`") {
			t.Errorf("the README gives no reason for the dependency %s", dep)
		}
	}
}
