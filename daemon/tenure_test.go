package main

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"strings"
	"testing"

	"pairmq/daemon/config"
	"pairmq/hal/disk"
	"pairmq/internal/remoting"
	"pairmq/replica/pair"
)

// TestOneThatIsAboutToBeMasterSaysNothing: between its promotion and its next
// tenure a slave still says that it is one, and who hands over to it could
// take that for a refusal, and go on storing.
func TestOneThatIsAboutToBeMasterSaysNothing(t *testing.T) {
	d := newDaemon(t).newSlave()
	cfg, _, err := config.Load("", d.settings)
	if err != nil {
		t.Fatal(err)
	}
	client := remoting.NewClient(remoting.ClientOptions{})
	defer client.Close()
	slave, err := newTenure(&cfg, platform{open: disk.OS}, before{}, client, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	srv := remoting.NewServer(remoting.ServerOptions{Handler: remoting.HandlerFunc(func(req *remoting.Request) {
		if err := slave.exchange(req); err != nil {
			req.ReplyError(remoting.RespSystemBusy, err.Error())
		}
	})})
	served := make(chan error, 1)
	go func() { served <- srv.Serve(context.Background(), ln) }()
	own := slave.state()
	own.Addr = "127.0.0.1:1"
	if s, err := pair.Ask(t.Context(), client, ln.Addr().String(), &own); err != nil || s.Role != pair.Slave {
		t.Errorf("a slave says %+v, %v", s, err)
	}
	if err := slave.memory.Promote(""); err != nil {
		t.Fatal(err)
	}
	if s, err := pair.Ask(t.Context(), client, ln.Addr().String(), &own); err == nil || !strings.Contains(err.Error(), "about to be master") {
		t.Errorf("one that was promoted says %+v, %v", s, err)
	}
	if err := errors.Join(srv.Shutdown(t.Context()), <-served, slave.close()); err != nil {
		t.Error(err)
	}
}
