// Package pair runs the servers of a replicating pair on loopback, each by
// itself: name servers and brokers, pairmq's or Apache's own, that are killed
// and started again on the same ports and store.
package pair

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"pairmq/tools/interop/proc"
)

// startTimeout bounds how long a server may take to start, stopTimeout to stop.
const (
	startTimeout = 4 * time.Minute // of a machine that is busy with other things
	stopTimeout  = 30 * time.Second
)

// A Server is a name server or a broker.
type Server struct {
	Kind string // of target
	Dir  string // its files; a broker's store is in Dir/store
	Addr string // host:port for clients

	port    int
	keys    map[string]string // a broker's
	launch  func(context.Context) (*proc.Process, error)
	process *proc.Process // nil before Start
}

// newServer takes ports and makes the folder for a server.
func newServer(kind, dir, name string) (*Server, error) {
	port, err := proc.FreePorts()
	if err != nil {
		return nil, err
	}
	s := &Server{Kind: kind, Dir: filepath.Join(dir, name), Addr: fmt.Sprintf("127.0.0.1:%d", port), port: port}
	if err := os.MkdirAll(s.Dir, 0o755); err != nil {
		return nil, fmt.Errorf("pair: %w", err)
	}
	return s, nil
}

// Start starts the server, again after Kill or Stop, and waits until its port
// answers.
func (s *Server) Start(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, startTimeout)
	defer cancel()
	p, err := s.launch(ctx)
	if err != nil {
		return fmt.Errorf("pair: %s: %w", s.Dir, err)
	}
	s.process = p
	return nil
}

// Set has a broker have one more key of its configuration, from its next start on.
func (s *Server) Set(key, value string) { s.keys[key] = value }

// Become has a slave be master under its next start, as Apache's are promoted.
func (s *Server) Become(role string) { s.keys["brokerRole"], s.keys["brokerId"] = role, "0" }

// Kill ends the server with SIGKILL.
func (s *Server) Kill() {
	if s.process != nil {
		s.process.Kill()
	}
}

// Stop ends the server in an orderly way; one that has ended is left alone.
func (s *Server) Stop() error {
	if !s.Running() {
		return nil
	}
	return s.process.Stop(stopTimeout)
}

// Running says whether the server was started and has not ended.
func (s *Server) Running() bool {
	if s.process == nil {
		return false
	}
	select {
	case <-s.process.Done():
		return false
	default:
		return true
	}
}

// Log is the last that the server printed.
func (s *Server) Log(lines int) string {
	if s.process == nil {
		return ""
	}
	return s.process.Tail(lines)
}

// RSS is the server's resident memory in bytes, and its highest so far.
func (s *Server) RSS() (now, high int64, err error) { return s.process.RSS() }

// FastAddr is the broker's second port for clients, two below the first.
func (s *Server) FastAddr() string { return fmt.Sprintf("127.0.0.1:%d", s.port-2) }

// HAAddr is where a broker is copied from, one above the first.
func (s *Server) HAAddr() string { return fmt.Sprintf("127.0.0.1:%d", s.port+1) }

// CommitLog is the folder of a broker's segments.
func (s *Server) CommitLog() string { return filepath.Join(s.Dir, "store", "commitlog") }

// Name is what the server is, for messages.
func (s *Server) Name() string { return s.Kind + " " + filepath.Base(s.Dir) }
