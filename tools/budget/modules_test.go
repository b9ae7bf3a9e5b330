package main

import (
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"
)

// modulesFile lists the modules of others that each program links, on any
// architecture: what grows there grows in every appliance. PAIRMQ_WRITE=1 writes it anew.
const modulesFile = "testdata/modules.txt"

func TestTheProgramsLinkTheseModules(t *testing.T) {
	var lines []string
	for _, program := range []string{"daemon", "tools/ctl"} {
		var all []string
		for _, arch := range []string{"amd64", "arm64", "arm", "riscv64", "386"} {
			cmd := exec.Command("go", "list", "-deps", "-f", "{{with .Module}}{{if not .Main}}{{.Path}}{{end}}{{end}}", "pairmq/"+program)
			cmd.Env = append(os.Environ(), "GOOS=linux", "GOARCH="+arch, "CGO_ENABLED=0")
			out, err := cmd.Output()
			if err != nil {
				t.Fatalf("go list for %s: %v", arch, err)
			}
			all = append(all, strings.Fields(string(out))...)
		}
		slices.Sort(all)
		for _, m := range slices.Compact(all) {
			lines = append(lines, program+" "+m)
		}
	}
	if os.Getenv("PAIRMQ_WRITE") == "1" {
		if err := os.WriteFile(modulesFile, []byte(strings.Join(lines, "\n")+"\n"), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want := strings.Split(strings.TrimSpace(readFile(t, modulesFile)), "\n")
	for _, l := range lines {
		if !slices.Contains(want, l) {
			t.Errorf("new: %s", l)
		}
	}
	for _, l := range want {
		if !slices.Contains(lines, l) {
			t.Errorf("no longer linked: %s", l)
		}
	}
	if t.Failed() {
		t.Errorf("if that is meant: PAIRMQ_WRITE=1 go test ./tools/budget -run TestTheProgramsLinkTheseModules, and the reason in the README")
	}
}
