package main

import (
	"bytes"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"pairmq/daemon/config"
	"pairmq/internal/remoting"
)

// TestStrangersHearNoSignature: what a broker asks name servers, and by which it finds out who is the
// other half, it does not sign.
func TestStrangersHearNoSignature(t *testing.T) {
	_, b := accountsBroker(t)
	heard := make(chan bool, 1)
	srv := remoting.NewServer(remoting.ServerOptions{Handler: remoting.HandlerFunc(func(req *remoting.Request) {
		_, signed := req.Fields.Lookup("Signature")
		heard <- signed
		req.ReplyError(remoting.RespSystemError, "no")
	})})
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	go srv.Serve(t.Context(), ln)
	t.Cleanup(func() { srv.Shutdown(t.Context()) })
	for code, want := range map[int32]bool{
		remoting.ReqProveHalf: false, remoting.ReqRegisterBroker: false, remoting.ReqUnregisterBroker: false, remoting.ReqQueryDataVersion: false,
		remoting.ReqGetBrokerClusterInfo: false, remoting.ReqGetAllTopicConfig: true, remoting.ReqExchangePairState: true, remoting.ReqPromoteBroker: true,
	} {
		if _, err := b.client.Call(t.Context(), ln.Addr().String(), &remoting.Command{Code: code}); err != nil {
			t.Fatal(err)
		}
		if signed := <-heard; signed != want {
			t.Errorf("%s is signed: %t", remoting.RequestName(code), signed)
		}
	}
}

// TestWhoIsWarnedOfAccounts: a name server that takes every broker hands out what clients sign.
func TestWhoIsWarnedOfAccounts(t *testing.T) {
	for allowed, want := range map[string]bool{"": true, "10.0.0.0/24": false} {
		var out bytes.Buffer
		path := filepath.Join(t.TempDir(), "plain_acl.yml")
		if err := os.WriteFile(path, []byte(accountsText), 0o600); err != nil {
			t.Fatal(err)
		}
		cfg := config.Config{ACL: true, ACLFile: path, EnableBroker: true, EnableNamesrv: true, Live: config.Live{NamesrvAllowed: allowed}}
		if _, _, err := newAccounts(&cfg, slog.New(slog.NewTextHandler(&out, nil))); err != nil {
			t.Fatal(err)
		}
		if warned := strings.Contains(out.String(), "namesrvAllowedBrokers is empty"); warned != want {
			t.Errorf("with namesrvAllowedBrokers=%q the log says\n%s", allowed, out.String())
		}
	}
}
