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
// ports two below and one above its own: above is where slaves connect.
type ports struct {
	namesrv, listen int
	broker          string // host:port
}

func portsFrom(first int) ports {
	return ports{namesrv: first, listen: first + 11, broker: loopback(first + 11)}
}

// slave returns the ports of a slave beside the broker.
func (p ports) slave() ports {
	listen := p.listen + 20
	return ports{namesrv: p.namesrv, listen: listen, broker: loopback(listen)}
}

func loopback(port int) string { return "127.0.0.1:" + strconv.Itoa(port) }

// portsTimeout is how long another process may hold a port: one that Linux
// gave to somebody's outgoing connection is soon free again.
const portsTimeout = 90 * time.Second

// waitFree waits until all ports of a broker and its name server can be listened on.
func (p ports) waitFree(ctx context.Context) error {
	return waitFree(ctx, append(p.own(), p.namesrv))
}

// own are the ports of the broker alone.
func (p ports) own() []int { return []int{p.listen - 2, p.listen, p.listen + 1} }

func waitFree(ctx context.Context, all []int) error {
	ctx, cancel := context.WithTimeout(ctx, portsTimeout)
	defer cancel()
	for _, port := range all {
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
