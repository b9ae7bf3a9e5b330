package store

import (
	"testing"
	"time"

	"pairmq/hal/disk"
)

func TestLevels(t *testing.T) {
	w := Watermarks{Filling: 80, Tight: 85, Full: 90, Critical: 95}
	const mib, gib = 1 << 20, 1 << 30
	tests := []struct {
		name string
		prev Level
		sp   disk.Space
		want Level
	}{
		{"empty", Roomy, disk.Space{Total: 1000 * mib, Free: 1000 * mib, Avail: 1000 * mib}, Roomy},
		{"just before", Roomy, disk.Space{Total: 1000 * mib, Free: 201 * mib, Avail: 201 * mib}, Roomy},
		{"filling", Roomy, disk.Space{Total: 1000 * mib, Free: 200 * mib, Avail: 200 * mib}, Filling},
		{"tight", Roomy, disk.Space{Total: 1000 * mib, Free: 150 * mib, Avail: 150 * mib}, Tight},
		{"full", Roomy, disk.Space{Total: 1000 * mib, Free: 100 * mib, Avail: 100 * mib}, Full},
		{"critical", Roomy, disk.Space{Total: 1000 * mib, Free: 50 * mib, Avail: 50 * mib}, Critical},
		{"nothing left", Roomy, disk.Space{Total: 1000 * mib}, Critical},
		{"what is root's is nobody's", Roomy, disk.Space{Total: 1000 * mib, Free: 240 * mib, Avail: 190 * mib}, Filling},
		{"full is not left at once", Full, disk.Space{Total: 1000 * mib, Free: 129 * mib, Avail: 129 * mib}, Full},
		{"full is left", Full, disk.Space{Total: 1000 * mib, Free: 131 * mib, Avail: 131 * mib}, Tight},
		{"and tight", Full, disk.Space{Total: 1000 * mib, Free: 181 * mib, Avail: 181 * mib}, Filling},
		{"a large disk has room", Roomy, disk.Space{Total: 250 * gib, Free: 5 * gib, Avail: 5 * gib}, Roomy},
		{"a large disk", Roomy, disk.Space{Total: 250 * gib, Free: 2 * gib, Avail: 2 * gib}, Full},
		{"nobody knows", Roomy, disk.Space{}, Roomy},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := w.level(tt.prev, tt.sp); got != tt.want {
				t.Errorf("%v after %v, want %v (%d %% used)", got, tt.prev, tt.want, used(tt.sp))
			}
			free := tt.sp
			n := w.beyond(tt.want, tt.sp)
			free.Avail, free.Free = free.Avail+n, free.Free+n
			if tt.want > Roomy && w.level(tt.want, free) >= tt.want {
				t.Errorf("with %d bytes more it is still %v", n, tt.want)
			}
		})
	}
}

func TestAges(t *testing.T) {
	const reserved = 72 * time.Hour
	now := time.Date(2026, 6, 1, 12, 0, 0, 0, time.UTC).UnixMilli()
	hour := time.Hour.Milliseconds()
	type call struct {
		wall    int64
		up      time.Duration
		newest  int64
		trusted bool
	}
	tests := []struct {
		name  string
		calls []call
	}{
		{"a good clock", []call{{now, 0, now - hour, true}, {now + hour, time.Hour, now, true}}},
		{"an empty log", []call{{now, 0, 0, true}}},
		{"an hour either way is an adjustment", []call{{now, 0, now, true}, {now + hour, time.Minute, now, true}, {now - hour, 2 * time.Minute, now, true}}},
		{"2038", []call{{now, 0, now, true}, {now + 12*365*24*hour, time.Minute, now, false}, {now + 12*365*24*hour + 71*hour, 71 * time.Hour, now + 12*365*24*hour, false}, {now + 12*365*24*hour + 73*hour, 73 * time.Hour, now + 12*365*24*hour, true}}},
		{"2038 and back", []call{{now, 0, now, true}, {now + 12*365*24*hour, time.Minute, now, false}, {now + 2*hour, 2 * time.Hour, now + 12*365*24*hour, false}}},
		{"1970 at first", []call{{0, 0, now, true}, {now + hour, time.Minute, now, true}}},
		{"away for two months", []call{{now, 0, now - 61*24*hour, false}, {now + 73*hour, 73 * time.Hour, now, true}}},
		{"away for a weekend", []call{{now, 0, now - 60*hour, true}}},
		{"asleep", []call{{now, time.Hour, now, true}, {now + 10*hour, 11 * time.Hour, now, true}}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			a := ages{reserved: reserved}
			for i, c := range tt.calls {
				oldest, trusted, _ := a.limit(c.wall, c.up, c.newest)
				if trusted != c.trusted || oldest != c.wall-reserved.Milliseconds() {
					t.Errorf("call %d: trusted %t from %d on, want %t from %d on", i, trusted, oldest, c.trusted, c.wall-reserved.Milliseconds())
				}
			}
		})
	}
}
