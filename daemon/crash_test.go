package main

import (
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
)

// TestACrashIsNoWrongConfiguration: the exit code of that, which is Go's of a crash as
// well, keeps systemd from starting the daemon again.
func TestACrashIsNoWrongConfiguration(t *testing.T) {
	switch os.Getenv("PAIRMQ_CRASH") {
	case "panic":
		crashBySignal()
		done := make(chan struct{})
		go func() { defer close(done); panic("as a bug does") }()
		<-done
	case "watchdog":
		crashBySignal()
		if err := syscall.Kill(os.Getpid(), syscall.SIGABRT); err != nil {
			t.Fatal(err)
		}
		select {}
	}
	for _, crash := range []string{"panic", "watchdog"} {
		cmd := exec.Command("/bin/sh", "-c", `ulimit -c 0; exec "$0" -test.run='^TestACrashIsNoWrongConfiguration$'`, os.Args[0])
		cmd.Env = append(os.Environ(), "PAIRMQ_CRASH="+crash)
		said, err := cmd.CombinedOutput()
		status, ok := cmd.ProcessState.Sys().(syscall.WaitStatus)
		if !ok || !status.Signaled() || status.Signal() != syscall.SIGABRT {
			t.Errorf("%s: ended with %v, want SIGABRT", crash, err)
		}
		if !strings.Contains(string(said), "TestACrashIsNoWrongConfiguration") {
			t.Errorf("%s: no stack in\n%s", crash, said)
		}
	}
}
