package main

import (
	"context"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

func TestEveryCellThatIsWantedIsMeasured(t *testing.T) {
	c := config{
		dir: t.TempDir(), rounds: 1, conns: 2, seconds: 500 * time.Millisecond, heat: 50 * time.Millisecond,
		cells: []string{"send/SYNC_FLUSH/128/64", "pull/16384", "start", "memory"},
	}
	rep, err := loadReport(c)
	if err != nil {
		t.Fatal(err)
	}
	targets := []target{&fakeTarget{label: ours, port: freePort(t)}}
	rep.measuredWith(c, machine{}, targets)
	if err := newRunner(c, targets, rep, t.Output()).rounds(t.Context()); err != nil {
		t.Fatal(err)
	}
	send := sendCell(syncFlush, 128, 64)
	for cell, metrics := range map[string][]string{
		send:             {metricRate, metricP50, metricP99, metricMax},
		pullCell(16384):  {metricRate, metricBytes, metricP50},
		cellStartEmpty:   {metricMillis},
		cellStartStored:  {metricMillis},
		cellMemoryIdle:   {metricRSS, metricHWM, metricAnon},
		cellMemoryLoaded: {metricRSS, metricHWM, metricAnon},
	} {
		for _, m := range metrics {
			if v, ok := rep.median(ours, cell, m); !ok || v <= 0 {
				t.Errorf("%s: %s is %v, measured %v", cell, m, v, ok)
			}
		}
	}
	if v, ok := rep.median(limit, send, metricRate); !ok || v <= 0 {
		t.Errorf("the disk allows %v messages per second, measured %v", v, ok)
	}
	if n := len(rep.Samples); n != 7 {
		t.Errorf("%d samples, want 6 of the broker and 1 of the disk: %+v", n, rep.Samples)
	}
	if left, err := os.ReadDir(c.dir); len(left) != 0 || err != nil {
		t.Errorf("left in the folder: %v, %v", left, err)
	}
	for _, want := range []string{"### Send, SYNC_FLUSH", "### Pull", "### Start", "### Memory", "* pairmqd: fake pairmqd"} {
		if !strings.Contains(rep.markdown(), want) {
			t.Errorf("the tables lack %q:\n%s", want, rep.markdown())
		}
	}
}

func TestDelaysAreMeasured(t *testing.T) {
	level1, timers := delayCell(quiet, "level1"), delayCell(busy, kindTimer)
	c := config{dir: t.TempDir(), rounds: 1, seconds: 500 * time.Millisecond, cells: []string{level1, timers}}
	rep, err := loadReport(c)
	if err != nil {
		t.Fatal(err)
	}
	rep.Machine = machine{CPU: "of before"}
	targets := []target{&fakeTarget{label: ours, port: freePort(t)}}
	rep.measuredWith(c, machine{CPU: "of delays"}, targets)
	if err := newRunner(c, targets, rep, t.Output()).rounds(t.Context()); err != nil {
		t.Fatal(err)
	}
	if v, _ := rep.median(ours, level1, metricMessages); v < 1600 || v > 2400 {
		t.Errorf("%v messages were sent, want about 2000", v)
	}
	for metric, most := range map[string]float64{metricP50: 60e6, metricEarly: 0, metricTwice: 0, metricNever: 0} {
		if v, ok := rep.median(ours, level1, metric); !ok || v < 0 || v > most {
			t.Errorf("%s is %v, measured %v; want 0 to %v", metric, v, ok, most)
		}
	}
	if n := len(rep.Samples); n != 2 || rep.Samples[1].Cell != timers || !strings.Contains(rep.Samples[1].Error, "not supported: MESSAGE_ILLEGAL: timed") {
		t.Errorf("%d samples, want that timers are not supported as the second: %+v", n, rep.Samples)
	}
	before, delays, _ := strings.Cut(rep.markdown(), "## Delays")
	if !strings.Contains(before, "of before") || !strings.Contains(delays, "of delays") || !strings.Contains(delays, "* pairmqd: fake pairmqd") || !strings.Contains(delays, "| level 1, 1 s | quiet | ") {
		t.Errorf("delays and the rest do not say each what they were measured with:\n%s%s", before, delays)
	}
}

func TestAnotherTargetIsFirstInEachRound(t *testing.T) {
	c := config{dir: t.TempDir(), rounds: 3, cells: []string{cellStartEmpty}}
	rep, err := loadReport(c)
	if err != nil {
		t.Fatal(err)
	}
	port := freePort(t)
	targets := []target{&fakeTarget{label: ours, port: port}, &fakeTarget{label: v4, port: port}}
	if err := newRunner(c, targets, rep, t.Output()).rounds(t.Context()); err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, s := range rep.Samples {
		got = append(got, s.Target)
	}
	if want := []string{ours, v4, v4, ours, ours, v4}; !slices.Equal(got, want) {
		t.Errorf("measured in the order %v, want %v", got, want)
	}
}

func TestStartReportsABrokerThatEnds(t *testing.T) {
	dir := t.TempDir()
	_, err := startBroker(t.Context(), spawn{dir: dir, addr: loopback(freePort(t)), path: "/bin/false"})
	if err == nil || !strings.Contains(err.Error(), "before it answered") || !strings.Contains(err.Error(), filepath.Join(dir, "broker.log")) {
		t.Errorf("start of a program that ends at once: %v", err)
	}
}

func TestStartGivesUpWithItsContext(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	port := freePort(t)
	f := &fakeTarget{label: ours, port: port}
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	// It listens, but elsewhere.
	_, err = startBroker(ctx, spawn{dir: t.TempDir(), addr: loopback(port), path: self, env: fakeEnv(0)})
	if err == nil || !strings.Contains(err.Error(), "does not answer") {
		t.Errorf("start of %s where nobody listens: %v", f.name(), err)
	}
}

func TestPortsThatAreTaken(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	f := &fakeTarget{label: ours, port: freePort(t)}
	b, err := f.start(t.Context(), t.TempDir(), asyncFlush)
	if err != nil {
		t.Fatal(err)
	}
	defer b.stop()
	err = portsFrom(f.port - 11).waitFree(ctx)
	if err == nil || !strings.Contains(err.Error(), "is taken") {
		t.Errorf("wait for port %d, which is in use: %v", f.port, err)
	}
}
