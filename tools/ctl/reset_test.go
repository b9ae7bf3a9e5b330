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
