package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestReset empties real folders; what is kept is seen by the store that begins there.
func TestReset(t *testing.T) {
	for keep, want := range map[string]int{"none": 0, "identity": 0, "config": 2} {
		dir := deadStore(t, 20)
		if err := os.WriteFile(filepath.Join(dir, "notes.txt"), nil, 0o600); err != nil {
			t.Fatal(err)
		}
		args := []string{"reset", dir, "--keep", keep, "--yes"}
		runIn(t.Context(), "", "", args...).check(t, args, exitOK, dir+" is empty; kept: "+keep+"\nnot the store's, and left alone: "+dir+"/notes.txt\n", "")
		r := startBroker(t, dir)
		topics, _ := r.store.Topics()
		has := 0
		for _, topic := range topics {
			if topic.Name == "Orders" || topic.Name == "Alarms" {
				has++
			}
		}
		if has != want || r.store.End() != 0 {
			t.Errorf("--keep %s: %d topics and a log up to %d, want %d and 0", keep, has, r.store.End(), want)
		}
		args = []string{"reset", dir, "--yes"}
		runIn(t.Context(), "", "", args...).check(t, args, exitFailed, "", "a daemon runs on "+dir+": stop it first")
		r.stop()
	}
}

func TestResetOfWhatIsNoStore(t *testing.T) {
	empty, dir := t.TempDir(), deadStore(t, 1)
	conf := filepath.Join(t.TempDir(), "pairmqd.conf")
	if err := os.WriteFile(conf, []byte("enableNamesrv=true\nstorePathRootDir="+dir+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for line, want := range map[string]string{
		"reset " + empty + " --yes":                  "is no folder of a store",
		"reset " + dir:                               "--yes says that it is meant",
		"reset -c " + conf:                           "this removes all messages in " + dir,
		"reset " + dir + " --yes --keep x":           "identity, config or none",
		"reset --yes -c /nonexistent/pairmqd.conf":   "name the folder",
		"reset --yes -c " + conf + " --keep nothing": "identity, config or none",
	} {
		args := strings.Fields(line)
		runIn(t.Context(), "", "", args...).check(t, args, exitUsage, "", want)
	}
	if err := os.WriteFile(filepath.Join(dir, "meta.bak"), []byte("damaged"), 0o600); err != nil {
		t.Fatal(err)
	}
	args := []string{"reset", "--yes", "-c", conf}
	runIn(t.Context(), "", "", args...).check(t, args, exitFailed, "", "--keep=none keeps nothing that would have to be read")
	args = append(args, "--keep=none", "--json")
	runIn(t.Context(), "", "", args...).check(t, args, exitOK, `{"folder":"`+dir+`","kept":"none"}`+"\n", "")
}

// TestResetStopsTheDaemon, empties, and starts it again whatever has become of it; one
// that cannot be stopped keeps its messages, and is not started.
func TestResetStopsTheDaemon(t *testing.T) {
	tests := []struct {
		name    string
		more    string // arguments
		fails   string // what systemctl cannot do
		runs    bool   // the daemon goes on, whatever systemctl says
		code    int
		calls   string // of systemctl, each with what the folder has then
		says    string
		isEmpty bool
	}{
		{"as it should be", "", "", false, exitOK, "stop pairmqd: messages\nstart pairmqd: none\n", "", true},
		{"another unit", "--unit pairmqd@left", "", false, exitOK, "stop pairmqd@left: messages\nstart pairmqd@left: none\n", "", true},
		{"it cannot be stopped", "", "stop", false, exitFailed, "stop pairmqd: messages\n", "systemctl stop pairmqd: exit status 5: Access denied", false},
		{"it runs all the same", "", "", true, exitFailed, "stop pairmqd: messages\nstart pairmqd: messages\n", "a daemon runs on ", false},
		{"it cannot be started", "", "start", false, exitFailed, "stop pairmqd: messages\nstart pairmqd: none\n", "systemctl start pairmqd: exit status 5: Access denied", true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			dir, bin := deadStore(t, 20), t.TempDir()
			log := "commitlog/00000000000000000000"
			script := `#!/bin/sh
has=none; test -s "$STORE/` + log + `" && has=messages
echo "$*: $has" >>"$CALLS"
if test "$1" = "$FAILS"; then echo Access denied >&2; exit 5; fi
`
			if err := os.WriteFile(filepath.Join(bin, "systemctl"), []byte(script), 0o755); err != nil {
				t.Fatal(err)
			}
			calls := filepath.Join(t.TempDir(), "calls")
			for key, value := range map[string]string{"PATH": bin + ":" + os.Getenv("PATH"), "STORE": dir, "CALLS": calls, "FAILS": tt.fails} {
				t.Setenv(key, value)
			}
			if tt.runs {
				r := startBroker(t, dir)
				defer r.stop()
			}
			args := append([]string{"reset", dir, "--yes", "--stop"}, strings.Fields(tt.more)...)
			out := ""
			if tt.isEmpty {
				out = dir + " is empty; kept: identity\n"
			}
			runIn(t.Context(), "", "", args...).check(t, args, tt.code, out, tt.says)
			if got, err := os.ReadFile(calls); string(got) != tt.calls || err != nil {
				t.Errorf("systemctl was called with\n%s(%v), want\n%s", got, err, tt.calls)
			}
			if info, err := os.Stat(filepath.Join(dir, log)); (err == nil && info.Size() > 0) == tt.isEmpty {
				t.Errorf("the log: %v, %v", info, err)
			}
		})
	}
}
