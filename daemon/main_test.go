package main

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"pairmq/daemon/config"
)

func TestStartAnswersWithoutRunning(t *testing.T) {
	bad := filepath.Join(t.TempDir(), "bad.conf")
	if err := os.WriteFile(bad, []byte("listenPort=x\nbrokerNmae=y\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	tests := []struct {
		name        string
		args        []string
		code        int
		out, errOut string
	}{
		{"help", []string{"--help"}, exitOK, "usage: pairmqd", ""},
		{"version", []string{"--version"}, exitOK, "pairmqd ", ""},
		{"keys", []string{"--print-keys"}, exitOK, "| `flushDiskType` | `SYNC_FLUSH` |", ""},
		{"a file to begin with", []string{"--print-config"}, exitOK, "#flushDiskType=SYNC_FLUSH\n", ""},
		{"a good configuration", []string{"--check-config", "--enableNamesrv=true"}, exitOK, "the configuration is good", ""},
		{"every complaint", []string{"-c", bad, "--check-config"}, exitUsage, "", `pairmqd: ` + bad + `:2: unknown key "brokerNmae"; did you mean "brokerName"?`},
		{"name servers that are none", []string{"--check-config", "--namesrvAddr=10.0.0.1:9876;10.0.0.1:9876"}, exitUsage, "", "namesrvAddr: "},
		{"a certificate that is none", []string{"--check-config", "--enableNamesrv=true", "--tlsServerMode=permissive", "--tlsServerCertPath=" + bad, "--tlsServerKeyPath=" + bad}, exitUsage, "", "TLS of this server: "},
		{"an authority that is none", []string{"--check-config", "--enableNamesrv=true", "--tlsEnable=true", "--tlsClientTrustCertPath=" + bad}, exitUsage, "", "it has no certificate in PEM"},
		{"no such file", []string{"-c", "/nonexistent/pairmq.conf"}, exitUsage, "", "no such file"},
		{"-c without a file", []string{"-c"}, exitUsage, "", "-c needs a file"},
		{"a stray word", []string{"start"}, exitUsage, "", `unknown argument "start"`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var out, errOut bytes.Buffer
			if code := start(tt.args, unconfined, &out, &errOut); code != tt.code {
				t.Errorf("exit code %d, want %d; it said %s%s", code, tt.code, &out, &errOut)
			}
			if !strings.Contains(out.String(), tt.out) || !strings.Contains(errOut.String(), tt.errOut) {
				t.Errorf("said %q and %q, want %q and %q", &out, &errOut, tt.out, tt.errOut)
			}
		})
	}
}

func TestLogLinesCarryThePriorityThatJournaldReads(t *testing.T) {
	cfg := config.Default()
	var b bytes.Buffer
	log, level := newLogger(&b, &cfg)
	log.Debug("not shown")
	log.With("part", "store").Warn("torn tail", "phyOffset", 7)
	setLevel(level, "debug")
	log.WithGroup("g").Debug("shown", "a", 1)
	log.Error("bad")
	want := "<4>msg=\"torn tail\" part=store phyOffset=7\n<7>msg=shown g.a=1\n<3>msg=bad\n"
	if b.String() != want {
		t.Errorf("logged\n%swant\n%s", b.String(), want)
	}
	cfg.LogFormat = "json"
	b.Reset()
	log, _ = newLogger(&b, &cfg)
	log.Info("x", slog.Int("y", 1))
	if !strings.HasPrefix(b.String(), `{"time":`) {
		t.Errorf("logFormat json logs %q", b.String())
	}
}

// What strangers are called, and what they say, cannot look like lines of the daemon's own,
// nor do anything to a terminal, wherever the log goes.
func TestNoNameForgesALine(t *testing.T) {
	forged := "x\n<2>msg=\"all is lost\" part=store\nPRIORITY=2\nMESSAGE=forged\r\x1b[2J\x00\u2028level=ERROR"
	log := func(l *slog.Logger) {
		l.With("part", forged).Warn("a stranger", "client", forged, "err", errors.New(forged))
	}
	for _, format := range []string{"auto", "text", "json"} {
		cfg := config.Default()
		cfg.LogFormat = format
		var b bytes.Buffer
		l, _ := newLogger(&b, &cfg)
		log(l)
		if strings.Count(b.String(), "\n") != 1 || strings.ContainsAny(b.String(), "\r\x1b\x00\u2028") {
			t.Errorf("logFormat %s: one line became %q", format, b.String())
		}
	}
	path := filepath.Join(t.TempDir(), "journal")
	at, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: path, Net: "unixgram"})
	if err != nil {
		t.Fatal(err)
	}
	defer at.Close()
	log(slog.New(newFieldHandler(newJournal(path, io.Discard), new(slog.HandlerOptions))))
	b := make([]byte, datagramLimit)
	n, err := at.Read(b)
	if err != nil {
		t.Fatal(err)
	}
	// NAME=value to the end of the line, or NAME, a length of 8 bytes and as much: as journald reads it.
	fields := map[string][]string{}
	for rest := b[:n]; len(rest) > 0; {
		end := bytes.IndexByte(rest, '\n')
		if end < 0 {
			t.Fatalf("a field without an end: %q", rest)
		}
		name, value, ok := strings.Cut(string(rest[:end]), "=")
		rest = rest[end+1:]
		if !ok {
			size := int(binary.LittleEndian.Uint64(rest))
			value, rest = string(rest[8:8+size]), rest[8+size+1:]
		}
		fields[name] = append(fields[name], value)
	}
	if len(fields["PRIORITY"]) != 1 || fields["PRIORITY"][0] != "4" || len(fields["MESSAGE"]) != 1 || strings.ContainsAny(fields["MESSAGE"][0], "\n\r\x1b\x00") {
		t.Errorf("the journal takes the priorities %q and the messages %q, want one warning on one line", fields["PRIORITY"], fields["MESSAGE"])
	}
}
