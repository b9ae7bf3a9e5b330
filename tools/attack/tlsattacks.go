package main

import (
	"bytes"
	"crypto/tls"
	"io"
	"maps"
	"net"
	"slices"
	"strings"
	"time"

	"pairmq/internal/remoting"
)

func tlsAttacks() []attack {
	all := []attack{
		{name: "PlainText", what: "requests in plain text to ports that enforce TLS", do: plainText},
		{name: "NoCertificate", what: "handshakes that show no certificate where one is wanted", do: func(s *stranger) { s.handshakes(func(*tls.Config) error { return nil }) }},
	}
	for _, c := range []struct{ name, file, what string }{
		{"ExpiredCertificate", "expired", "a certificate of the right authority that expired yesterday"},
		{"ForeignCertificate", "foreign", "a certificate of another authority"},
		{"TwinCertificate", "twin", "a certificate of an authority that calls itself as the right one"},
		{"SelfSignedCertificate", "self", "a certificate that signs itself"},
		{"ServersCertificate", "server", "a certificate of the right authority that is for servers"},
	} {
		all = append(all, attack{name: c.name, what: c.what, do: func(s *stranger) {
			s.handshakes(func(t *tls.Config) error {
				cert, err := shown(c.file)
				t.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) { return &cert, nil } // whatever the server asks for
				return err
			})
		}})
	}
	all = append(all,
		attack{name: "OldTLS", what: "TLS 1.0 and 1.1, and ciphers that nobody should use", do: oldTLS},
		attack{name: "BrokenHandshake", what: "records that lie, and noise behind a good hello", time: 8 * time.Second, do: brokenHandshake},
		attack{name: "SlowHandshake", what: "200 connections that send a byte of a hello each 0.4 s", time: 8 * time.Second, do: slowHandshake},
		attack{name: "UnfinishedHandshakes", what: "1,000 connections from 64 addresses that send a good hello and nothing more", time: 7 * time.Second, addrs: strangers, do: unfinishedHandshakes},
		attack{name: "LargeHandshake", what: "hellos of 64 KiB, and certificates of 200 KiB, 50 at a time", time: 8 * time.Second, do: largeHandshake},
		attack{name: "HandshakeFlood", what: "handshakes with foreign certificates as fast as 8 connections can", time: 3 * time.Second, do: handshakeFlood},
	)
	for i := range all {
		all[i].on = secured
	}
	return all
}

func plainText(s *stranger) {
	for range 20 {
		for _, port := range remotingPorts() {
			nc, err := s.dial(port)
			if err != nil {
				s.answer("refused")
				continue
			}
			_ = s.send(nc, request(remoting.ReqGetRouteinfoByTopic, fields("topic", topic), nil))
			_ = nc.SetReadDeadline(time.Now().Add(soon))
			switch resp, err := readAnswer(nc); {
			case err == nil:
				s.wrong("port %d answers plain text with %s", port, remoting.ResponseName(resp.Code))
			case isTimeout(err):
				s.wrong("port %d does not hang up on plain text", port)
			default:
				s.answer("closed")
			}
			nc.Close()
		}
	}
}

// handshakes has one after the other, each with a request behind it that must have no answer.
func (s *stranger) handshakes(prepare func(*tls.Config) error) {
	for range 20 {
		for _, port := range remotingPorts() {
			for _, version := range []uint16{tls.VersionTLS12, tls.VersionTLS13} {
				config := &tls.Config{InsecureSkipVerify: true, MaxVersion: version}
				if err := prepare(config); err != nil {
					s.wrong("%v", err)
					return
				}
				s.shake(port, config)
				pause(s.ctx, 5*time.Millisecond) // as HandshakeFlood does not
			}
		}
	}
}

// shake is one handshake that must not lead to an answer.
func (s *stranger) shake(port int, config *tls.Config) {
	nc, err := s.dial(port)
	if err != nil {
		s.answer("refused")
		return
	}
	defer nc.Close()
	_ = nc.SetDeadline(time.Now().Add(soon))
	t := tls.Client(nc, config)
	if err = t.Handshake(); err == nil {
		_, _ = t.Write(request(remoting.ReqGetRouteinfoByTopic, fields("topic", topic), nil))
		var resp *remoting.Command
		if resp, err = readAnswer(t); err == nil {
			s.wrong("port %d answers with %s", port, remoting.ResponseName(resp.Code))
			return
		}
	}
	if isTimeout(err) && s.ctx.Err() == nil {
		s.wrong("port %d does not hang up", port)
		return
	}
	s.answer("%.60s", strings.TrimPrefix(err.Error(), "remote error: "))
}

func oldTLS(s *stranger) {
	for _, port := range remotingPorts() {
		for _, version := range []uint16{tls.VersionTLS10, tls.VersionTLS11} {
			s.shake(port, &tls.Config{InsecureSkipVerify: true, MinVersion: version, MaxVersion: version})
		}
		for _, suite := range tls.InsecureCipherSuites() {
			s.shake(port, &tls.Config{InsecureSkipVerify: true, MaxVersion: tls.VersionTLS12, CipherSuites: []uint16{suite.ID}})
		}
	}
}

// hello is what a good handshake begins with.
func hello() []byte {
	var out bytes.Buffer
	_ = tls.Client(&recorded{out: &out}, &tls.Config{InsecureSkipVerify: true}).Handshake()
	return out.Bytes()
}

// A recorded connection takes what is written and gives nothing.
type recorded struct {
	net.Conn
	out *bytes.Buffer
}

func (r *recorded) Write(b []byte) (int, error) { return r.out.Write(b) }
func (r *recorded) Read([]byte) (int, error)    { return 0, io.EOF }
func (r *recorded) Close() error                { return nil }

func brokenHandshake(s *stranger) {
	good := hello()
	cut := func(b []byte, at int, v byte) []byte {
		b = bytes.Clone(b)
		b[at] = v
		return b
	}
	broken := map[string][]byte{
		"a record of 64 KiB": append([]byte{0x16, 3, 1, 0xff, 0xff}, make([]byte, 0xffff)...), "an empty record": {0x16, 3, 1, 0, 0}, "empty records": bytes.Repeat([]byte{0x16, 3, 1, 0, 0}, 1000),
		"a message of 16 MiB": append([]byte{0x16, 3, 1, 0x40, 0, 1, 0xff, 0xff, 0xff}, make([]byte, 16<<10)...), "noise behind a hello": append(bytes.Clone(good), bytes.Repeat([]byte{0x17, 3, 3, 0, 16, 9, 9, 9}, 100)...),
		"hellos": bytes.Repeat(good, 50), "a hello that lies": cut(good, 8, 0xff), "SSL 3.0": cut(good, 10, 0), "alerts": append([]byte{0x16, 3, 1, 0, 1, 1}, bytes.Repeat([]byte{0x15, 3, 1, 0, 2, 1, 0}, 1000)...),
	}
	kinds := slices.Sorted(maps.Keys(broken))
	s.crowd(9*len(kinds), func(i int) {
		what, port := kinds[i/9], remotingPorts()[i%3]
		b := broken[what]
		nc, err := s.dial(port)
		if err != nil {
			s.answer("refused")
			return
		}
		defer nc.Close()
		_ = s.send(nc, b)
		if what == "an empty record" {
			_ = nc.(*net.TCPConn).CloseWrite()
		}
		s.closes(nc, what, time.Now(), firstFrame)
	})
}

func slowHandshake(s *stranger) {
	good := hello()
	s.crowd(200, func(i int) { s.drip(remotingPorts()[i%3], good, firstFrame) })
}

// unfinishedHandshakes have the daemon do its half of many, and leave it alone with them.
func unfinishedHandshakes(s *stranger) {
	good := hello()
	s.crowd(1000, func(i int) {
		pause(s.ctx, time.Duration(i)*time.Millisecond)
		nc, err := s.dialFrom(i, remotingPorts()[i%3])
		if err != nil {
			s.answer("refused")
			return
		}
		defer nc.Close()
		_ = s.send(nc, good)
		begin := time.Now()
		_ = nc.SetReadDeadline(s.end())
		n, err := io.Copy(io.Discard, nc)
		if isTimeout(err) && n > 0 && time.Since(begin) > firstFrame {
			s.wrong("port %d does not hang up", remotingPorts()[i%3])
		}
		switch {
		case isTimeout(err) && n == 0:
			s.answer("waits for its turn")
		case isTimeout(err):
			s.answer("waits")
		default:
			s.answer("closed")
		}
	})
}

func largeHandshake(s *stranger) {
	enough := time.Now().Add(2 * time.Second)
	s.crowd(50, func(i int) {
		for time.Now().Before(enough) {
			s.large(i)
		}
	})
}

// large is one handshake that goes on too long.
func (s *stranger) large(i int) {
	nc, err := s.dialFrom(i, remotingPorts()[i%3])
	if err != nil {
		s.answer("refused")
		return
	}
	defer nc.Close()
	if i%2 == 0 { // a hello in many records
		b := []byte{0x16, 3, 1, 0x40, 0, 1, 0, 0xff, 0xf0}
		b = append(b, make([]byte, 0x4000-4)...)
		for range 4 {
			b = append(b, 0x16, 3, 1, 0x40, 0)
			b = append(b, make([]byte, 0x4000)...)
		}
		_ = s.send(nc, b)
		s.closes(nc, "a hello of 64 KiB", time.Now(), firstFrame)
		return
	}
	cert, err := shown("foreign")
	if err != nil {
		s.wrong("%v", err)
		return
	}
	for range 400 {
		cert.Certificate = append(cert.Certificate, cert.Certificate[0])
	}
	_ = nc.SetDeadline(time.Now().Add(soon))
	t := tls.Client(nc, &tls.Config{InsecureSkipVerify: true, GetClientCertificate: func(*tls.CertificateRequestInfo) (*tls.Certificate, error) { return &cert, nil }})
	if err = t.Handshake(); err == nil {
		_, err = readAnswer(t)
	}
	if err == nil || isTimeout(err) && s.ctx.Err() == nil {
		s.wrong("certificates of 200 KiB: %v", err)
		return
	}
	s.answer("closed")

}

func handshakeFlood(s *stranger) {
	cert, err := shown("foreign")
	if err != nil {
		s.wrong("%v", err)
		return
	}
	config := &tls.Config{InsecureSkipVerify: true, GetClientCertificate: func(*tls.CertificateRequestInfo) (*tls.Certificate, error) { return &cert, nil }}
	s.again(8, func(i int) {
		nc, err := s.dialFrom(i, remotingPorts()[i%3])
		if err != nil {
			s.answer("refused")
			return
		}
		defer nc.Close()
		_ = nc.SetDeadline(s.end())
		t := tls.Client(nc, config)
		if err = t.Handshake(); err == nil {
			_, err = readAnswer(t)
		}
		if err == nil {
			s.wrong("let in with a foreign certificate")
		}
		s.answer("closed")
	})
}
