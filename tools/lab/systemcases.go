package main

import "context"

// systemCases are all trials of a booted Debian. Without -full those that fit
// into a gate: power is cut on one architecture, whose boots take the least time.
func (l *lab) systemCases() (all []*trial) {
	add := func(name string, do func(context.Context, *trial) error) {
		all = append(all, &trial{name: name, seed: l.seed + uint64(len(all)), do: do})
	}
	for n, d := range l.debians {
		add("Boots/"+d.name, func(ctx context.Context, t *trial) error { return l.boots(ctx, t, d) })
		add("InstalledPowerCuts/"+d.name+"/ext4", func(ctx context.Context, t *trial) error {
			return l.installedCuts(ctx, t, d, "ext4", true, l.installed)
		})
		add("InstalledDaemonThatDoesNotWaitLoses/"+d.name, func(ctx context.Context, t *trial) error {
			return l.installedTwin(ctx, t, d, volatile, lazyFlush)
		})
		add("Upgrade/"+d.name, func(ctx context.Context, t *trial) error { return l.upgrade(ctx, t, d) })
		if !l.full {
			continue
		}
		add("Counted/"+d.name, func(ctx context.Context, t *trial) error { return l.counted(ctx, t, d) })
		add("InstalledPowerCuts/"+d.name+"/f2fs", func(ctx context.Context, t *trial) error {
			return l.installedCuts(ctx, t, d, "f2fs", false, l.installed)
		})
		if n == 0 {
			add("InstalledDiskThatLiesLoses/"+d.name, func(ctx context.Context, t *trial) error {
				return l.installedTwin(ctx, t, d, lying, syncFlush)
			})
		}
		if d.name != "armhf" { // of two machines one is enough to wait for
			add("Pair/"+d.name, func(ctx context.Context, t *trial) error { return l.pairOf(ctx, t, d) })
		}
	}
	return all
}
