// Package agents drives the programs that run RocketMQ's own clients, those
// in Java and the one in Go, so that one test serves them all.
package agents

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"strconv"
	"sync"

	"pairmq/tools/interop/line"
	"pairmq/tools/interop/proc"
)

var (
	// ErrEnded means that the agent's process ended before it was asked to.
	ErrEnded = errors.New("agents: the agent has ended")
	// ErrGarbled means that it printed what is no event, so that what it reported may lack one.
	ErrGarbled = errors.New("agents: the agent prints what is no event")
)

// maxLine bounds one event in bytes.
const maxLine = 1 << 20

// An Agent is one running client program.
type Agent struct {
	Name  string // client and version, as subtests are named
	Java  bool
	child *proc.Process
	stdin *os.File

	mu      sync.Mutex
	lastID  int
	streams map[string]*stream
	over    error // why nothing is read any more
}

// Start starts a client program; its log goes to dir.
func Start(name string, java bool, dir, path string, args []string, env ...string) (*Agent, error) {
	childIn, stdin, err := os.Pipe()
	if err != nil {
		return nil, fmt.Errorf("agents: %w", err)
	}
	defer childIn.Close()
	stdout, childOut, err := os.Pipe()
	if err != nil {
		return nil, errors.Join(fmt.Errorf("agents: %w", err), stdin.Close())
	}
	defer childOut.Close()
	child, err := proc.Start(proc.Options{Name: name, Path: path, Args: args, Env: env, Dir: dir, Stdin: childIn, Stdout: childOut})
	if err != nil {
		return nil, errors.Join(err, stdin.Close(), stdout.Close())
	}
	a := &Agent{Name: name, Java: java, child: child, stdin: stdin, streams: map[string]*stream{}}
	go a.read(stdout)
	return a, nil
}

// Kill ends the program at once, as a crash would.
func (a *Agent) Kill() { a.child.Kill() }

// Close ends the program: it does so at the end of its input.
func (a *Agent) Close() {
	a.stdin.Close()
	a.child.Kill()
}

// Log is the last that the program wrote beside its events.
func (a *Agent) Log() string { return a.child.Tail(20) }

// read hands events on, up to the end or the first line that is none: a log's line
// can lie within that of an event, and half an event is not to be missed in silence.
func (a *Agent) read(stdout *os.File) {
	defer stdout.Close()
	in := bufio.NewScanner(stdout)
	in.Buffer(make([]byte, 64<<10), maxLine)
	over := ErrEnded
	for in.Scan() {
		l, ok := line.Parse(in.Text())
		if !ok {
			over = fmt.Errorf("%w: %d bytes, %.200q", ErrGarbled, len(in.Bytes()), in.Text())
			break
		}
		a.mu.Lock()
		s := a.streams[l.Get("id")]
		a.mu.Unlock()
		if s != nil {
			s.add(l)
		}
	}
	if err := in.Err(); err != nil {
		over = fmt.Errorf("%w: %w", ErrGarbled, err)
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	a.over = over
	for _, s := range a.streams {
		s.end(over)
	}
}

// command sends a command and waits until it is done; the stream holds what it
// reported, and goes on growing if it began a consumer.
func (a *Agent) command(ctx context.Context, verb string, pairs ...any) (*stream, error) {
	a.mu.Lock()
	if a.over != nil {
		defer a.mu.Unlock()
		return nil, fmt.Errorf("agents: %s: %s: %w\n%s", a.Name, verb, a.over, a.Log())
	}
	a.lastID++
	id := strconv.Itoa(a.lastID)
	s := &stream{id: id, changed: make(chan struct{})}
	a.streams[id] = s
	_, err := fmt.Fprintln(a.stdin, line.New(verb, append(pairs, "id", id)...))
	a.mu.Unlock()
	if err != nil {
		return nil, fmt.Errorf("%w: %s: %w", ErrEnded, a.Name, err)
	}
	err = s.wait(ctx, func() bool { return s.finished })
	if err == nil && s.failure != "" {
		err = errors.New(s.failure)
	}
	if err != nil {
		return s, fmt.Errorf("agents: %s: %s: %w\n%s", a.Name, verb, err, a.Log())
	}
	return s, nil
}
