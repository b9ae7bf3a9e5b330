package board

import (
	"errors"
	"testing"
)

// Most boards have less.
func TestABoardThatTellsNothing(t *testing.T) {
	dir := t.TempDir()
	b := New(Options{Sys: dir, Proc: dir, Dev: dir, Etc: dir, Run: dir})
	zones, err := b.Zones()
	coolers, err2 := b.Coolers()
	f, err3 := b.Frequencies()
	supplies, err4 := b.Supplies()
	leds, err5 := b.LEDs()
	if n := len(zones) + len(coolers) + len(f) + len(supplies) + len(leds); n > 0 || errors.Join(err, err2, err3, err4, err5) != nil {
		t.Errorf("%d things found, %v; want nothing, and no error", n, errors.Join(err, err2, err3, err4, err5))
	}
}
