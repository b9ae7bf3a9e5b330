package main

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"sync"
	"syscall"
	"time"
)

// stopTime is how long a daemon may take to stop when it is asked to.
const stopTime = 15 * time.Second

// A process is a pairmqd, which is started, killed and started again.
type process struct {
	argv []string
	log  string // file

	mu     sync.Mutex
	cmd    *exec.Cmd // nil when it does not run
	done   chan struct{}
	rss    int64 // the most, of all incarnations
	files  int   // open when it was looked at last
	starts int
}

// start starts it, if it does not run.
func (p *process) start() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.cmd != nil {
		return nil
	}
	if err := os.MkdirAll(filepath.Dir(p.log), 0o755); err != nil {
		return err
	}
	out, err := os.OpenFile(p.log, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	if err != nil {
		return err
	}
	defer out.Close()
	p.starts++
	fmt.Fprintf(out, "---- start %d\n", p.starts)
	c := exec.Command(p.argv[0], p.argv[1:]...)
	c.Stdout, c.Stderr = out, out
	// An interrupt is for this program, which ends the others; if it cannot, the kernel does.
	c.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
	if err := c.Start(); err != nil {
		return err
	}
	done := make(chan struct{})
	p.cmd, p.done = c, done
	go func() {
		c.Wait()
		p.mu.Lock()
		if p.cmd == c {
			p.cmd = nil
		}
		p.mu.Unlock()
		close(done)
	}()
	return nil
}

// signal sends a signal, if it runs, and returns what is closed when that
// incarnation has ended.
func (p *process) signal(s syscall.Signal) <-chan struct{} {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.cmd == nil {
		ended := make(chan struct{})
		close(ended)
		return ended
	}
	p.cmd.Process.Signal(s)
	return p.done
}

// kill ends it at once.
func (p *process) kill() { <-p.signal(syscall.SIGKILL) }

// stop asks it to end, and fails if it does not.
func (p *process) stop() error {
	p.signal(syscall.SIGCONT)
	select {
	case <-p.signal(syscall.SIGTERM):
		return nil
	case <-time.After(stopTime):
		p.kill()
		return fmt.Errorf("%s did not end within %v of SIGTERM; see %s", p.argv[0], stopTime, p.log)
	}
}

// ended says whether it does not run, although it may have been started.
func (p *process) ended() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.cmd == nil
}

// look takes note of what the process needs.
func (p *process) look() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.cmd == nil {
		return
	}
	dir := filepath.Join("/proc", strconv.Itoa(p.cmd.Process.Pid))
	if rss, err := peakRSS(filepath.Join(dir, "status")); err == nil {
		p.rss = max(p.rss, rss)
	}
	if files, err := os.ReadDir(filepath.Join(dir, "fd")); err == nil {
		p.files = len(files)
	}
}

// peakRSS reads the most memory that was resident, in bytes, from /proc/PID/status.
func peakRSS(file string) (int64, error) {
	b, err := os.ReadFile(file)
	if err != nil {
		return 0, err
	}
	_, rest, found := bytes.Cut(b, []byte("\nVmHWM:"))
	if f := bytes.Fields(rest); found && len(f) > 0 {
		kib, err := strconv.ParseInt(string(f[0]), 10, 64)
		return kib << 10, err
	}
	return 0, errors.New("there is no VmHWM")
}

// needs returns the most resident bytes there ever were, and open files at the last look.
func (p *process) needs() (rss int64, files int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.rss, p.files
}
