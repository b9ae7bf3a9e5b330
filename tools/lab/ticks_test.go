package main

import (
	"regexp"
	"testing"
)

// TestTheCounterHasARate: whatever else the host does meanwhile, two measurements agree
// to a thousandth, far closer than what a kernel needs.
func TestTheCounterHasARate(t *testing.T) {
	a, b := tickRate(), tickRate()
	if a < 100_000 || a > 20_000_000 {
		t.Errorf("%d ticks in a millisecond", a)
	}
	if off := a - b; off > a/1000 || off < -a/1000 {
		t.Errorf("%d ticks in a millisecond, and %d", a, b)
	}
	if option := tickOption(); !regexp.MustCompile(`^ tsc_early_khz=[1-9]\d+$`).MatchString(option) {
		t.Errorf("the option %q", option)
	}
}
