package loadgen

import (
	"net"
	"sync"
	"testing"

	"pairmq/internal/remoting"
)

// A nullServer answers each request at once with what answer makes of it, and
// does nothing else: what a load measures on it is the generator's own ceiling.
type nullServer struct {
	ln    net.Listener
	conns sync.WaitGroup
}

// answer appends the reply to the request f to dst; opaque is the request's.
// Nil hangs up.
type answer func(dst []byte, f frame, opaque int32) []byte

// startNull listens on loopback. mkAnswer is called once for each connection.
func startNull(t testing.TB, mkAnswer func() answer) Target {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := &nullServer{ln: ln}
	s.conns.Go(func() {
		for {
			c, err := ln.Accept()
			if err != nil {
				return
			}
			s.conns.Go(func() { serveNull(c, mkAnswer()) })
		}
	})
	t.Cleanup(func() { ln.Close(); s.conns.Wait() })
	return Target{Addr: ln.Addr().String()}
}

func serveNull(c net.Conn, a answer) {
	defer c.Close()
	in := newInbox(c)
	var out []byte
	for in.fill() == nil {
		for {
			f, ok, err := in.next()
			if err != nil {
				return
			}
			if !ok {
				break
			}
			r, err := parseReply(f)
			if err != nil {
				return
			}
			if out = a(out, f, r.opaque); out == nil {
				return
			}
		}
		if _, err := c.Write(out); err != nil {
			return
		}
		out = out[:0]
	}
}

// fixedAnswer answers every request with the same reply, but for its opaque.
func fixedAnswer(resp remoting.Command) func() answer {
	return func() answer {
		resp := resp
		resp.Flag = 1
		t, err := newTemplate(resp)
		if err != nil {
			panic(err)
		}
		return func(dst []byte, _ frame, opaque int32) []byte {
			dst, _ = t.appendTo(dst, int(opaque-opaqueBase))
			return append(dst, resp.Body...)
		}
	}
}

// stored is what a broker answers to a send.
func stored() func() answer {
	return fixedAnswer(remoting.Command{Fields: remoting.Fields{
		{Key: "msgId", Value: "7F000001000051AF0000000000000000"}, {Key: "queueId", Value: "0"},
		{Key: "queueOffset", Value: "0"}, {Key: "MSG_REGION", Value: "DefaultRegion"}, {Key: "TRACE_ON", Value: "true"},
	}})
}
