package main

import (
	"fmt"
	"strings"
)

// machine tells of a broker's machine what a person may have to do something about,
// and what its flash can expect. A broker that is none of ours tells nothing.
func (b *brokerStatus) machine() (all []string) {
	is := func(key string) string { return safe(b.Runtime[key]) }
	if is("powerFails") != "" {
		all = append(all, "stores nothing, the power fails: "+is("powerFails"))
	} else if is("onBattery") == "true" {
		all = append(all, "runs on battery: "+is("supplies"))
	}
	if text := b.wear(); text != "" {
		all = append(all, text)
	}
	if is("throttled") == "true" {
		all = append(all, "is too warm and slowed down: "+is("temperature")+" degrees")
	}
	switch is("clockTrust") {
	case "wrong":
		all = append(all, "its clock is wrong, before this program was made: set it, or have a time server set it")
	case "unset":
		all = append(all, "nobody is known to have set its clock: have a time server set it")
	}
	if n := is("clockJumps"); n != "" {
		all = append(all, "its clock was set "+n+" times, at last by "+is("clockJump"))
	}
	if class := is("lightClass"); class == "fault" || class == "degraded" {
		all = append(all, "is in the state "+class+": "+is("lightWhy"))
	}
	return all
}

// wear says how much is written to a broker's disk.
func (b *brokerStatus) wear() string {
	perDay, ok := b.number("diskWrittenPerDay")
	if !ok {
		return ""
	}
	text := fmt.Sprintf("its disk is written %s a day", size(perDay))
	if y := b.Runtime["flashYearsLeft"]; y != "" {
		if least, more := strings.CutSuffix(y, "-"); more {
			text += fmt.Sprintf(", at which it lasts %s years or more", safe(least))
		} else {
			text += fmt.Sprintf(", at which it lasts %s years", safe(y))
		}
	}
	if budget := b.Runtime["wearBudget"]; strings.HasPrefix(budget, "over") {
		text += ", now more than its budget: " + safe(strings.TrimPrefix(strings.TrimPrefix(budget, "over"), ", "))
		text = strings.TrimSuffix(text, ": ")
	}
	return text
}
