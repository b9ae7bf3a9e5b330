package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strconv"
	"time"
)

// ports are those of one broker and its name server. A broker also takes the
// ports two below and one above its own.
type ports struct {
	namesrv, listen int
	broker          string // host:port
}

func portsFrom(first int) ports {
	return ports{namesrv: first, listen: first + 11, broker: loopback(first + 11)}
}

func loopback(port int) string { return "127.0.0.1:" + strconv.Itoa(port) }

// portsTimeout is how long another process may hold a port: one that Linux
// gave to somebody's outgoing connection is soon free again.
const portsTimeout = 90 * time.Second

// waitFree waits until all ports can be listened on.
func (p ports) waitFree(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, portsTimeout)
	defer cancel()
	for _, port := range []int{p.namesrv, p.listen - 2, p.listen, p.listen + 1} {
		for {
			ln, err := net.Listen("tcp", ":"+strconv.Itoa(port))
			if err == nil {
				if err := ln.Close(); err != nil {
					return err
				}
				break
			}
			select {
			case <-ctx.Done():
				return errors.Join(fmt.Errorf("port %d is taken; choose others with -port: %w", port, err), context.Cause(ctx))
			case <-time.After(50 * time.Millisecond):
			}
		}
	}
	return nil
}
