package main

import (
	"errors"
	"slices"
	"strings"
	"testing"
)

func TestJudgeHoldsToTheBudget(t *testing.T) {
	const records = 1 << 26
	values := func(device, calls, perFlush float64) map[string]float64 {
		return map[string]float64{metricRecords: records, metricDevice: device * records, metricCalls: calls * records, metricFlushes: records / perFlush}
	}
	tests := []struct {
		name string
		load wearLoad
		v    map[string]float64
		over []string // what the error names
	}{
		{"within", wearLoad{large, 64}, values(1.09, 1.02, 60e3), nil},
		{"device", wearLoad{large, 64}, values(1.11, 1.02, 60e3), []string{"on the device"}},
		{"write calls", wearLoad{large, 64}, values(1.05, 1.11, 60e3), []string{"in write calls"}},
		{"both, small records", wearLoad{small, 512}, values(1.31, 1.31, 60e3), []string{"in write calls", "on the device"}},
		{"small records may cost more", wearLoad{small, 512}, values(1.29, 1.29, 60e3), nil},
		{"pages of small batches are nobody's fault", wearLoad{large, 1}, values(4.5, 1.02, 1e3), nil},
		{"their write calls are", wearLoad{large, 1}, values(4.5, 1.2, 1e3), []string{"in write calls"}},
		{"pipelined, small batches", wearLoad{large, 0}, values(1.2, 1.02, 30e3), nil},
		{"pipelined, full batches", wearLoad{large, 0}, values(1.2, 1.02, 130e3), []string{"on the device"}},
		{"nothing was counted", wearLoad{large, 64}, map[string]float64{}, []string{"in write calls", "on the device"}},
	}
	for _, test := range tests {
		err := test.load.judge(test.v)
		if (err != nil) != (len(test.over) > 0) || err != nil && !errors.Is(err, errBudget) {
			t.Errorf("%s: %v, want it to be over for %v", test.name, err, test.over)
		}
		for _, what := range test.over {
			if err != nil && !strings.Contains(err.Error(), what) {
				t.Errorf("%s: %v does not name what is over: %s", test.name, err, what)
			}
		}
	}
}

func TestCheckRecordsWantsRecordsOfTheSize(t *testing.T) {
	l := wearLoad{large, 64}
	whole := l.messages() * large
	for logged, ok := range map[int64]bool{whole: true, whole + 300_000: true, whole - 1: false, whole * 11 / 10: false} {
		if err := l.checkRecords(logged, l.messages()); (err == nil) != ok {
			t.Errorf("%d bytes for %d of records: %v", logged, whole, err)
		}
	}
}

func TestCellsOfWearAreNoOthers(t *testing.T) {
	all := wearCells()
	slices.Sort(all)
	if len(slices.Compact(all)) != len(wearCells()) {
		t.Errorf("two cells of wear have the same name: %v", all)
	}
	for _, cell := range all {
		if !isWear(cell) || slices.Contains(allCells(), cell) {
			t.Errorf("%s: of wear %t, among the others %t", cell, isWear(cell), slices.Contains(allCells(), cell))
		}
	}
	for _, l := range wearLoads() {
		if l.batch > 0 && (l.messages()%int64(l.batch) != 0 || l.fewer()%int64(l.batch) != 0) {
			t.Errorf("%s: %d and %d messages are no whole batches", l.name(), l.messages(), l.fewer())
		}
	}
}
