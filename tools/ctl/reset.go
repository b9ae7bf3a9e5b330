package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"

	"github.com/spf13/cobra"

	"pairmq/daemon/config"
	"pairmq/hal/disk"
	"pairmq/replica/pair"
	"pairmq/store/reset"
)

const resetHelp = `Empties the store of a pairmqd that does not run: messages, consumer offsets, what
the name server in it knew, and what was set aside. DIR is its folder; without it
storePathRootDir of the configuration. What is kept:

  --keep=identity  which broker it is: its role, where that was changed since the
                   configuration was written, and who the other half is
  --keep=config    that, and topics and subscription groups with their settings
  --keep=none      nothing: the broker is what its configuration says

Configuration files are not touched, and files that are not the store's stay. Bytes
on flash are given back, not overwritten.

Once it has begun a reset gets done: if the power is cut, the next start of pairmqd
finishes it before it opens anything.

Of a pair, hand over first (pairmq demote): the broker comes back as a slave then, and
copies what its master has. One that comes back as an empty master is not copied, since
its epoch is lower than that of the slave's log; pairmq promote decides.`

// resetOptions is a reset as the command line describes it.
type resetOptions struct {
	dir    string
	config string
	keep   string
	yes    bool
	stop   bool
	unit   string
}

func newReset(e *env) *cobra.Command {
	o := resetOptions{}
	cmd := &cobra.Command{Use: "reset [DIR]", Short: "Empty a store, as a new appliance has it", Long: resetHelp, Args: cobra.MaximumNArgs(1)}
	f := cmd.Flags()
	f.StringVarP(&o.config, "config", "c", defaultConfig, "the daemon's configuration")
	f.StringVar(&o.keep, "keep", "identity", "identity, config or none")
	f.BoolVar(&o.yes, "yes", false, "really")
	f.BoolVar(&o.stop, "stop", false, "have systemd stop the daemon before, and start it afterwards")
	f.StringVar(&o.unit, "unit", "pairmqd", "the daemon's unit, for --stop")
	cmd.RunE = doesHere(func(ctx context.Context, args []string) error {
		if len(args) > 0 {
			o.dir = args[0]
		}
		return e.reset(ctx, o)
	})
	return cmd
}

// keptOf says what a value of --keep means.
func keptOf(keep string) (reset.Keep, error) {
	identity := func(key string, old []byte) []byte {
		if key == "brokerName" { // the name that the daemon gave the store
			return old
		}
		if key != pair.Key {
			return nil
		}
		kept, err := pair.Identity(old)
		if err != nil {
			return nil // as the daemon takes what it cannot read: the configuration says who it is
		}
		return kept
	}
	switch keep {
	case "none":
		return reset.Keep{}, nil
	case "identity":
		return reset.Keep{Value: identity}, nil
	case "config":
		return reset.Keep{Value: identity, Tables: true}, nil
	}
	return reset.Keep{}, usage("--keep %s: identity, config or none", keep)
}

// reset does it, and starts again what it has stopped, whatever becomes of it.
func (e *env) reset(ctx context.Context, o resetOptions) (err error) {
	keep, err := keptOf(o.keep)
	if err != nil {
		return err
	}
	if o.dir == "" {
		cfg, _, err := config.Load(o.config, nil)
		if err != nil {
			return usage("%w; name the folder, or another file with --config", err)
		}
		o.dir = cfg.StoreRoot
	}
	if !isStore(o.dir) {
		return usage("%s is no folder of a store: nothing in it has the name of a part of one", o.dir)
	}
	if !o.yes {
		return usage("this removes all messages in %s: --yes says that it is meant", o.dir)
	}
	if o.stop {
		if err := systemctl(ctx, "stop", o.unit); err != nil {
			return err
		}
		defer func() { err = errors.Join(err, systemctl(context.WithoutCancel(ctx), "start", o.unit)) }()
	}
	others, err := asOwner(o.dir, func() ([]string, error) { return emptyStore(o.dir, keep) })
	if errors.Is(err, disk.ErrLocked) {
		return fmt.Errorf("a daemon runs on %s: stop it first, or say --stop: %w", o.dir, err)
	}
	if err != nil {
		return err
	}
	if e.json {
		return e.printJSON(struct {
			Folder string   `json:"folder"`
			Kept   string   `json:"kept"`
			Others []string `json:"others,omitempty"` // what was there and is not the store's
		}{o.dir, o.keep, others})
	}
	fmt.Fprintf(e.out, "%s is empty; kept: %s\n", safe(o.dir), o.keep)
	for _, name := range others {
		fmt.Fprintf(e.out, "not the store's, and left alone: %s\n", safe(filepath.Join(o.dir, name)))
	}
	return nil
}

// isStore says whether a folder has a part of a store, or a reset that has begun.
func isStore(dir string) bool {
	for _, name := range []string{"commitlog", "meta.db", "meta.bak", "namesrv.state", reset.Marker} {
		if _, err := os.Lstat(filepath.Join(dir, name)); err == nil || !errors.Is(err, fs.ErrNotExist) {
			return true
		}
	}
	return false
}

// emptyStore resets a folder, and returns what else there is.
func emptyStore(dir string, keep reset.Keep) (others []string, err error) {
	fsys, err := disk.OS(dir)
	if err != nil {
		return nil, err
	}
	lock, err := reset.Lock(fsys)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, lock.Close()) }()
	if err := reset.Begin(fsys, keep); err != nil {
		return nil, fmt.Errorf("%w; --keep=none keeps nothing that would have to be read", err)
	}
	if _, err := reset.Finish(fsys); err != nil {
		return nil, fmt.Errorf("%w; the next start of pairmqd goes on, and so does pairmq reset", err)
	}
	return reset.Others(fsys)
}

// asOwner does something as the user that a folder belongs to, where root may become
// that: what is made there is the daemon's then.
func asOwner(dir string, do func() ([]string, error)) (out []string, err error) {
	info, err := os.Stat(dir)
	if err != nil {
		return nil, err
	}
	st, ok := info.Sys().(*syscall.Stat_t)
	if !ok || os.Geteuid() != 0 || st.Uid == 0 {
		return do()
	}
	if err := errors.Join(syscall.Setresgid(-1, int(st.Gid), -1), syscall.Setresuid(-1, int(st.Uid), -1)); err != nil {
		return nil, fmt.Errorf("become the owner of %s: %w", dir, err)
	}
	defer func() { err = errors.Join(err, syscall.Setresuid(-1, 0, -1), syscall.Setresgid(-1, 0, -1)) }()
	return do()
}

// systemctl has systemd do something with a unit.
func systemctl(ctx context.Context, verb, unit string) error {
	out, err := exec.CommandContext(ctx, "systemctl", verb, unit).CombinedOutput()
	if err != nil {
		return fmt.Errorf("systemctl %s %s: %w: %.200s", verb, unit, err, safe(string(out)))
	}
	return nil
}
