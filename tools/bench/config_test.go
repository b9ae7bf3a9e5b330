package main

import (
	"errors"
	"flag"
	"io"
	"strings"
	"testing"
	"time"
)

func noEnv(string) string { return "" }

func TestParse(t *testing.T) {
	c, err := parse([]string{"-only", "pairmqd,disk", "-cells", "send/SYNC_FLUSH, pull", "-seconds", "1.5"}, noEnv, io.Discard)
	if err != nil {
		t.Fatal(err)
	}
	if c.seconds != 1500*time.Millisecond || c.rounds != 3 || c.heat != 10*time.Second {
		t.Errorf("%v for each of %d rounds after %v", c.seconds, c.rounds, c.heat)
	}
	if !c.measures(ours) || !c.measures(limit) || c.measures(v5) {
		t.Errorf("-only pairmqd,disk measures %v", c.only)
	}
	for cell, want := range map[string]bool{sendCell(syncFlush, 128, 1): true, sendCell(asyncFlush, 128, 1): false, pullCell(128): true, cellStartEmpty: false} {
		if c.wants(cell) != want {
			t.Errorf("wants(%s) is %v", cell, !want)
		}
	}
	if all, err := parse(nil, noEnv, io.Discard); err != nil || !all.measures(v4) || !all.wants(cellStartEmpty) {
		t.Errorf("without flags: %+v, %v; want everything", all, err)
	}
}

func TestParseReadsTheEnvironment(t *testing.T) {
	env := func(key string) string { return map[string]string{"QUICK": "1", "PAIRMQ_PEERS": "/peers"}[key] }
	if c, err := parse(nil, env, io.Discard); err != nil || c.seconds != 2*time.Second || c.peers != "/peers" {
		t.Errorf("%v, jars in %s, %v; want 2s and /peers", c.seconds, c.peers, err)
	}
}

func TestParseRefuses(t *testing.T) {
	for flags, want := range map[string]string{
		"-only kafka":       "apache-4.9.7",
		"-cells send/FOO":   "no cell is called so",
		"-rounds 0":         "1 to 99",
		"-seconds 0":        "0.1 to 600",
		"-heat -1":          "0 to 600",
		"-conns 9":          "1 to 8",
		"-port 33000":       "1024 to 32700",
		"-nonsense":         "not defined",
		"everything":        "unexpected",
		"-settle 700":       "0 to 600",
		"-rounds many":      "invalid value",
		"-only pairmqd,foo": "foo",
	} {
		if _, err := parse(strings.Fields(flags), noEnv, io.Discard); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("parse(%s) fails with %v, want %q in it", flags, err, want)
		}
	}
	if _, err := parse([]string{"-h"}, noEnv, io.Discard); !errors.Is(err, flag.ErrHelp) {
		t.Errorf("parse(-h) fails with %v, want flag.ErrHelp", err)
	}
}
