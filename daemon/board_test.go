package main

import (
	"bytes"
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"runtime/debug"
	"strings"
	"testing"

	"pairmq/daemon/config"
	"pairmq/hal/board"
)

// boardWith is a machine whose files of the kernel are these, below /sys and /proc.
func boardWith(t *testing.T, files map[string]string) (hw *board.Board, root string) {
	t.Helper()
	root = t.TempDir()
	for name, text := range files {
		path := filepath.Join(root, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text+"\n"), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return board.New(board.Options{Sys: filepath.Join(root, "sys"), Proc: filepath.Join(root, "proc")}), root
}

// mounted is a machine with one file system, on an eMMC that is nearly worn out.
func mounted(t *testing.T, typeAndOptions string) *board.Board {
	t.Helper()
	typ, options, _ := strings.Cut(typeAndOptions, " ")
	const disk = "sys/dev/block/mmcblk0/"
	hw, root := boardWith(t, map[string]string{
		"proc/self/mountinfo":        "1 0 179:0 / / rw - " + typ + " /dev/root " + options,
		"proc/sys/kernel/osrelease":  "6.1.21",
		"proc/self/io":               "rchar: 1\nwrite_bytes: 4096",
		disk + "stat":                "1 2 3 4 5 6 16384 8 9 10 11",
		disk + "device/type":         "MMC",
		disk + "device/life_time":    "0x0a 0x01",
		disk + "device/pre_eol_info": "0x02",
		disk + "queue/write_cache":   "write back",
	})
	if err := os.Symlink("mmcblk0", filepath.Join(root, "sys/dev/block/179:0")); err != nil {
		t.Fatal(err)
	}
	return hw
}

func TestAnUnsafeMountIsRefused(t *testing.T) {
	cfg := config.Default()
	cfg.StoreRoot = t.TempDir()
	allowed, alone := cfg, cfg
	allowed.AllowUnsafeMount = true
	alone.EnableBroker = false
	tests := []struct {
		name, mount string
		cfg         config.Config
		refused     bool
		log         []string
	}{
		{"a good one", "f2fs rw,fsync_mode=posix", cfg, false, []string{`level=INFO msg="the store's place"`, `fileSystem="f2fs at /" device="mmcblk0 (eMMC, write back)" life="90-100 % used, reserve warning"`, "replace the device"}},
		{"without barriers", "ext4 rw,nobarrier", cfg, true, nil},
		{"without barriers, allowed", "ext4 rw,nobarrier", allowed, false, []string{`level=WARN msg="the store's place does not keep what is synced"`, "without nobarrier"}},
		{"a name server alone", "ext4 rw,nobarrier", alone, false, nil},
		{"memory", "tmpfs rw", cfg, false, []string{"level=WARN", "tmpfs at / is memory"}},
		{"a note", "ext4 rw,data=writeback", cfg, false, []string{`level=INFO msg="about the store's place"`, "data=writeback"}},
	}
	for _, tt := range tests {
		var b bytes.Buffer
		err := checkPlace(&tt.cfg, mounted(t, tt.mount), slog.New(slog.NewTextHandler(&b, nil)))
		if errors.Is(err, errUnsafeMount) != tt.refused || !tt.refused && err != nil {
			t.Errorf("%s: %v, want refused %v", tt.name, err, tt.refused)
		}
		if tt.refused && (!strings.Contains(err.Error(), "mount it without") || !strings.Contains(err.Error(), "allowUnsafeMount=true")) {
			t.Errorf("%s: %v, which does not say what to do", tt.name, err)
		}
		for _, want := range tt.log {
			if !strings.Contains(b.String(), want) {
				t.Errorf("%s: logs\n%swant %s", tt.name, &b, want)
			}
		}
	}
	silent, _ := boardWith(t, nil)
	if err := checkPlace(&cfg, silent, slog.New(slog.DiscardHandler)); err != nil {
		t.Errorf("a machine that tells nothing: %v, want no refusal", err)
	}
}

// systemd does not start again what ends with this code.
func TestARefusedMountIsForAPersonToMend(t *testing.T) {
	cfg := config.Default()
	cfg.StoreRoot = filepath.Join(t.TempDir(), "store")
	defer debug.SetMemoryLimit(debug.SetMemoryLimit(-1))
	var b bytes.Buffer
	if code := serve(flags{}, &cfg, nil, mounted(t, "f2fs rw,fsync_mode=nobarrier"), neverConfined(t), &b); code != exitSurroundings {
		t.Errorf("exit code %d, want %d", code, exitSurroundings)
	}
	if !strings.Contains(b.String(), "<3>msg=stopped") || !strings.Contains(b.String(), "fsync_mode=posix") {
		t.Errorf("logs\n%s", &b)
	}
	if _, err := os.Stat(cfg.StoreRoot); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the store's folder was made: %v", err)
	}
}

func TestTheHeapKeepsToTheMemoryThereIs(t *testing.T) {
	defer debug.SetMemoryLimit(debug.SetMemoryLimit(-1))
	cfg := config.Default()
	many := cfg
	many.EnableNamesrv, many.NamesrvMaxTopics = true, usualTopics+10_000
	const untouched = 1 << 40
	tests := []struct {
		name   string
		cfg    config.Config
		memKiB string
		env    string
		want   int64
	}{
		{"enough", cfg, "1048576", "", softMemory},
		{"64 MiB are enough", cfg, "65536", "", softMemory},
		{"more topics", many, "1048576", "", softMemory + 10_000*topicMemory},
		{"little", cfg, "32768", "", 32 << 20 / 10 * 7},
		{"unknown", cfg, "?", "", softMemory},
		{"set by hand", cfg, "32768", "100MiB", untouched},
	}
	for _, tt := range tests {
		debug.SetMemoryLimit(untouched)
		var b bytes.Buffer
		hw, _ := boardWith(t, map[string]string{"proc/meminfo": "MemTotal: " + tt.memKiB + " kB"})
		limitMemory(&tt.cfg, hw, tt.env, slog.New(slog.NewTextHandler(&b, nil)))
		if got := debug.SetMemoryLimit(-1); got != tt.want {
			t.Errorf("%s: the heap may have %d bytes, want %d; it logs\n%s", tt.name, got, tt.want, &b)
		}
		if short := strings.Contains(b.String(), "level=WARN"); short != (tt.want < softMemory) {
			t.Errorf("%s: logs\n%s", tt.name, &b)
		}
	}
}
