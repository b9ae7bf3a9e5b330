package machine

import (
	"errors"
	"fmt"
	"io/fs"
	"time"

	"pairmq/hal/board"
)

// lookAtPlace finds the disk under the store, and how worn it is.
func (m *Machine) lookAtPlace() {
	if m.opts.Folder == "" {
		return
	}
	place, err := m.opts.Board.Place(m.opts.Folder)
	p := Place{FileSystem: place.FileSystem(), Device: place.Device()}
	m.disk = place.Base()
	if m.disk == nil {
		if err == nil {
			err = fmt.Errorf("machine: no disk is known under %s: %w", m.opts.Folder, fs.ErrNotExist)
		}
		m.known(AbsentPlace, err)
		m.snap.Place = p
		return
	}
	m.known(AbsentPlace, nil)
	p.Disk = m.disk.Name
	life, err := m.opts.Board.Life(m.disk)
	if m.known(AbsentLife, err) {
		p.Life = life
	}
	m.snap.Place = p
}

// lookAtHeat reads the temperatures, and what is done against them.
func (m *Machine) lookAtHeat() {
	var h Heat
	zones, err := m.opts.Board.Zones()
	if len(zones) == 0 && err == nil {
		err = fmt.Errorf("machine: no thermal zone: %w", fs.ErrNotExist)
	}
	m.known(AbsentTemperature, err)
	for i := range zones {
		z := &zones[i]
		if i == 0 || z.Celsius > h.Hottest {
			h.Hottest = z.Celsius
		}
		if d, ok := z.Margin(); ok && (!h.MarginKnown || d < h.Margin) {
			h.Margin, h.MarginKnown = d, true
		}
	}
	h.Zones = zones
	coolers, err := m.opts.Board.Coolers()
	if len(coolers) == 0 && err == nil {
		err = fmt.Errorf("machine: no cooling device: %w", fs.ErrNotExist)
	}
	m.known(AbsentThrottling, err)
	for i := range coolers {
		h.Throttled = h.Throttled || coolers[i].Throttles()
	}
	m.judgeHeat(&h)
	m.snap.Heat = h
}

// lookAtStall reads how much tasks wait.
func (m *Machine) lookAtStall() {
	io, err := m.opts.Board.Pressure(board.IO)
	memory, err2 := m.opts.Board.Pressure(board.Memory)
	m.known(AbsentPressure, errors.Join(err, err2))
	s := Stall{IO: io, Memory: memory}
	m.judgeStall(&s)
	m.snap.Stall = s
}

// lookAtSupplies reads where the power comes from.
func (m *Machine) lookAtSupplies() {
	all, err := m.opts.Board.Supplies()
	if len(all) == 0 && err == nil {
		err = fmt.Errorf("machine: no power supply: %w", fs.ErrNotExist)
	}
	m.known(AbsentSupplies, err)
	m.snap.Power.Supplies, m.snap.Power.OnBattery = all, board.OnBattery(all)
}

// jumpTolerance is more than a time server that speeds the clock up makes between
// two looks.
const jumpTolerance = 2 * time.Second

// lookAtClock notices when the wall clock is set, and how far it can be believed.
func (m *Machine) lookAtClock() {
	c, was, first := &m.snap.Clock, m.snap.Clock.Trust, m.looks == 0
	now := time.Now()
	seen := m.opts.Board.Clock(now, m.opts.Built)
	c.Trust = seen.Trust()
	if by, jumped := m.jumps.Observe(now, now.Sub(m.start), jumpTolerance); jumped {
		c.Jumps, c.By, c.At = c.Jumps+1, by, now.Round(0)
		m.log.Warn("the clock was set", "by", by.Round(time.Millisecond).String(), "before", now.Round(0).Add(-by).UTC().Format(time.RFC3339), "after", now.UTC().Format(time.RFC3339))
	}
	if c.Trust != was || first {
		m.tellTrust(c.Trust, now)
	}
}

// tellTrust says how far the clock can be believed, and what to do about it.
func (m *Machine) tellTrust(t board.ClockTrust, now time.Time) {
	shows := now.UTC().Format(time.RFC3339)
	switch t {
	case board.ClockWrong:
		m.log.Warn("the clock is wrong, it shows a time before this program was made: set it, or have a time server set it; until then messages get that time, or that of the last one where it is later", "shows", shows)
	case board.ClockUnset:
		m.log.Info("nobody is known to have set the clock: have a time server set it, or fit a clock with a battery; a sandbox may hide who has", "shows", shows)
	default:
		m.log.Info("the clock is believed", "trust", t.String(), "shows", shows)
	}
}
