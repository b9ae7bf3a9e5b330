package board

import (
	"errors"
	"reflect"
	"strings"
	"testing"
)

func TestTemperatures(t *testing.T) {
	b := boardOf(t, "gateway")
	zones, err := b.Zones()
	want := []Zone{
		{"thermal_zone0", "cpu-thermal", 81.25, []Trip{{"active", 50}, {"passive", 85}, {"critical", 110}}},
		{"thermal_zone1", "board", -4, nil},
	}
	if !reflect.DeepEqual(zones, want) {
		t.Errorf("zones %+v, want %+v", zones, want)
	}
	if !errors.Is(err, ErrNonsense) || !strings.Contains(err.Error(), "thermal_zone2/temp") {
		t.Errorf("of the zone that says nonsense: %v, want ErrNonsense and the file", err)
	}
	if m, ok := zones[0].Margin(); m != 3.75 || !ok {
		t.Errorf("the processor is %v degrees below what slows it down, %v, want 3.75", m, ok)
	}
	if m, ok := zones[1].Margin(); ok {
		t.Errorf("a zone without trips is %v degrees below one", m)
	}
}

func TestThrottling(t *testing.T) {
	b := boardOf(t, "gateway")
	coolers, err := b.Coolers()
	if want := []Cooler{{"cooling_device0", "cpufreq-cpu0", 2, 4}, {"cooling_device1", "pwm-fan", 3, 3}}; !reflect.DeepEqual(coolers, want) {
		t.Fatalf("coolers %+v, want %+v", coolers, want)
	}
	if err == nil || !strings.Contains(err.Error(), "cooling_device2/cur_state") {
		t.Errorf("of the one without a state: %v, want the file that is missing", err)
	}
	if !coolers[0].Throttles() || coolers[1].Throttles() {
		t.Error("the processor is slowed down, a fan slows nothing down")
	}
	f, err := b.Frequencies()
	if want := []Frequency{{"policy0", 600000, 1000000, 1500000}}; err != nil || !reflect.DeepEqual(f, want) {
		t.Errorf("frequencies %+v, %v, want %+v", f, err, want)
	}
}
