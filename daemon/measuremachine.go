package main

import (
	"pairmq/daemon/machine"
	"pairmq/daemon/metrics"
	"pairmq/hal/board"
)

// measureMachine shows what the machine tells; what it does not tell is not there.
func measureMachine(p *metrics.Page, s *machine.Snapshot) {
	measureWear(p, s)
	for _, z := range s.Heat.Zones {
		p.Set(metrics.Temperature, z.Celsius, z.Name, z.Type)
	}
	if s.Has(machine.AbsentThrottling) {
		p.SetBool(metrics.Throttled, s.Heat.Throttled)
	}
	if s.Has(machine.AbsentPressure) {
		p.Set(metrics.Pressure, s.Stall.IO.Some.Avg60/100, board.IO)
		p.Set(metrics.Pressure, s.Stall.Memory.Some.Avg60/100, board.Memory)
	}
	if len(s.Power.Supplies) > 0 {
		p.SetBool(metrics.OnBattery, s.Power.OnBattery)
	}
	p.SetBool(metrics.PowerFails, s.Power.Fails != "")
	p.SetInt(metrics.ClockTrust, int64(s.Clock.Trust))
	p.SetInt(metrics.ClockJumps, int64(s.Clock.Jumps))
}

// measureWear shows how the store's disk wears.
func measureWear(p *metrics.Page, s *machine.Snapshot) {
	p.SetBool(metrics.WearOverBudget, s.Wear.Budget >= machine.BudgetOver)
	disk := s.Place.Disk
	if disk == "" {
		return
	}
	if s.Has(machine.AbsentLife) {
		if e := s.Place.Life.Worst(); e.Known() {
			p.Set(metrics.FlashLifeUsed, float64(e.To)/100, disk)
		}
		if r := s.Place.Life.Reserve; r != board.ReserveUnknown {
			p.SetInt(metrics.FlashReserve, int64(r), disk)
		}
	}
	if s.Has(machine.AbsentWritten) {
		p.SetInt(metrics.DeviceWritten, s.Wear.Boot, disk)
	}
	if s.Wear.PerDay > 0 {
		p.SetInt(metrics.DeviceWrittenPerDay, s.Wear.PerDay, disk)
	}
	if s.Wear.YearsKnown {
		p.Set(metrics.FlashYearsLeft, s.Wear.YearsLeast, disk)
	}
}
