package commitlog

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"syscall"
	"testing"

	"pairmq/hal/disk/diskfault"
)

// faultOptions make everything happen within few operations: batches are torn,
// segments roll, are prepared, retired, and used again.
func faultOptions(m mode) Options {
	return Options{SegmentSize: 2048, SyncFlush: m.sync, SyncApart: m.apart, Classes: m.classes, BatchBytes: 1024, UnsyncedBytes: 1500, FlushBytes: 512}
}

// A mode is when a log syncs.
type mode struct{ sync, apart, classes bool }

func everyMode(t *testing.T, test func(t *testing.T, m mode)) {
	for _, m := range []mode{{sync: true}, {sync: true, apart: true}, {}, {sync: true, classes: true}, {classes: true}} {
		t.Run(fmt.Sprintf("SyncFlush=%t,SyncApart=%t,Classes=%t", m.sync, m.apart, m.classes), func(t *testing.T) { test(t, m) })
	}
}

// outcomes is how many ways in which one power cut can end are looked at.
const outcomes = 8

// The power goes at every operation of a workload; each time several outcomes
// of it are recovered, used, and recovered again.
func TestPowerCutAtEveryOperation(t *testing.T) {
	everyMode(t, func(t *testing.T, how mode) {
		cuts, torn := 0, 0
		for n := 1; ; n++ {
			d := diskfault.New(diskfault.Plan{Seed: uint64(n), CutAt: n})
			first := newModel(faultOptions(how))
			if h, err := first.reopen(d, true); err == nil {
				workload{seed: uint64(n), steps: 60, keep: 2048}.run(first, h)
			}
			if !d.Struck() {
				break
			}
			for seed := range uint64(outcomes) {
				m := first.clone()
				after := d.RestartWith(uint64(n)*outcomes + seed)
				h, err := m.reopen(after, true)
				if err != nil {
					t.Fatalf("%v, restart seed %d: %v", d, uint64(n)*outcomes+seed, err)
				}
				cuts++
				if h.rec.Erased > 0 {
					torn++
				}
				if err := (workload{seed: seed, steps: 6, keep: 2048}).run(m, h); err != nil {
					t.Fatalf("%v, restart seed %d: work after it: %v", d, uint64(n)*outcomes+seed, err)
				}
				if _, err := m.reopen(after.Restart(), true); err != nil {
					t.Fatalf("%v, restart seed %d: second restart: %v", d, uint64(n)*outcomes+seed, err)
				}
			}
		}
		t.Logf("%d outcomes of power cuts, %d with a torn tail", cuts, torn)
		if torn == 0 {
			t.Error("no cut left a torn tail")
		}
	})
}

func (m *model) clone() *model {
	c := newModel(m.opts)
	c.id, c.acked, c.durable, c.start, c.strict, c.safe = m.id, m.acked, m.durable, m.start, slices.Clone(m.strict), m.safe
	for off, a := range m.records {
		c.records[off] = a
	}
	return c
}

// The power goes while the log recovers from a power cut, at every operation of
// that; what was torn may be torn once more, but nothing worse.
func TestPowerCutDuringRecovery(t *testing.T) {
	everyMode(t, func(t *testing.T, how mode) {
		tried := 0
		for n := 1; n < 60; n += 3 {
			d := diskfault.New(diskfault.Plan{Seed: uint64(n), CutAt: n, Only: diskfault.Write})
			first := newModel(faultOptions(how))
			h, err := first.reopen(d, true)
			if err != nil {
				t.Fatal(err)
			}
			workload{seed: uint64(n), steps: 60, keep: 2048}.run(first, h)
			for second := 1; ; second++ {
				m := first.clone()
				again := d.RestartWith(uint64(n))
				again.Arm(diskfault.Plan{Seed: uint64(second), CutAt: second})
				if h, err := openLog(again, m.opts, RecoverOptions{}); err == nil {
					h.Close()
				}
				if !again.Struck() {
					break
				}
				if _, err := m.reopen(again.Restart(), true); err != nil {
					t.Fatalf("%v, then %v: %v", d, again, err)
				}
				tried++
			}
		}
		t.Logf("%d power cuts during recovery", tried)
	})
}

// Every operation fails in turn: once or for ever, wholly or in part. Nothing
// that was confirmed is lost, whether the process is restarted or the power
// goes as well; and nothing is confirmed after a failure.
func TestEveryOperationFails(t *testing.T) {
	plans := map[string]func(n int) diskfault.Plan{
		"once":   func(n int) diskfault.Plan { return diskfault.Plan{FailAt: n} },
		"sticky": func(n int) diskfault.Plan { return diskfault.Plan{FailAt: n, Sticky: true} },
		"short":  func(n int) diskfault.Plan { return diskfault.Plan{ShortAt: n} },
		"sync":   func(n int) diskfault.Plan { return diskfault.Plan{FailAt: n, Only: diskfault.Datasync} },
		"full":   func(n int) diskfault.Plan { return diskfault.Plan{FailAt: n, Err: syscall.ENOSPC} },
	}
	for name, plan := range plans {
		t.Run(name, func(t *testing.T) {
			everyMode(t, func(t *testing.T, how mode) {
				tried := 0
				for n := 1; ; n++ {
					p := plan(n)
					p.Seed = uint64(n)
					d := diskfault.New(p)
					m := newModel(faultOptions(how))
					if h, err := m.reopen(d, true); err == nil {
						err := workload{seed: 7, steps: 60, keep: 2048}.run(m, h)
						checkFailure(t, d, h, err)
					}
					if !d.Struck() {
						if p.ShortAt > 0 && d.Ops() > n {
							continue // that operation was no write
						}
						break
					}
					tried++
					killed, cut := d.Kill(), m.clone()
					if _, err := cut.reopen(d.RestartWith(uint64(n)), true); err != nil {
						t.Fatalf("%v: after a power cut: %v", d, err)
					}
					// Without SyncFlush a failed sync may have cost what was confirmed.
					if _, err := m.reopen(killed, !how.sync || how.classes); err != nil {
						t.Fatalf("%v: in a new process: %v", d, err)
					}
					// What the new process found, it took for durable.
					if _, err := m.reopen(killed.RestartWith(uint64(n)), true); err != nil {
						t.Fatalf("%v: after a new process and a power cut: %v", d, err)
					}
				}
				t.Logf("%d operations failed", tried)
			})
		})
	}
}

// checkFailure: a log that failed says so, to everybody, and is silent then.
func checkFailure(t *testing.T, d *diskfault.FS, h *harness, err error) {
	t.Helper()
	h.mu.Lock()
	told := h.failed
	h.mu.Unlock()
	if (h.Failed() != nil) != (told != nil) {
		t.Fatalf("%v: failed with %v, told was %v", d, h.Failed(), told)
	}
	if h.Failed() != nil && !errors.Is(err, ErrFailed) {
		t.Fatalf("%v: failed with %v, the workload saw %v", d, h.Failed(), err)
	}
}

// Several producers, power cuts and kills at random, for several lives of one
// log. A failure names the seed.
func TestManyLives(t *testing.T) {
	everyMode(t, func(t *testing.T, how mode) {
		records := 0
		for seed := range uint64(12) {
			m := newModel(faultOptions(how))
			d := diskfault.New(diskfault.Plan{Seed: seed})
			for life := range 5 {
				d.Arm(diskfault.Plan{Seed: seed, CutAt: 20 + int(seed*31+uint64(life)*17)%150})
				h, err := m.reopen(d, true)
				if errors.Is(err, diskfault.ErrPowerCut) {
					d = d.Restart()
					continue
				}
				if err != nil {
					t.Fatalf("seed %d, life %d: %v", seed, life, err)
				}
				h.run()
				m.concurrently(t.Context(), h, 4, seed)
				h.cancel()
				<-h.ended
				m.promise(h)
				d = d.RestartWith(seed + uint64(life))
			}
			h, err := m.reopen(d, true)
			if err != nil {
				t.Fatalf("seed %d, last: %v", seed, err)
			}
			records += len(h.found)
		}
		t.Logf("%d records survived", records)
	})
}

// A killed process loses nothing that was written; what the next one finds is
// safe from a power cut as well.
func TestKill(t *testing.T) {
	everyMode(t, func(t *testing.T, how mode) {
		m := newModel(faultOptions(how))
		d := diskfault.New(diskfault.Plan{})
		for life := range uint64(20) {
			h, err := m.reopen(d, false)
			if err != nil {
				t.Fatalf("life %d: %v", life, err)
			}
			h.run()
			ctx, cancel := context.WithCancel(t.Context())
			var wg sync.WaitGroup
			wg.Go(func() { m.concurrently(ctx, h, 2, life) })
			if err := h.await(h.End() + 3000); err != nil {
				t.Fatal(err)
			}
			m.promise(h)
			d = d.Kill()
			cancel()
			wg.Wait()
			h.cancel()
			<-h.ended
			if life%2 == 1 {
				if _, err := m.reopen(d, false); err != nil {
					t.Fatalf("life %d: %v", life, err)
				}
				d = d.RestartWith(life)
			}
		}
	})
}
