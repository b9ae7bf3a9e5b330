package harness

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// shell starts a shell script that says it has begun, and waits for that.
func shell(t *testing.T, script string, ending func(pid int)) *Process {
	t.Helper()
	log := filepath.Join(t.TempDir(), "sub", "sh.log")
	p, err := Start(Spawn{Argv: []string{"/bin/sh", "-c", script}, Env: []string{"WORD=begun"}, Log: log, Ending: ending})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.Kill)
	for {
		if b, err := os.ReadFile(log); err == nil && strings.Contains(string(b), "begun\n") {
			return p
		}
		select {
		case <-p.Done:
			return p
		case <-time.After(time.Millisecond):
		}
	}
}

func TestAProcessIsEnded(t *testing.T) {
	const forever = `echo $WORD; while :; do sleep 0.01; done`
	tests := []struct {
		name, script string
		limit        time.Duration
		stop, clean  string // what the errors say; empty: there is none
	}{
		{"by what it is asked", `trap 'exit 0' TERM; ` + forever, time.Minute, "", ""},
		{"badly", `trap 'exit 3' TERM; ` + forever, time.Minute, "", "exit status 3"},
		{"by the signal", forever, time.Minute, "", "signal: terminated"},
		{"before it was asked", `exit 4`, time.Minute, "", "exit status 4"},
		{"by force", `trap '' TERM; ` + forever, time.Millisecond, "was killed", "was killed"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			for how, want := range map[string]string{"Stop": tt.stop, "StopClean": tt.clean} {
				p := shell(t, tt.script, nil)
				stop := p.Stop
				if how == "StopClean" {
					stop = p.StopClean
				}
				err := stop(tt.limit)
				if (err == nil) != (want == "") || err != nil && !(strings.Contains(err.Error(), want) && strings.Contains(err.Error(), p.Log)) {
					t.Errorf("%s: %v, want %q", how, err, want)
				}
				select {
				case <-p.Done:
				default:
					t.Errorf("%s: it runs", how)
				}
			}
		})
	}
}

// TestAnEndIsSeen: a process that has ended is in /proc while Ending is called.
func TestAnEndIsSeen(t *testing.T) {
	seen := "nothing"
	p := shell(t, `echo $WORD; exec cat /dev/null`, func(pid int) {
		b, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
		seen = fmt.Sprint(string(b), err)
	})
	<-p.Done
	if !strings.Contains(seen, ") Z ") {
		t.Errorf("of a process that has ended there is %q, want a zombie's state", seen)
	}
	if _, err := os.Stat(fmt.Sprintf("/proc/%d", p.PID())); err == nil {
		t.Error("it was not buried")
	}
}

func TestWhatCannotStart(t *testing.T) {
	if p, err := Start(Spawn{Argv: []string{"/not/there"}, Log: filepath.Join(t.TempDir(), "log")}); err == nil {
		t.Errorf("it runs: %v", p.PID())
	}
}

func TestFreePorts(t *testing.T) {
	port, err := FreePort(-2, 1)
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range []int{port - 2, port, port + 1} {
		if got, err := listenOnce(p); got != p || err != nil {
			t.Errorf("port %d: %d, %v", p, got, err)
		}
	}
	if port, err := FreePort(1 << 20); err == nil { // no port is that far beside another
		t.Errorf("beside %d there is one", port)
	}
}
