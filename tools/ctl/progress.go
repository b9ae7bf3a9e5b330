package main

import (
	"fmt"
	"os"
	"sync"
	"time"

	"golang.org/x/sys/unix"
)

// isTerminal tells whether f is a terminal.
func isTerminal(f *os.File) bool {
	_, err := unix.IoctlGetTermios(int(f.Fd()), unix.TCGETS)
	return err == nil
}

// A progress shows a growing number on a line of its own on the terminal, and
// nothing at all elsewhere.
type progress struct {
	env  *env
	what string // "sent"
	mu   sync.Mutex
	n    int64
	last time.Time
	line bool // there is one to be removed
}

// newProgress returns a progress that shows itself only if it is wanted and
// the error output is a terminal.
func newProgress(e *env, what string, wanted bool) *progress {
	p := &progress{env: e, what: what, last: time.Now()}
	if !wanted || !e.terminal {
		p.env = nil
	}
	return p
}

// add counts n more, and shows the sum at most four times a second.
func (p *progress) add(n int64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.show(p.n + n)
}

// set shows n, like add.
func (p *progress) set(n int64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.show(n)
}

func (p *progress) show(n int64) {
	p.n = n
	if p.env == nil || time.Since(p.last) < 250*time.Millisecond {
		return
	}
	p.last, p.line = time.Now(), true
	fmt.Fprintf(p.env.err, "\r%d %s\x1b[K", n, p.what)
}

// done removes the line.
func (p *progress) done() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.line {
		fmt.Fprint(p.env.err, "\r\x1b[K")
	}
	p.line = false
}
