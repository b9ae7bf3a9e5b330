package interop

import (
	"crypto/tls"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"pairmq/tools/interop/agents"
	"pairmq/tools/interop/peers"
	"pairmq/tools/interop/target"
	"pairmq/tools/interop/verify"
)

// ctlEnv is the path of the command line, which makes the certificates.
const ctlEnv = "PAIRMQ"

// TestTLS has Apache's clients send and consume over TLS, on the ports that serve plain
// text as well, and on those that serve nobody without a certificate.
func TestTLS(t *testing.T) {
	if kind, err := target.Kind(); err != nil || kind != target.Pairmq {
		t.Skipf("the certificates are given to pairmqd alone, not to %s %v", kind, err)
	}
	dir := workDir(t)
	certs := filepath.Join(dir, "tls")
	for _, args := range [][]string{
		{"cert", "ca", "--dir", certs},
		{"cert", "sign", "--dir", certs, "--server", "gw-a=127.0.0.1", "--client", "app"},
	} {
		if out, err := exec.CommandContext(t.Context(), os.Getenv(ctlEnv), args...).CombinedOutput(); err != nil {
			t.Fatalf("%s=%q %q: %v\n%s", ctlEnv, os.Getenv(ctlEnv), args, err, out)
		}
	}
	in := func(name string) string { return filepath.Join(certs, name) }
	own, err := tls.LoadX509KeyPair(in("app.crt"), in("app.key"))
	if err != nil {
		t.Fatal(err)
	}
	config := &tls.Config{Certificates: []tls.Certificate{own}, InsecureSkipVerify: true}

	// As RocketMQ's tls.properties has it: who is sure of the server, and shows a certificate.
	properties := filepath.Join(dir, "tls.properties")
	text := fmt.Sprintf("tls.test.mode.enable=false\ntls.client.authServer=true\ntls.client.trustCertPath=%s\ntls.client.certPath=%s\ntls.client.keyPath=%s\n",
		in("ca.crt"), in("app.crt"), in("app.key"))
	if err := os.WriteFile(properties, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	sure := []string{"-Dtls.enable=true", "-Dtls.config.file=" + properties}
	all := javaClientsIn(t, dir)
	versions := []string{"java-" + peers.V4, "java-" + peers.V5}

	for _, mode := range []string{"permissive", "enforcing"} {
		t.Run(mode, func(t *testing.T) {
			keys := map[string]string{
				"flushDiskType": "ASYNC_FLUSH", "tlsServerMode": mode, "tlsServerCertPath": in("gw-a.crt"), "tlsServerKeyPath": in("gw-a.key"),
				"tlsEnable": "true", "tlsClientTrustCertPath": in("ca.crt"), "tlsClientCertPath": in("gw-a.crt"), "tlsClientKeyPath": in("gw-a.key"),
			}
			if mode == "enforcing" {
				keys["tlsServerNeedClientAuth"], keys["tlsServerTrustCertPath"] = "require", in("ca.crt")
			}
			w := &world{dir: workDir(t), peers: all}
			if w.target, err = target.StartTLS(t.Context(), w.dir, keys, config); err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() {
				if err := w.target.Close(); err != nil {
					t.Error(err)
				}
				if t.Failed() {
					t.Logf("the end of the broker's log:\n%s", w.target.Process().Tail(25))
				}
			})
			for _, v := range versions {
				w.clients = append(w.clients, w.start(t, v, v, sure...))
			}
			others := map[string][]string{ // who is let in by permissive alone
				"plain":    nil,
				"trusting": {"-Dtls.enable=true", "-Dtls.config.file=/nonexistent"}, // takes every server, shows nothing
			}
			for _, a := range w.clients {
				t.Run(a.Name, func(t *testing.T) { tlsProduceConsume(t, w, a) })
			}
			for what, jvm := range others {
				for _, v := range versions {
					t.Run(what+"-"+v, func(t *testing.T) {
						a := w.start(t, v, dotless(mode+"-"+what+"-"+v), jvm...)
						a.Name = v
						if mode == "permissive" {
							tlsProduceConsume(t, w, a)
							return
						}
						topic := dotless(name(t))
						sent, err := a.Produce(within(t, 2*time.Minute), "P_"+topic, topic, 1, 0, 1, 1)
						if err == nil {
							t.Errorf("it was served: %v", sent)
						}
						t.Logf("refused as it should be: %.300v", err)
					})
				}
			}
			// A client of TLS 1.2, as Java 8 is.
			t.Run("TLS1.2", func(t *testing.T) {
				c := config.Clone()
				c.MaxVersion = tls.VersionTLS12
				w.target.TLS = c
				defer func() { w.target.TLS = config }()
				conn, err := w.target.Dial(within(t, 10*time.Second))
				if err != nil {
					t.Fatal(err)
				}
				conn.Close()
			})
		})
	}
}

// tlsProduceConsume has one client send, and all of the world's consume what it sent.
func tlsProduceConsume(t *testing.T, w *world, producer *agents.Agent) {
	topic := dotless(name(t))
	sent, err := producer.Produce(within(t, 2*time.Minute), "P_"+topic, topic, 7, 0, messages, 4)
	if err != nil {
		t.Fatal(err)
	}
	if err := allAccepted(sent); err != nil {
		t.Fatal(err)
	}
	consumeEverywhere(t, w, topic, verify.Corpus(7, messages), sent)
}
