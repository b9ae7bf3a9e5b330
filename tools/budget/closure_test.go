package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// architectures are those that programs are built for, and the one on which tests run where a word has 32 bits.
func architectures() []string { return []string{"amd64", "arm64", "arm", "riscv64", "386"} }

// unsafeUse is every package of the daemon's, beside the standard library, that goes around Go's types, and why.
func unsafeUse() map[string]string {
	return map[string]string{
		"pairmq/daemon":                            "the groups of who asks at the admin socket: a system call's argument",
		"pairmq/daemon/broker/sql92":               "a text of bytes that nobody changes, without a copy",
		"pairmq/hal/sandbox":                       "arguments of system calls",
		"pairmq/internal/remoting":                 "how large a request is in memory",
		"pairmq/store/record":                      "a text of bytes that nobody changes, without a copy",
		"github.com/coreos/go-systemd/v22/journal": "a connection that several share",
		"github.com/philhofer/fwd":                 "a text as bytes",
		"github.com/tinylib/msgp/msgp":             "bytes as a text",
		"github.com/vishvananda/netlink":           "the kernel's structures",
		"github.com/vishvananda/netlink/nl":        "the kernel's structures",
		"go.etcd.io/bbolt":                         "pages of the file, mapped",
		"go.etcd.io/bbolt/internal/common":         "pages of the file, mapped",
		"go.etcd.io/bbolt/internal/freelist":       "pages of the file, mapped",
		"golang.org/x/sys/unix":                    "arguments of system calls",
	}
}

// TestWhatTheDaemonIsMadeOf looks at every package that is linked into it, those of others too.
func TestWhatTheDaemonIsMadeOf(t *testing.T) {
	forbidden := map[string]string{
		"os/exec":           "the daemon runs no other program",
		"plugin":            "it loads no code",
		"runtime/cgo":       "it has no code of C's, and its sandbox no thread of theirs",
		"net/http/pprof":    "/metrics tells strangers no more than numbers",
		"expvar":            "the same",
		"net/rpc":           "it has one protocol",
		"encoding/gob":      "nothing is decoded into types that the other side names",
		"text/template":     "no text of others becomes a program",
		"html/template":     "the same",
		"testing":           "tests are no part of it",
		"log/syslog":        "it logs to standard error",
		"net/http/httptest": "tests are no part of it",
	}
	found := map[string]bool{}
	for _, arch := range architectures() {
		cmd := exec.Command("go", "list", "-tags", "nethttpomithttp2", "-deps", "-json=ImportPath,Standard,Imports,CgoFiles", "pairmq/daemon")
		cmd.Env = append(os.Environ(), "GOOS=linux", "GOARCH="+arch, "CGO_ENABLED=0")
		out, err := cmd.Output()
		if err != nil {
			t.Fatalf("go list for %s: %v", arch, err)
		}
		n := 0
		for d := json.NewDecoder(bytes.NewReader(out)); ; n++ {
			var p struct {
				ImportPath        string
				Standard          bool
				Imports, CgoFiles []string
			}
			if err := d.Decode(&p); errors.Is(err, io.EOF) {
				break
			} else if err != nil {
				t.Fatal(err)
			}
			if why, bad := forbidden[p.ImportPath]; bad {
				t.Errorf("%s: the daemon is made of %s: %s", arch, p.ImportPath, why)
			}
			if slices.Contains(p.Imports, "C") || len(p.CgoFiles) > 0 {
				t.Errorf("%s: %s has code of C's", arch, p.ImportPath)
			}
			if slices.Contains(p.Imports, "unsafe") && !p.Standard {
				found[p.ImportPath] = true
			}
		}
		if n < 100 {
			t.Errorf("%s: %d packages, want more than 100: is the list right?", arch, n)
		}
	}
	known := unsafeUse()
	for p := range found {
		if known[p] == "" {
			t.Errorf("%s imports unsafe: say why in unsafeUse", p)
		}
	}
	for p := range maps.Keys(known) {
		if !found[p] {
			t.Errorf("%s does not import unsafe any more: strike it out of unsafeUse", p)
		}
	}
}

// TestTheDaemonCannotRunPrograms looks into the program itself, since package os could start
// others too: the linker leaves out what nothing calls.
func TestTheDaemonCannotRunPrograms(t *testing.T) {
	symbols := func(program string) string {
		bin := filepath.Join(t.TempDir(), "program")
		build := exec.Command("go", "build", "-tags", "nethttpomithttp2", "-o", bin, program)
		build.Env = append(os.Environ(), "CGO_ENABLED=0", "GOOS=linux")
		if out, err := build.CombinedOutput(); err != nil {
			t.Fatalf("%s: %v\n%s", build, err, out)
		}
		out, err := exec.Command("go", "tool", "nm", bin).Output()
		if err != nil {
			t.Fatalf("go tool nm: %v", err)
		}
		return string(out)
	}
	starts := []string{"syscall.forkExec", "syscall.forkAndExecInChild", "os.StartProcess", "os.startProcess", "syscall.Exec", "plugin.open"}
	daemon := symbols("pairmq/daemon")
	if !strings.Contains(daemon, " main.main\n") {
		t.Fatal("the symbols are not those of a program")
	}
	for _, s := range starts {
		if strings.Contains(daemon, " "+s+"\n") {
			t.Errorf("the daemon has %s in it: it could run other programs", s)
		}
	}
	if ctl := symbols("pairmq/tools/ctl"); !strings.Contains(ctl, " "+starts[0]+"\n") {
		t.Errorf("pairmq, which runs systemctl, has no %s: is it called something else now?", starts[0])
	}
}
