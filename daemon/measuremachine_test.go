package main

import (
	"math"
	"testing"

	"pairmq/daemon/machine"
	"pairmq/daemon/metrics"
	"pairmq/hal/board"
)

// TestWhatAMachineTellsIsShown, and that what it does not tell is not there.
func TestWhatAMachineTellsIsShown(t *testing.T) {
	silent := machine.Snapshot{Absent: map[string]string{machine.AbsentThrottling: "", machine.AbsentPressure: ""}}
	told := machine.Snapshot{
		Place: machine.Place{Disk: "mmcblk0", Life: board.Life{A: board.Estimate{From: 10, To: 20}, Reserve: board.ReserveNormal}},
		Wear:  machine.Wear{Boot: 5, PerDay: 11, YearsLeast: 1.25, YearsMost: math.Inf(1), YearsKnown: true, Budget: machine.BudgetLinger},
		Heat:  machine.Heat{Zones: []board.Zone{{Name: "thermal_zone0", Type: "cpu-thermal", Celsius: 48.25}}, Throttled: true},
		Stall: machine.Stall{IO: board.Pressure{Some: board.Stall{Avg60: 25}}},
		Power: machine.Power{Supplies: make([]board.Supply, 1), OnBattery: true, Fails: "mains is off"},
		Clock: machine.Clock{Trust: board.ClockSynced, Jumps: 2},
	}
	for _, tt := range []struct {
		name string
		snap machine.Snapshot
		want map[string]float64
	}{
		{"silent", silent, map[string]float64{
			"pairmq_machine_wear_over_budget": 0, "pairmq_machine_supply_failed": 0, "pairmq_machine_clock_trust": 0, "pairmq_machine_clock_jumps_total": 0,
		}},
		{"told", told, map[string]float64{
			`pairmq_machine_flash_life_used_ratio{device="mmcblk0"}`: 0.2, `pairmq_machine_flash_reserve{device="mmcblk0"}`: 1,
			`pairmq_machine_device_written_bytes_total{device="mmcblk0"}`: 5, `pairmq_machine_device_written_per_day_bytes{device="mmcblk0"}`: 11,
			`pairmq_machine_flash_left_years{device="mmcblk0"}`: 1.25, "pairmq_machine_wear_over_budget": 1,
			`pairmq_machine_temperature_celsius{zone="thermal_zone0",type="cpu-thermal"}`: 48.25, "pairmq_machine_throttled": 1,
			`pairmq_machine_pressure_ratio{resource="io"}`: 0.25, `pairmq_machine_pressure_ratio{resource="memory"}`: 0,
			"pairmq_machine_on_battery": 1, "pairmq_machine_supply_failed": 1, "pairmq_machine_clock_trust": 3, "pairmq_machine_clock_jumps_total": 2,
		}},
	} {
		p := metrics.NewPage()
		measureMachine(p, &tt.snap)
		for _, err := range p.Wrong() {
			t.Errorf("%s: %v", tt.name, err)
		}
		s := parsePage(t, p.Text())
		s.expect(t, tt.name, tt.want)
		if len(s.values) != len(tt.want) {
			t.Errorf("%s: it shows %v, want %v", tt.name, s.values, tt.want)
		}
	}
}
