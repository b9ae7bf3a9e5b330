package main

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"pairmq/daemon/machine"
	"pairmq/hal/board"
)

// describeMachine says in a broker's description what its machine tells; what is
// absent is left out.
func describeMachine(info map[string]string, s *machine.Snapshot) {
	add := func(key, text string) {
		if text != "" {
			info[key] = text
		}
	}
	add("storeFileSystem", s.Place.FileSystem)
	add("storeDevice", s.Place.Device)
	if s.Place.Disk != "" && s.Has(machine.AbsentLife) {
		add("flashLife", s.Place.Life.String())
	}
	describeWear(info, s)
	if len(s.Heat.Zones) > 0 {
		add("temperature", strconv.FormatFloat(s.Heat.Hottest, 'f', 1, 64))
	}
	if s.Has(machine.AbsentThrottling) {
		add("throttled", strconv.FormatBool(s.Heat.Throttled))
	}
	if s.Has(machine.AbsentPressure) {
		add("pressureIO", percent(s.Stall.IO.Some.Avg60))
		add("pressureMemory", percent(s.Stall.Memory.Some.Avg60))
	}
	add("supplies", describeSupplies(s.Power.Supplies))
	if len(s.Power.Supplies) > 0 {
		add("onBattery", strconv.FormatBool(s.Power.OnBattery))
	}
	add("powerFails", s.Power.Fails)
	add("clockTrust", s.Clock.Trust.String())
	if s.Clock.Jumps > 0 {
		add("clockJumps", strconv.Itoa(s.Clock.Jumps))
		add("clockJump", fmt.Sprintf("%+.1f s at %s", s.Clock.By.Seconds(), s.Clock.At.UTC().Format(time.RFC3339)))
	}
	add("lightClass", s.Light.Class)
	add("lightWhy", s.Light.Why)
}

func describeWear(info map[string]string, s *machine.Snapshot) {
	w := &s.Wear
	if s.Has(machine.AbsentOwn) {
		info["ownWritten"] = strconv.FormatInt(w.Own, 10)
	}
	if s.Place.Disk == "" || !s.Has(machine.AbsentWritten) {
		return
	}
	info["diskWritten"] = strconv.FormatInt(w.Boot, 10)
	info["diskWrittenTotal"] = strconv.FormatInt(w.Total, 10)
	if w.PerDay > 0 {
		info["diskWrittenPerDay"] = strconv.FormatInt(w.PerDay, 10)
	}
	if w.Pace > 0 {
		info["diskWrittenPace"] = strconv.FormatInt(w.Pace, 10)
	}
	if w.YearsKnown {
		info["flashYearsLeft"] = years(w.YearsLeast, w.YearsMost)
	}
	if w.Budget != machine.BudgetNone {
		info["wearBudget"] = w.Budget.String()
	}
}

// years is a range, of which the end may be open: "3.1-12.4", "3.1-".
func years(least, most float64) string {
	text := strconv.FormatFloat(least, 'f', 1, 64) + "-"
	if most < 1000 {
		text += strconv.FormatFloat(most, 'f', 1, 64)
	}
	return text
}

func percent(v float64) string { return strconv.FormatFloat(v, 'f', 2, 64) }

// describeSupplies is "mains online, cap Discharging 64 %".
func describeSupplies(all []board.Supply) string {
	text := make([]string, len(all))
	for i, s := range all {
		switch {
		case s.Online:
			text[i] = s.Name + " online"
		case s.Status != "":
			text[i] = s.Name + " " + s.Status
		default:
			text[i] = s.Name + " offline"
		}
		if s.Capacity >= 0 {
			text[i] += fmt.Sprintf(" %d %%", s.Capacity)
		}
	}
	return strings.Join(text, ", ")
}
