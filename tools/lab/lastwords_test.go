package main

import (
	"context"
	"encoding/json"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// died is what a kernel said that met an interrupt that is not for it, shortened.
const died = `[  118.998288] Kernel panic - not syncing: NMI: Not continuing
[  118.998434] CPU: 0 PID: 704 Comm: usleep Not tainted 6.1.0-50-amd64 #1  Debian 6.1.176-1
[  119.030550]  <NMI>
[  119.035677]  panic+0x118/0x2f4
[  119.035843] RIP: 0010:asm_exc_int3+0x0/0x40
[  119.035991] Code: 00 66 0f 1f 84 00 00 00 00 00
[  119.036482] RAX: 0000000000000000 RBX: 0000000000000001 RCX: ffff88800f223000
[  119.036641]  ? asm_exc_invalid_op+0x20/0x20
[  132.440340] task:agent           state:S stack:0     pid:195   ppid:1      flags:0x00004000
[  132.440345] Call Trace:
[  132.440350]  <TASK>
[  132.440355]  __schedule+0x34d/0x9e0
[  132.440360]  schedule+0x5a/0xd0
[  132.440365]  wait_port_writable+0x139/0x2d0 [virtio_console]
[  132.440370]  ? sched_energy_aware_handler+0xb0/0xb0
[  132.440375]  port_fops_write+0x88/0x130 [virtio_console]
[  132.440380]  vfs_write+0xf3/0x450
[  132.440385] RIP: 0033:0x4bfde3
[  132.440387] task:mm_percpu_wq    state:I stack:0     pid:10    ppid:2      flags:0x00004000
[  132.440388]  __schedule+0x34d/0x9e0
[  132.440389]  rescuer_thread+0x2dc/0x3a0
[  132.440390] task:kworker/0:1     state:D stack:0     pid:9     ppid:2      flags:0x00004000
[  132.440395]  __schedule+0x34d/0x9e0
[  132.440400]  io_schedule+0x42/0x70
[  132.440405]  bit_wait_io+0xd/0x60
[  132.440410]  kthread+0xe6/0x110
`

func TestAnEpitaphHasALineForEachTask(t *testing.T) {
	const want = `  [  118.998288] Kernel panic - not syncing: NMI: Not continuing
  CPU: 0 PID: 704 Comm: usleep Not tainted 6.1.0-50-amd64 #1  Debian 6.1.176-1
   <NMI>
   panic+0x118/0x2f4
  RIP: 0010:asm_exc_int3+0x0/0x40
  S agent: wait_port_writable port_fops_write vfs_write
  D kworker/0:1: bit_wait_io
`
	if got := epitaph(died); got != want {
		t.Errorf("%s\nwant\n%s", got, want)
	}
	if got := epitaph(""); strings.TrimSpace(got) != "" {
		t.Errorf("of nothing: %q", got)
	}
}

func TestLastLinesAreFewAndShort(t *testing.T) {
	got := lastOf("first\nsecond\n"+strings.Repeat("x", 500)+"\n\n", 2)
	if want := "  second\n  " + strings.Repeat("x", 160) + "\n"; got != want {
		t.Errorf("%q", got)
	}
}

func TestTheMonitorPassesOverEvents(t *testing.T) {
	ln, err := net.Listen("unix", filepath.Join(t.TempDir(), "qmp"))
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	go func() { // qemu, which greets, has events in between, and knows one command
		qemu, err := ln.Accept()
		if err != nil {
			return
		}
		defer qemu.Close()
		from, to := json.NewDecoder(qemu), json.NewEncoder(qemu)
		type object map[string]any
		to.Encode(object{"QMP": object{"version": 7}})
		for {
			var order struct {
				Execute   string
				Arguments map[string]string
			}
			if from.Decode(&order) != nil {
				return
			}
			to.Encode(object{"event": "RTC_CHANGE"})
			switch {
			case order.Execute == "qmp_capabilities":
				to.Encode(object{"return": object{}})
			case order.Arguments["command-line"] == "info registers -a":
				to.Encode(object{"return": "CPU#0\r\nRAX=0\r\nRIP=ffffffff81a4f700 RFL=00000002\r\n"})
			default:
				to.Encode(object{"error": object{"class": "GenericError", "desc": "machine does not provide NMIs"}})
			}
		}
	}()
	here, err := net.Dial("unix", ln.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer here.Close()
	m, err := newMonitor(here)
	if err != nil {
		t.Fatal(err)
	}
	said, err := m.command("info registers -a")
	if got, want := whereabouts(said), "  CPU#0\n  RIP=ffffffff81a4f700 RFL=00000002\n"; err != nil || got != want {
		t.Errorf("%q, %v; want %q", got, err, want)
	}
	if _, err := m.command("nmi"); err == nil || !strings.Contains(err.Error(), "does not provide NMIs") {
		t.Errorf("what qemu cannot do is no error that says so: %v", err)
	}
}

// TestLastWordsWithoutAMachine: an interrupted lab does not wait for them; of a machine
// that is off there is the console.
func TestLastWordsWithoutAMachine(t *testing.T) {
	dir := t.TempDir()
	s, err := newSystem(t.Context(), debian{root: "/dev/null"}, dir, "", "", nil)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(s.console, []byte("of another boot\nKernel panic - not syncing\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	s.said = int64(len("of another boot\n"))
	got := s.lastWords(t.Context())
	if !strings.Contains(got, "Kernel panic") || strings.Contains(got, "another boot") || !strings.Contains(got, "qemu has ended") {
		t.Errorf("%q", got)
	}
	interrupted, stop := context.WithCancel(t.Context())
	stop()
	if got := s.lastWords(interrupted); got != "" {
		t.Errorf("interrupted: %q", got)
	}
}
