package board

import (
	"errors"
	"reflect"
	"strings"
	"testing"
)

func TestSupplies(t *testing.T) {
	b := boardOf(t, "gateway")
	all, err := b.Supplies()
	want := []Supply{{"cap", "Battery", false, "Discharging", 64}, {"mains", "Mains", false, "", -1}}
	if err != nil || !reflect.DeepEqual(all, want) {
		t.Errorf("supplies %+v, %v, want %+v", all, err, want)
	}
	if !OnBattery(all) {
		t.Error("the mains are off and the battery discharges: not on battery")
	}
	put(t, b.sys("class", "power_supply", "mains", "online"), "1")
	put(t, b.sys("class", "power_supply", "cap", "capacity"), "101")
	put(t, b.sys("class", "power_supply", "odd", "online"), "1")
	all, err = b.Supplies()
	if OnBattery(all) || len(all) != 2 || all[0].Capacity != -1 {
		t.Errorf("with the mains on, supplies %+v", all)
	}
	if err == nil || !strings.Contains(err.Error(), "odd/type") {
		t.Errorf("of a supply without a type: %v, want the file that is missing", err)
	}
	put(t, b.sys("class", "power_supply", "mains", "online"), "?")
	put(t, b.sys("class", "power_supply", "mouse", "type"), "Battery")
	put(t, b.sys("class", "power_supply", "mouse", "scope"), "Device")
	put(t, b.sys("class", "power_supply", "mouse", "status"), "Discharging")
	if all, _ = b.Supplies(); len(all) != 2 || !OnBattery(all) {
		t.Errorf("with mains that do not tell and the battery of a mouse, supplies %+v", all)
	}
	put(t, b.sys("class", "power_supply", "cap", "status"), "Full")
	if all, _ = b.Supplies(); OnBattery(all) {
		t.Errorf("with a full battery and a mouse's that discharges, supplies %+v", all)
	}
	if OnBattery(nil) {
		t.Error("a board that tells nothing is on battery")
	}
}

func TestPressure(t *testing.T) {
	b := boardOf(t, "gateway")
	p, err := b.Pressure(IO)
	if want := (Pressure{Stall{22.01, 9.11, 3, 58761459e3}, Stall{20, 8.16, 2.08, 58464525e3}}); err != nil || p != want {
		t.Errorf("io %+v, %v, want %+v", p, err, want)
	}
	if p, err = b.Pressure(CPU); err != nil || p.Some.Avg10 != 1.53 || p.Full != (Stall{}) {
		t.Errorf("cpu %+v, %v, want some 1.53 and no full", p, err)
	}
	if _, err = b.Pressure(Memory); err == nil || !strings.Contains(err.Error(), "pressure/memory") {
		t.Errorf("memory, which is not there: %v, want the file", err)
	}
	for _, text := range []string{"", "some", "full avg10=1 avg60=1 avg300=1 total=1", "some avg10=1 avg60=1 avg300=1", "some avg10=NaN avg60=1 avg300=1 total=1", "some avg10=1 avg60=1 avg300=1 total=-1"} {
		if p, err := parsePressure("io", text); !errors.Is(err, ErrNonsense) {
			t.Errorf("%q: %+v, %v, want ErrNonsense", text, p, err)
		}
	}
}

func FuzzParsePressure(f *testing.F) {
	f.Add("some avg10=0.22 avg60=0.17 avg300=1.11 total=58761459\nfull avg10=0 avg60=0 avg300=0 total=0")
	f.Add("some avg10=1e308 avg60=Inf avg300=0x1p-2 total=9e18 new=1")
	f.Fuzz(func(t *testing.T, text string) {
		p, err := parsePressure("io", text)
		if err != nil && !errors.Is(err, ErrNonsense) {
			t.Errorf("%q: %v, want ErrNonsense", text, err)
		}
		if p.Some.Total < 0 || p.Full.Total < 0 || p.Some.Avg10 < 0 {
			t.Errorf("%q is %+v", text, p)
		}
	})
}
