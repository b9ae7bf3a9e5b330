package main

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"sync"
	"time"

	"pairmq/internal/remoting"
)

// The frame: a length that does not count itself, and a header's length whose
// first byte says how the header is written.
const (
	lengthSize  = 4
	headerWord  = 4
	frameAtMost = 16 << 20
)

var errTooLate = errors.New("not answered in time")

// A conn is a connection with one request in flight for each of who uses it. It is
// leaner than remoting's own, which would copy each large body: there are a thousand
// of them beside the daemon that is measured.
type conn struct {
	nc     net.Conn
	opaque int32

	write sync.Mutex // one frame after the other

	mu      sync.Mutex // guards the rest
	waiting map[int32]chan *remoting.Command
	err     error
}

// dial connects, and reads answers until the connection ends.
func dial(addr string, limit time.Duration) (*conn, error) {
	nc, err := net.DialTimeout("tcp", addr, limit)
	if err != nil {
		return nil, err
	}
	c := &conn{nc: nc, waiting: map[int32]chan *remoting.Command{}}
	go c.read()
	return c, nil
}

func (c *conn) close() { c.fail(net.ErrClosed) }

// fail ends the connection for the first cause it is given.
func (c *conn) fail(err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.err != nil {
		return
	}
	c.err = err
	c.nc.Close()
	for _, answer := range c.waiting {
		close(answer)
	}
	clear(c.waiting)
}

// read hands answers to who waits for them. What the broker asks is not answered.
func (c *conn) read() {
	r := bufio.NewReaderSize(c.nc, 4<<10)
	for {
		cmd, err := readCommand(r)
		if err != nil {
			c.fail(err)
			return
		}
		if !cmd.IsResponse() {
			continue
		}
		c.mu.Lock()
		answer := c.waiting[cmd.Opaque]
		delete(c.waiting, cmd.Opaque)
		c.mu.Unlock()
		if answer != nil {
			answer <- cmd
		}
	}
}

// readCommand reads one frame.
func readCommand(r io.Reader) (*remoting.Command, error) {
	var head [lengthSize]byte
	if _, err := io.ReadFull(r, head[:]); err != nil {
		return nil, err
	}
	n := binary.BigEndian.Uint32(head[:])
	if n > frameAtMost-lengthSize {
		return nil, fmt.Errorf("%w: %d bytes", remoting.ErrBadFrame, n)
	}
	frame := append(make([]byte, 0, lengthSize+n), head[:]...)[:lengthSize+n]
	if _, err := io.ReadFull(r, frame[lengthSize:]); err != nil {
		return nil, err
	}
	cmd, err := remoting.DecodeCommand(frame, remoting.Limits{})
	return &cmd, err
}

// A request is one command whose body comes in pieces, which are not copied.
type request struct {
	code   int32
	fields remoting.Fields
	body   [][]byte
}

// call sends a request and waits for its answer. The time for it begins when it is
// wholly handed to the kernel, as clients count it.
func (c *conn) call(r request, limit time.Duration) (*remoting.Command, error) {
	answer := make(chan *remoting.Command, 1)
	c.mu.Lock()
	if c.err != nil {
		defer c.mu.Unlock()
		return nil, c.err
	}
	c.opaque++
	opaque := c.opaque
	c.waiting[opaque] = answer
	c.mu.Unlock()

	if err := c.send(r, opaque); err != nil {
		c.fail(err)
		return nil, err
	}
	late := time.NewTimer(limit)
	defer late.Stop()
	select {
	case cmd, ok := <-answer:
		if ok {
			return cmd, nil
		}
		c.mu.Lock()
		defer c.mu.Unlock()
		return nil, c.err
	case <-late.C:
		c.mu.Lock()
		delete(c.waiting, opaque)
		c.mu.Unlock()
		return nil, fmt.Errorf("request %d, %w: %v", r.code, errTooLate, limit)
	}
}

// send writes a request as one frame.
func (c *conn) send(r request, opaque int32) error {
	frame := remoting.AppendCommand(nil, &remoting.Command{
		Code: r.code, Fields: r.fields, Opaque: opaque, Language: remoting.Java, Version: remoting.Version, Serialize: remoting.JSON,
	})
	size := len(frame)
	for _, b := range r.body {
		size += len(b)
	}
	binary.BigEndian.PutUint32(frame, uint32(size-lengthSize))
	pieces := append(net.Buffers{frame}, r.body...)
	c.write.Lock()
	defer c.write.Unlock()
	_, err := pieces.WriteTo(c.nc)
	return err
}
