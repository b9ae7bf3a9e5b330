package main

import (
	"bytes"
	"errors"
	"io"
	"strings"
	"testing"

	"pairmq/internal/remoting"
)

func TestTheLedgerKnowsWhatIsLost(t *testing.T) {
	l := newLedger([]byte("the rest"))
	body := func(pieces [][]byte) []byte { return bytes.Join(pieces, nil) }
	_, begun := l.begin()
	lost, _ := l.begin()
	early, earlyBody := l.begin()
	late, lateBody := l.begin()
	if err := l.take(body(earlyBody)); err != nil { // before its sender has the answer
		t.Error(err)
	}
	for _, id := range []uint64{lost, early, late} {
		l.acknowledged(id)
	}
	if got := l.outstanding(); got != 2 {
		t.Errorf("%d are outstanding, want 2", got)
	}
	for range 2 {
		if err := l.take(body(lateBody)); err != nil {
			t.Error(err)
		}
	}
	if err := l.take(body(begun)); err != nil {
		t.Errorf("one that was not acknowledged may be there: %v", err)
	}
	for name, bad := range map[string][]byte{
		"nobody sent it": []byte("\x00\x00\x00\x00\x00\x00\x00\x09the rest"), "another body": []byte("\x00\x00\x00\x00\x00\x00\x00\x01the best"), "short": []byte("\x00"),
	} {
		if err := l.take(bad); !errors.Is(err, errBody) {
			t.Errorf("%s: %v, want errBody", name, err)
		}
	}
	s := l.sum()
	if s.acknowledged != 3 || s.consumed != 3 || s.again != 1 || len(s.lost) != 1 || s.lost[0] != lost {
		t.Errorf("sum is %+v", s)
	}
	if got := l.outstanding(); got != 1 {
		t.Errorf("%d are outstanding, want 1", got)
	}
}

func TestArguments(t *testing.T) {
	if a, err := parse([]string{"-connections", "2000", "--", "--logLevel=warn"}, io.Discard); err != nil || a.connections != 2000 || len(a.more) != 1 {
		t.Errorf("%+v, %v", a, err)
	}
	for _, bad := range []string{"-connections=88", "-size=8", "-size=99999999", "-limit=8", "-duration=0", "-nothing"} {
		if _, err := parse([]string{bad}, io.Discard); err == nil {
			t.Errorf("%s is taken", bad)
		}
	}
}

func TestFramesAreRead(t *testing.T) {
	frame := remoting.AppendCommand(nil, &remoting.Command{Code: 7, Opaque: 3, Flag: 1, Body: []byte("body")})
	cmd, err := readCommand(bytes.NewReader(frame))
	if err != nil || cmd.Opaque != 3 || string(cmd.Body) != "body" {
		t.Errorf("%+v, %v", cmd, err)
	}
	for cut := range frame {
		if _, err := readCommand(bytes.NewReader(frame[:cut])); err == nil {
			t.Fatalf("%d of %d bytes are taken for a frame", cut, len(frame))
		}
	}
	if _, err := readCommand(strings.NewReader("\x7f\xff\xff\xff")); !errors.Is(err, remoting.ErrBadFrame) {
		t.Errorf("2 GiB: %v", err)
	}
}

// FuzzReadCommand: it may refuse what a broker sends, it may not panic.
func FuzzReadCommand(f *testing.F) {
	f.Add(remoting.AppendCommand(nil, &remoting.Command{Code: 7, Opaque: 3, Flag: 1, Body: []byte("body")}))
	f.Fuzz(func(t *testing.T, in []byte) {
		cmd, err := readCommand(bytes.NewReader(in))
		if err == nil && len(cmd.Body) > len(in) {
			t.Errorf("%d bytes have a body of %d", len(in), len(cmd.Body))
		}
	})
}
