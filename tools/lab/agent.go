package main

import (
	"bufio"
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"net"
	"strconv"
	"strings"
	"time"
)

// An agent runs scripts in a booted Debian: see debian/agent, which is at the
// other end. It is no network of the machine's, so that it works whatever that does.
type agent struct {
	conn  net.Conn
	lines *bufio.Reader
	asked int
}

// dialAgent connects to the socket that qemu made, and waits until the system is
// so far that its end answers.
func dialAgent(ctx context.Context, socket string, dead func() bool) (*agent, error) {
	var conn net.Conn
	for conn == nil {
		c, err := net.Dial("unix", socket)
		if err == nil {
			conn = c
			break
		}
		if pause(ctx, 20*time.Millisecond); ctx.Err() != nil || dead() {
			return nil, err
		}
	}
	a := &agent{conn: conn, lines: bufio.NewReaderSize(conn, 64<<10)}
	stop := context.AfterFunc(ctx, func() { conn.SetDeadline(time.Unix(1, 0)) })
	defer stop()
	for {
		line, err := a.lines.ReadString('\n')
		if err != nil {
			conn.Close()
			return nil, errors.Join(ctx.Err(), err)
		}
		if strings.TrimSpace(line) == "ready" {
			return a, nil
		}
	}
}

// run has a script run by bash and returns what it printed. A script that fails
// is an error, with what it printed in it.
func (a *agent) run(limit time.Duration, script string) (string, error) {
	a.asked++
	id := strconv.Itoa(a.asked)
	a.conn.SetDeadline(time.Now().Add(limit))
	if _, err := fmt.Fprintf(a.conn, "%s %s\n", id, base64.StdEncoding.EncodeToString([]byte(script))); err != nil {
		return "", err
	}
	for {
		line, err := a.lines.ReadString('\n')
		if err != nil {
			return "", fmt.Errorf("no answer to %q within %v: %w", script, limit, err)
		}
		status, out, ours, err := parseAnswer(line, id)
		switch {
		case err != nil:
			return "", err
		case ours && status != 0:
			return out, fmt.Errorf("%q in the machine: exit status %d: %s", script, status, out[max(0, len(out)-2000):])
		case ours:
			return out, nil
		}
	}
}

// parseAnswer reads a line "ID STATUS OUTPUT". ours is false for an answer to
// something else, such as what was given up on.
func parseAnswer(line, id string) (status int, out string, ours bool, err error) {
	words := strings.Fields(line)
	if len(words) < 2 || words[0] != id {
		return 0, "", false, nil
	}
	if status, err = strconv.Atoi(words[1]); err != nil {
		return 0, "", true, fmt.Errorf("an answer of the machine makes no sense: %q", line)
	}
	if len(words) > 2 {
		b, err := base64.StdEncoding.DecodeString(words[2])
		if err != nil {
			return 0, "", true, fmt.Errorf("an answer of the machine makes no sense: %w", err)
		}
		out = strings.TrimSpace(string(b))
	}
	return status, out, true, nil
}

// close hangs up.
func (a *agent) close() { a.conn.Close() }
