package main

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"time"

	"pairmq/internal/remoting"
	"pairmq/tools/harness"
)

// How long a process may take to answer its first request, and to end.
const (
	startTimeout = 2 * time.Minute
	stopTimeout  = 30 * time.Second
)

// A spawn is how to start a process.
type spawn struct {
	dir, log  string // folder, and the name of its log file there; empty means broker
	addr      string // where a broker will answer
	path      string
	args, env []string
}

// A process is one that this program started.
type process struct {
	*harness.Process
	wrote procIO // all that it ever wrote; valid once Done is closed
}

func startProcess(s spawn) (*process, error) {
	if s.log == "" {
		s.log = "broker"
	}
	p := &process{}
	h, err := harness.Start(harness.Spawn{
		Argv: append([]string{s.path}, s.args...), Env: s.env, Dir: s.dir, Log: filepath.Join(s.dir, s.log+".log"),
		// Between its end and its burial, so that the writes of its stop are there too; zero where the kernel does not count.
		Ending: func(pid int) { p.wrote, _ = readProcIO(pid) },
	})
	if err != nil {
		return nil, err
	}
	p.Process = h
	return p, nil
}

// stop ends the process with SIGTERM, and with SIGKILL and an error when that
// does not do it in time. Java says by its exit code that it was asked to.
func (p *process) stop() error { return p.Stop(stopTimeout) }

// startBroker starts a broker and measures how long it takes to answer.
func startBroker(ctx context.Context, s spawn) (*broker, error) {
	p, err := startProcess(s)
	if err != nil {
		return nil, err
	}
	if err := waitFor(ctx, p, s.addr, brokerAnswers); err != nil {
		return nil, errors.Join(err, p.stop())
	}
	return &broker{addr: s.addr, process: p, ready: time.Since(p.Started)}, nil
}

// waitFor asks again and again until the process answers.
func waitFor(ctx context.Context, p *process, addr string, answers func(context.Context, string) error) error {
	ctx, cancel := context.WithTimeout(ctx, startTimeout)
	defer cancel()
	var last error
	for {
		if last = answers(ctx, addr); last == nil {
			return nil
		}
		select {
		case <-p.Done:
			return fmt.Errorf("before it answered: %w", p.Ended())
		case <-ctx.Done():
			return fmt.Errorf("%s does not answer at %s: %w; see %s", p.Path(), addr, last, p.Log)
		case <-time.After(time.Millisecond):
		}
	}
}

// brokerAnswers succeeds when a broker at addr answers a request for its state,
// with whatever code: those of Apache say SYSTEM_ERROR in their first second.
func brokerAnswers(ctx context.Context, addr string) error {
	return ask(ctx, addr, remoting.ReqGetBrokerRuntimeInfo)
}

// namesrvAnswers succeeds when a name server at addr answers one for its brokers.
func namesrvAnswers(ctx context.Context, addr string) error {
	return ask(ctx, addr, remoting.ReqGetBrokerClusterInfo)
}

func ask(ctx context.Context, addr string, code int32) error {
	ctx, cancel := context.WithTimeout(ctx, 3*time.Second)
	defer cancel()
	c := remoting.NewClient(remoting.ClientOptions{})
	defer c.Close()
	_, err := c.Call(ctx, addr, &remoting.Command{Code: code})
	return err
}
