package main

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"syscall"
	"time"
)

// daemonPath is the daemon in the initramfs.
const daemonPath = "/pairmqd"

// endTime is how long the daemon may take to end.
const endTime = 30 * time.Second

// A daemon is one pairmqd that was started.
type daemon struct {
	cmd  *exec.Cmd
	done chan struct{} // closed when it has ended
}

// start starts the daemon. What it logs goes to the console, which the host keeps.
func (m *machine) start(argv []string) error {
	if m.daemon != nil {
		return errors.New("the daemon was started before and not ended")
	}
	c := exec.Command(daemonPath, argv...)
	c.Stdout, c.Stderr = os.Stdout, os.Stdout
	if err := c.Start(); err != nil {
		return err
	}
	d := &daemon{cmd: c, done: make(chan struct{})}
	go func() {
		c.Wait()
		close(d.done)
	}()
	m.daemon = d
	return nil
}

// end sends the daemon a signal, unless that is 0, and waits for its end. It
// returns how it ended.
func (m *machine) end(s syscall.Signal) (string, error) {
	d := m.daemon
	if d == nil {
		return "", errors.New("no daemon was started")
	}
	if s != 0 {
		d.cmd.Process.Signal(s)
	}
	select {
	case <-d.done:
		m.daemon = nil
		return d.cmd.ProcessState.String(), nil
	case <-time.After(endTime):
		// Its goroutines, on the console, say what it waits for.
		d.cmd.Process.Signal(syscall.SIGQUIT)
		time.Sleep(3 * time.Second)
		return "", fmt.Errorf("the daemon did not end within %v of signal %d", endTime, s)
	}
}
