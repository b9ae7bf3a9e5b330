package main

import (
	"context"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"pairmq/daemon/config"
	"pairmq/daemon/machine"
	"pairmq/hal/board"
	"pairmq/hal/disk"
	"pairmq/internal/remoting"
)

// TestAFailingSupplyStopsProducers as long as it fails, and the lights say so.
func TestAFailingSupplyStopsProducers(t *testing.T) {
	const led = "sys/class/leds/red:fault/"
	hw, root := boardWith(t, map[string]string{led + "brightness": "0", led + "max_brightness": "1", led + "trigger": "[none] timer"})
	value := filepath.Join(root, "value")
	write := func(text string) {
		if err := os.WriteFile(value, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write("0")
	d := newDaemon(t)
	d.settings = append(d.settings, "supplyFail=file:"+value+"=1", "supplyPoll=20", "ledFault=red:fault:on", "ledOk=red:fault:off")
	cfg := d.config()
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	log := new(lockedBuffer)
	go func() {
		ended <- runOn(ctx, cfg, hw, "", disk.OS, make(chan config.Config), slog.New(slog.NewTextHandler(log, nil)))
	}()
	send := func() *remoting.Command { return d.send("Supply", "x") }
	until := func(what string, code int32) *remoting.Command {
		t.Helper()
		for begin := time.Now(); ; {
			r := send()
			if r.Code == code {
				return r
			}
			if time.Since(begin) > 10*time.Second {
				t.Fatalf("%s: code %d, %q after ten seconds, want %d\n%s", what, r.Code, r.Remark, code, log)
			}
		}
	}
	until("the power is on", remoting.RespSuccess)
	write("1")
	r := until("the power fails", remoting.RespServiceNotAvailable)
	if !strings.Contains(r.Remark, "the power fails: "+value+" says 1") {
		t.Errorf("a producer is told %q", r.Remark)
	}
	for begin := time.Now(); ; {
		lit, err := os.ReadFile(filepath.Join(root, led, "brightness"))
		if err == nil && string(lit) == "1\n" {
			break
		}
		if time.Since(begin) > 10*time.Second {
			t.Fatalf("the light says %q, %v", lit, err)
		}
	}
	write("0")
	until("the power is back", remoting.RespSuccess)
	cancel()
	if err := <-ended; err != nil {
		t.Error(err)
	}
	for _, want := range []string{"everything is flushed", "the power is back"} {
		if strings.Count(log.String(), want) != 1 {
			t.Errorf("%q is not once in\n%s", want, log)
		}
	}
	if lit, err := os.ReadFile(filepath.Join(root, led, "brightness")); err != nil || string(lit) != "0\n" {
		t.Errorf("after the stop the light says %q, %v", lit, err)
	}
}

func TestMachineOptions(t *testing.T) {
	tests := []struct {
		settings []string
		wrong    string
	}{
		{nil, ""},
		{[]string{"supplyFail=power_supply:mains", "ledOk=green:status:on red:status:off", "wearAction=linger"}, ""},
		{[]string{"supplyFail=mains"}, "supplyFail"},
		{[]string{"ledDegraded=green"}, "ledDegraded"},
	}
	for _, tt := range tests {
		cfg, _, err := config.Load("", append(tt.settings, "enableNamesrv=true"))
		if err != nil {
			t.Fatal(err)
		}
		o, err := machineOptions(&cfg, board.New(board.Options{}), slog.New(slog.DiscardHandler))
		if (err != nil) != (tt.wrong != "") || err != nil && !strings.Contains(err.Error(), tt.wrong) {
			t.Errorf("%v: %v, want %q", tt.settings, err, tt.wrong)
		}
		if o.Built.Before(firstVersion()) {
			t.Errorf("%v: built %v", tt.settings, o.Built)
		}
	}
}

func TestHealth(t *testing.T) {
	const far = nearBytes + 1
	for _, tt := range []struct {
		name string
		got  func() (machine.Class, string)
		want machine.Class
	}{
		{"a slave without its master", func() (machine.Class, string) { return slaveHealth(false, 0) }, machine.Degraded},
		{"a slave behind", func() (machine.Class, string) { return slaveHealth(true, far) }, machine.Replicating},
		{"a slave", func() (machine.Class, string) { return slaveHealth(true, nearBytes) }, machine.OK},
		{"a master alone", func() (machine.Class, string) { return masterHealth(false, nil) }, machine.OK},
		{"a master that waits for nobody", func() (machine.Class, string) { return masterHealth(true, nil) }, machine.Degraded},
		{"a master with a slave behind", func() (machine.Class, string) { return masterHealth(true, []int64{0, far}) }, machine.Replicating},
		{"a master with slaves", func() (machine.Class, string) { return masterHealth(true, []int64{0, 1}) }, machine.OK},
	} {
		if got, why := tt.got(); got != tt.want || (why == "") != (got == machine.OK) {
			t.Errorf("%s: %v, %q, want %v", tt.name, got, why, tt.want)
		}
	}
}
