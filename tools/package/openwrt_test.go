package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// rcCommon is what OpenWrt gives the script, as far as it uses it: it says what procd
// is told. What the last line calls is the test's.
const rcCommon = `
config_load() { [ "$1" = pairmq ]; }
config_get() { eval "$1=\$STORE"; }
config_get_bool() { eval "$1=\${ENABLED:-$4}"; }
procd_open_instance() { echo open; }
procd_set_param() { echo "$*"; }
procd_close_instance() { echo close; }
procd_send_signal() { echo "signal $*"; }
logger() { shift 5; echo "says $*"; }
chown() { echo "chown $*"; }
`

// TestTheInitScript runs it in the shells that are here; OpenWrt's is busybox's.
func TestTheInitScript(t *testing.T) {
	shells := map[string][]string{"sh": {"sh"}}
	if busybox, err := exec.LookPath("busybox"); err == nil {
		shells["ash"] = []string{busybox, "ash"}
	}
	dir := t.TempDir()
	write := func(name, text string, mode os.FileMode) string {
		t.Helper()
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text), mode); err != nil {
			t.Fatal(err)
		}
		return path
	}
	flash, memory := filepath.Join(dir, "srv", "pairmq"), filepath.Join(dir, "var", "pairmq")
	mounts := write("mounts", "rootfs / squashfs ro 0 0\noverlayfs:/overlay / overlay rw 0 0\ntmpfs "+filepath.Join(dir, "var")+" tmpfs rw 0 0\n"+
		"/dev/sda1 "+filepath.Join(dir, "v")+" ext4 rw 0 0\n", 0o644)
	run := filepath.Join(dir, "run", "pairmq")
	good := write("good", "#!/bin/sh\necho \"$@\" >"+dir+"/checked\n", 0o755)
	bad := write("bad", "#!/bin/sh\nexit 2\n", 0o755)
	started := strings.Join([]string{
		"chown pairmq:pairmq " + flash, "chown pairmq:pairmq " + run, "open", "command " + good + " -c /etc/pairmq/pairmqd.conf --storePathRootDir=" + flash,
		"env RUNTIME_DIRECTORY=" + run, "user pairmq", "no_new_privs 1", "limits core=0 nofile=65536 65536", "respawn 60 5 0", "term_timeout 30", "stderr 1", "close", ""}, "\n")
	tests := []struct {
		name, enabled, store, prog, call string
		want                             string // what it says begins so
		fails                            bool
	}{
		{"as installed", "", "", good, "start_service", "says is not enabled: uci set", true},
		{"no store", "1", "", good, "start_service", "says where is the store? uci set pairmq.main.store=", true},
		{"a store beside", "1", "pairmq", good, "start_service", "says where is the store?", true},
		{"a store in memory", "1", memory, good, "start_service", "says " + memory + " is on tmpfs: it would be gone with the power", true},
		{"a file with mistakes", "1", flash, bad, "start_service", "says /etc/pairmq/pairmqd.conf has mistakes", true},
		{"good", "1", flash, good, "start_service", started, false},
		{"reload", "1", flash, good, "reload_service", "signal pairmqd * HUP\n", false},
		{"reload with mistakes", "1", flash, bad, "reload_service", "says /etc/pairmq/pairmqd.conf has mistakes", true},
	}
	script := readRecipe(t, "openwrt/pairmqd.init")
	for name, shell := range shells {
		for _, tt := range tests {
			t.Run(name+"/"+tt.name, func(t *testing.T) {
				text := strings.NewReplacer("PROG=/usr/bin/pairmqd", "PROG="+tt.prog, "MOUNTS=/proc/mounts", "MOUNTS="+mounts, "RUN=/var/run/pairmq", "RUN="+run).Replace(script)
				file := write("init", rcCommon+text+tt.call+"\n", 0o644)
				cmd := exec.Command(shell[0], append(shell[1:], file)...)
				cmd.Env = append(os.Environ(), "ENABLED="+tt.enabled, "STORE="+tt.store)
				said, err := cmd.CombinedOutput()
				if (err != nil) != tt.fails || !strings.HasPrefix(string(said), tt.want) {
					t.Errorf("%s: %v\n%swant\n%s", tt.call, err, said, tt.want)
				}
				if tt.fails && (strings.Contains(string(said), "open\n") || strings.Contains(string(said), "signal")) {
					t.Errorf("procd is told something by what is refused:\n%s", said)
				}
			})
		}
	}
	checked, err := os.ReadFile(filepath.Join(dir, "checked"))
	if want := "-c /etc/pairmq/pairmqd.conf --storePathRootDir=" + flash + " --check-config\n"; err != nil || string(checked) != want {
		t.Errorf("the configuration was checked with %q, %v, want %q", checked, err, want)
	}
}
