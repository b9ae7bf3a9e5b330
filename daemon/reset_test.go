package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"pairmq/hal/disk"
	"pairmq/internal/remoting"
	"pairmq/store/reset"
)

// TestTheNextStartFinishesAReset of a folder with all that a daemon makes, as the
// power was cut when it had just begun.
func TestTheNextStartFinishesAReset(t *testing.T) {
	d, root := newDaemon(t), theirs(t)
	d.settings = append(d.settings, "storePathRootDir="+root)
	begin := func(during func()) string {
		cmd, said := d.process()
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		d.call(d.broker, &remoting.Command{Code: remoting.ReqGetBrokerRuntimeInfo})
		during()
		if err := cmd.Process.Signal(os.Interrupt); err != nil {
			t.Fatal(err)
		}
		if code := ends(t, cmd); code != exitOK {
			t.Fatalf("exit code %d; it said\n%s", code, said)
		}
		return said.String()
	}
	begin(func() {
		if r := d.send("Greetings", "hello"); r.Code != remoting.RespSuccess {
			t.Errorf("a send is answered %d %q", r.Code, r.Remark)
		}
		d.pull("Greetings", 0)
	})
	fsys, err := disk.OS(root)
	if err == nil {
		err = reset.Begin(fsys, reset.Keep{Tables: true})
	}
	if err != nil {
		t.Fatal(err)
	}
	give(t, root, stranger)
	said := begin(func() {
		if r := d.pull("Greetings", 0); r.Code == remoting.RespSuccess || r.Code == remoting.RespTopicNotExist {
			t.Errorf("after the reset a pull is answered %d %q, want a topic without messages", r.Code, r.Remark)
		}
	})
	if !strings.Contains(said, "a reset that had begun is finished") {
		t.Errorf("it does not tell of the reset:\n%s", said)
	}

	// All that a daemon leaves is known to a reset.
	if err := reset.Begin(fsys, reset.Keep{}); err != nil {
		t.Fatal(err)
	}
	if _, err := reset.Finish(fsys); err != nil {
		t.Fatal(err)
	}
	left, err := os.ReadDir(root)
	if err != nil || len(left) != 1 || left[0].Name() != "LOCK" {
		t.Errorf("a reset leaves %v, %v", left, err)
	}

	// A marker that says nothing is for a person.
	if err := os.WriteFile(filepath.Join(root, reset.Marker), []byte("?"), 0o644); err != nil {
		t.Fatal(err)
	}
	give(t, root, stranger)
	cmd, lines := d.process()
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	if code := ends(t, cmd); code != exitSurroundings || !strings.Contains(lines.String(), "remove it, and reset the folder again") {
		t.Errorf("exit code %d, want %d; it said\n%s", code, exitSurroundings, lines)
	}
}
