package main

import (
	"fmt"
	"log/slog"
	"runtime/debug"
	"time"

	"pairmq/daemon/config"
	"pairmq/daemon/machine"
	"pairmq/hal/board"
	"pairmq/store"
)

// firstVersion is when nothing of this program was there yet: a clock that is
// before that is wrong. Programs that are made the same bytes each time do not say
// when they were made.
func firstVersion() time.Time { return time.Date(2026, time.November, 1, 0, 0, 0, 0, time.UTC) }

// built is when this program was made, as far as it is known: nothing is before that.
func built() time.Time {
	info, _ := debug.ReadBuildInfo()
	if t := board.Built(info); !t.IsZero() {
		return t
	}
	return firstVersion()
}

// machineOptions says what the daemon watches of the machine, and what it does. It
// fails where the configuration says what cannot be meant.
func machineOptions(cfg *config.Config, hw *board.Board, log *slog.Logger) (machine.Options, error) {
	o := machine.Options{
		Board: hw, Folder: cfg.StoreRoot, Built: built(), Log: log.With("part", "machine"),
		BudgetPerDay: cfg.WearPerDay, Years: cfg.WearYears, SupplyPoll: cfg.SupplyPoll, Lamps: map[machine.Class][]machine.Lamp{},
	}
	switch cfg.WearAction {
	case config.WearWarn:
		o.Action = machine.ActWarn
	case config.WearLinger:
		o.Action = machine.ActLinger
	}
	var err error
	if o.Supply, err = machine.ParseSupply(cfg.SupplyFail); err != nil {
		return o, fmt.Errorf("supplyFail: %w", err)
	}
	for _, l := range []struct {
		key, text string
		class     machine.Class
	}{
		{"ledOk", cfg.LEDOK, machine.OK}, {"ledReplicating", cfg.LEDReplicating, machine.Replicating},
		{"ledDegraded", cfg.LEDDegraded, machine.Degraded}, {"ledFault", cfg.LEDFault, machine.Fault},
	} {
		if o.Lamps[l.class], err = machine.ParseLamps(l.text); err != nil {
			return o, fmt.Errorf("%s: %w", l.key, err)
		}
	}
	return o, nil
}

// diaryKey is where the store keeps how much was written to its disk.
const diaryKey = "machine.diary"

// A host is what the machine acts on: the broker in one tenure.
type host struct {
	*store.Store
	t *tenure
}

// Diary and KeepDiary are machine.Host's. A store that cannot write keeps none.
func (h host) Diary() []byte { return h.Value(diaryKey) }

func (h host) KeepDiary(b []byte) error {
	if h.Stats().ReadOnly {
		return nil
	}
	return h.SetValue(diaryKey, b)
}

// Health is machine.Host's.
func (h host) Health() (machine.Class, string) {
	st := h.Stats()
	_, _, behind := h.Behind()
	slave := h.t.pair.slave
	switch {
	case behind:
		return machine.Degraded, "the log is being indexed"
	case st.ReadOnly:
		return machine.Fault, "the store is read-only: " + st.ReadOnlyWhy
	case st.Level >= store.Full:
		return machine.Fault, "the disk is full"
	case h.t.halves.Rival() != "":
		return machine.Fault, "two brokers are master under the same epoch"
	case st.Flaws > 0:
		return machine.Degraded, "parts of the log are damaged"
	case st.Level >= store.Filling:
		return machine.Degraded, "the disk is filling up"
	case slave != nil:
		return slaveHealth(slave.Status().Connected, slave.Status().End-st.DurablePhyOffset)
	}
	return masterHealth(h.t.cfg.WaitsForSlaves(), h.t.pair.lags(h.Confirmed()))
}

// nearBytes is how far a slave may be behind and be taken for one that has
// everything: what is on its way.
const nearBytes = 1 << 20

func slaveHealth(connected bool, behind int64) (machine.Class, string) {
	switch {
	case !connected:
		return machine.Degraded, "the master is not reached"
	case behind > nearBytes:
		return machine.Replicating, "this slave has not everything yet"
	}
	return machine.OK, ""
}

// masterHealth judges by how far each slave is behind. Who waits for slaves and has
// none does not keep what it promises.
func masterHealth(waits bool, lags []int64) (machine.Class, string) {
	if len(lags) == 0 && waits {
		return machine.Degraded, "there is no slave"
	}
	for _, n := range lags {
		if n > nearBytes {
			return machine.Replicating, "a slave has not everything yet"
		}
	}
	return machine.OK, ""
}
