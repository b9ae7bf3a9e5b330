package main

import (
	"encoding/json"
	"fmt"
	"net"
	"time"
)

// monitorTime is how long qemu may take to answer.
const monitorTime = 10 * time.Second

// A monitor is a connection to qemu itself, which answers whatever the machine does.
type monitor struct {
	conn net.Conn
	from *json.Decoder
	to   *json.Encoder
}

// newMonitor greets qemu over a connection to the socket of its option -qmp.
func newMonitor(conn net.Conn) (*monitor, error) {
	m := &monitor{conn, json.NewDecoder(conn), json.NewEncoder(conn)}
	_, err := m.execute("qmp_capabilities", nil)
	return m, err
}

// command has a command of the human monitor done, and returns what it prints.
func (m *monitor) command(line string) (said string, err error) {
	answer, err := m.execute("human-monitor-command", map[string]string{"command-line": line})
	if err == nil {
		err = json.Unmarshal(answer, &said)
	}
	return said, err
}

// execute returns what qemu answers. Its greeting and its events are passed over.
func (m *monitor) execute(name string, arguments map[string]string) (json.RawMessage, error) {
	m.conn.SetDeadline(time.Now().Add(monitorTime))
	order := struct {
		Execute   string            `json:"execute"`
		Arguments map[string]string `json:"arguments,omitempty"`
	}{name, arguments}
	if err := m.to.Encode(order); err != nil {
		return nil, fmt.Errorf("qemu's monitor: %s: %w", name, err)
	}
	for {
		var answer struct {
			Return json.RawMessage `json:"return"`
			Error  *struct {
				Desc string `json:"desc"`
			} `json:"error"`
		}
		if err := m.from.Decode(&answer); err != nil {
			return nil, fmt.Errorf("qemu's monitor: %s: %w", name, err)
		}
		if answer.Error != nil {
			return nil, fmt.Errorf("qemu's monitor: %s: %s", name, answer.Error.Desc)
		}
		if answer.Return != nil {
			return answer.Return, nil
		}
	}
}
