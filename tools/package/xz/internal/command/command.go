// Package command runs the xz program as a filter.
package command

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os/exec"
)

// A Command is a running xz.
type Command struct {
	cmd    *exec.Cmd
	in     io.WriteCloser
	stderr bytes.Buffer
}

// Start runs xz with args; what it writes goes to w until Close has returned.
func Start(w io.Writer, args ...string) (*Command, error) {
	c := &Command{cmd: exec.Command("xz", append(args, "--stdout")...)}
	c.cmd.Env = []string{} // XZ_DEFAULTS and XZ_OPT would make other bytes
	c.cmd.Stdout, c.cmd.Stderr = w, &c.stderr
	var err error
	if c.in, err = c.cmd.StdinPipe(); err != nil {
		return nil, err
	}
	if err := c.cmd.Start(); err != nil {
		if errors.Is(err, exec.ErrNotFound) {
			return nil, fmt.Errorf("packages are compressed by xz, which is missing: apt-get install xz-utils, or put it into PATH")
		}
		return nil, err
	}
	return c, nil
}

// Write compresses p.
func (c *Command) Write(p []byte) (int, error) { return c.in.Write(p) }

// Close ends the stream, and says whether all of it was written.
func (c *Command) Close() error {
	closed := c.in.Close()
	if err := c.cmd.Wait(); err != nil {
		return fmt.Errorf("xz: %w: %s", err, bytes.TrimSpace(c.stderr.Bytes()))
	}
	return closed
}
