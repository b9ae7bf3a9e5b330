package main

import (
	"context"
	"errors"
	"net"
	"strings"
	"testing"

	"pairmq/internal/remoting"
)

// TestDemoteBesideWhoTellsNothing: the other half tells its role on its own host alone, and
// has agreed: there is nothing to wait for.
func TestDemoteBesideWhoTellsNothing(t *testing.T) {
	master, heir := startFake(t), startFake(t)
	master.heir, master.role = heir.addr, roleSlave
	heir.refuse[remoting.ReqGetBrokerRuntimeInfo] = remoting.RespNoPermission
	o := master.run(t, "", "demote", "--broker", master.addr)
	if o.code != exitOK || !strings.Contains(o.out, heir.addr+" has agreed to be master") || !strings.Contains(o.out, "adminAddresses") || !strings.Contains(o.out, master.addr+" is SLAVE") {
		t.Errorf("exits with %d and writes\n%s%s", o.code, o.out, o.err)
	}
	heir.refuse, heir.role = map[int32]int32{}, "ASYNC_MASTER"
	o = master.run(t, "", "demote", "--broker", master.addr)
	if o.code != exitOK || !strings.Contains(o.out, heir.addr+" is ASYNC_MASTER, under epoch 3.1\n") {
		t.Errorf("of one that tells: exits with %d and writes\n%s%s", o.code, o.out, o.err)
	}
}

// TestASecondMasterIsSaid: a slave that is made master by force, while somebody answers under its name whom it does
// not take for the other half.
func TestASecondMasterIsSaid(t *testing.T) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	srv := remoting.NewServer(remoting.ServerOptions{Handler: remoting.HandlerFunc(func(r *remoting.Request) {
		switch {
		case r.Code == remoting.ReqGetBrokerRuntimeInfo:
			reply(r, map[string]any{"table": map[string]string{"brokerRole": "SYNC_MASTER", "epoch": "3"}})
		case r.Code == remoting.ReqPromoteBroker && r.Fields.Get("force") == "true":
			r.Reply(&remoting.Response{Fields: remoting.Fields{{Key: "epoch", Value: "3"}, {Key: "outsider", Value: "192.0.2.7:10911 2s ago:\x1b no half"}}})
		case r.Code == remoting.ReqPromoteBroker:
			r.Reply(&remoting.Response{Fields: remoting.Fields{{Key: "epoch", Value: "3"}}})
		default:
			r.ReplyError(remoting.RespRequestCodeNotSupported, "not of this fake")
		}
	})})
	done := make(chan error, 1)
	go func() { done <- srv.Serve(context.Background(), ln) }()
	for args, said := range map[string]bool{"promote": false, "promote --force": true} {
		r := runIn(t.Context(), "", "", append(strings.Fields(args), "--broker", ln.Addr().String())...)
		if r.code != exitOK || !strings.Contains(r.out, "is SYNC_MASTER, under epoch 3") {
			t.Errorf("%s exits with %d: %s%s", args, r.code, r.out, r.err)
		}
		if strings.Contains(r.err, "192.0.2.7:10911 2s ago") != said || strings.Contains(r.err, "\x1b") {
			t.Errorf("%s says %q", args, r.err)
		}
	}
	if err := errors.Join(srv.Shutdown(context.Background()), <-done); err != nil {
		t.Error(err)
	}
}
