package main

import (
	"log/slog"
	"math"
	"testing"
	"time"

	"pairmq/daemon/machine"
	"pairmq/hal/board"
)

func TestABrokerDescribesItsMachine(t *testing.T) {
	describe := func(hw *board.Board) map[string]string {
		m, err := machine.New(machine.Options{Board: hw, Folder: t.TempDir(), Log: slog.New(slog.DiscardHandler)})
		if err != nil {
			t.Fatal(err)
		}
		info, s := map[string]string{}, m.Snapshot()
		describeMachine(info, &s)
		return info
	}
	info := describe(mounted(t, "f2fs rw"))
	for key, want := range map[string]string{
		"storeFileSystem": "f2fs at /", "storeDevice": "mmcblk0 (eMMC, write back)", "flashLife": "90-100 % used, reserve warning",
		"diskWritten": "8388608", "ownWritten": "4096", "temperature": "", "supplies": "", "pressureIO": "",
	} {
		if info[key] != want {
			t.Errorf("of an eMMC it describes %s as %q, want %q", key, info[key], want)
		}
	}
	silent, _ := boardWith(t, nil)
	info = describe(silent)
	if len(info) != 2 || info["clockTrust"] == "" || info["lightClass"] == "" {
		t.Errorf("where the machine tells nothing it describes %v", info)
	}
}

func TestAMachineIsDescribedInFull(t *testing.T) {
	s := machine.Snapshot{
		Place: machine.Place{Disk: "mmcblk0", Life: board.Life{A: board.Estimate{From: 10, To: 20}, Reserve: board.ReserveNormal}},
		Wear:  machine.Wear{Boot: 5, Own: 3, Total: 7, PerDay: 11, Pace: 13, YearsLeast: 1.25, YearsMost: math.Inf(1), YearsKnown: true, Budget: machine.BudgetLinger},
		Heat:  machine.Heat{Zones: make([]board.Zone, 1), Hottest: 81.25, Throttled: true},
		Stall: machine.Stall{IO: board.Pressure{Some: board.Stall{Avg60: 9.11}}},
		Power: machine.Power{Supplies: []board.Supply{{Name: "cap", Status: "Discharging", Capacity: 64}, {Name: "mains", Capacity: -1}, {Name: "usb", Online: true, Capacity: -1}}, OnBattery: true, Fails: "mains is off"},
		Clock: machine.Clock{Trust: board.ClockSynced, Jumps: 2, By: -90 * time.Second, At: time.Unix(0, 0)},
		Light: machine.Light{Class: "fault", Why: "mains is off"},
	}
	info := map[string]string{}
	describeMachine(info, &s)
	for key, want := range map[string]string{
		"flashLife": "10-20 % used, reserve normal", "diskWritten": "5", "ownWritten": "3", "diskWrittenTotal": "7", "diskWrittenPerDay": "11", "diskWrittenPace": "13",
		"flashYearsLeft": "1.2-", "wearBudget": "over, flushes linger", "temperature": "81.2", "throttled": "true", "pressureIO": "9.11", "pressureMemory": "0.00",
		"supplies": "cap Discharging 64 %, mains offline, usb online", "onBattery": "true", "powerFails": "mains is off",
		"clockTrust": "synced", "clockJumps": "2", "clockJump": "-90.0 s at 1970-01-01T00:00:00Z", "lightClass": "fault", "lightWhy": "mains is off",
	} {
		if info[key] != want {
			t.Errorf("%s is %q, want %q", key, info[key], want)
		}
	}
}
