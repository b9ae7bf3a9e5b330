// Package doctor examines a machine that pairmqd runs on, or should: its
// configuration, the store's folder and what that lies on, the clock, the certificates, the memory, the
// ports, the addresses, the links, the name servers and the other half of a pair. Of each it says
// what is wrong and what to do.
//
// It works whether the daemon runs or not, asks servers only what changes nothing,
// and writes nothing. How it is shown is the command line's.
package doctor

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime/debug"
	"strings"
	"time"

	"pairmq/daemon/config"
	"pairmq/hal/board"
	"pairmq/hal/disk"
	"pairmq/hal/link"
	"pairmq/internal/remoting"
	"pairmq/store"
)

// A Verdict is how bad it is.
type Verdict string

// The verdicts.
const (
	OK      Verdict = "ok"
	Warning Verdict = "warning" // it works, and may not do what it should some day
	Wrong   Verdict = "wrong"   // something does not work, or a promise does not hold
)

// A Check is one thing that was looked at.
type Check struct {
	Name    string  `json:"name"`
	Verdict Verdict `json:"verdict"`
	Found   string  `json:"found"`
	Do      string  `json:"do,omitempty"` // what a person should do; nothing if it is ok
}

// Options say what is examined.
type Options struct {
	Config   string           // the daemon's configuration file
	Settings []string         // key=value, as on the daemon's command line
	Board    *board.Board     // nil means this machine's
	Fstab    string           // "" means /etc/fstab
	Client   *remoting.Client // required
	Own      *remoting.Client // to this daemon's own ports; nil means Client
	// Space tells how full the file system of a folder is; nil asks that.
	Space   func(folder string) (disk.Space, error)
	Links   func() ([]link.Interface, error) // nil asks this machine
	Timeout time.Duration                    // for one server; 0 means 2 s
}

// An exam is one examination.
type exam struct {
	opts   Options
	cfg    config.Config
	known  bool // cfg is the daemon's and not a default
	checks []Check
	runs   bool              // a daemon holds the lock of the folder
	info   map[string]string // what the daemon says of itself, nil if it does not answer
	host   string            // where others are told to find it
}

// Examine looks at everything, and returns it in the order in which a person would.
func Examine(ctx context.Context, o Options) []Check {
	if o.Board == nil {
		o.Board = board.New(board.Options{})
	}
	if o.Space == nil {
		o.Space = spaceOf
	}
	if o.Links == nil {
		o.Links = link.Interfaces // not States, which costs 300 kB of a program that has no other use for netlink
	}
	o.Fstab = cmp.Or(o.Fstab, "/etc/fstab")
	o.Timeout = cmp.Or(o.Timeout, 2*time.Second)
	x := &exam{opts: o}
	x.configuration()
	x.folder()
	x.place()
	x.room()
	x.leftovers()
	x.clock()
	x.certificates()
	x.memory()
	x.ports(ctx)
	x.daemon()
	x.addresses()
	x.links()
	x.nameServers(ctx)
	return x.checks
}

// Worst is the worst verdict of all.
func Worst(all []Check) Verdict {
	worst := OK
	for _, c := range all {
		if c.Verdict == Wrong || c.Verdict == Warning && worst == OK {
			worst = c.Verdict
		}
	}
	return worst
}

func (x *exam) ok(name, format string, args ...any) {
	x.checks = append(x.checks, Check{Name: name, Verdict: OK, Found: fmt.Sprintf(format, args...)})
}

func (x *exam) warn(name, do, format string, args ...any) {
	x.checks = append(x.checks, Check{name, Warning, fmt.Sprintf(format, args...), do})
}

func (x *exam) wrong(name, do, format string, args ...any) {
	x.checks = append(x.checks, Check{name, Wrong, fmt.Sprintf(format, args...), do})
}

// configuration reads the file and conf.d, as the daemon does.
func (x *exam) configuration() {
	const name = "configuration"
	cfg, notes, err := config.Load(x.opts.Config, x.opts.Settings)
	if err != nil {
		x.cfg = config.Default()
		for line := range strings.Lines(err.Error()) {
			x.wrong(name, "mend the file; pairmqd -c FILE --check-config looks at it again. What follows is of the defaults", "%s", strings.TrimSpace(line))
		}
		return
	}
	x.cfg, x.known = cfg, true
	drops, _ := filepath.Glob(filepath.Join(filepath.Dir(x.opts.Config), "conf.d", "*.conf")) // the pattern is constant: no error
	x.ok(name, "%s and %d files in conf.d have no mistakes", x.opts.Config, len(drops))
	for _, n := range notes {
		x.warn(name, "remove the key, or see why it is there", "%s", n)
	}
	for _, f := range append([]string{x.opts.Config}, drops...) {
		if info, err := os.Stat(f); err == nil && info.Mode()&0o022 != 0 {
			x.wrong("permissions", "chmod go-w "+f, "%s may be written by others: its mode is %v", f, info.Mode())
		}
	}
	x.unsafe()
}

// unsafe looks for settings that are allowed and seldom meant.
func (x *exam) unsafe() {
	if x.cfg.BindAddress == "" {
		what := "the broker"
		if x.cfg.EnableNamesrv {
			what = "the name server"
			if x.cfg.EnableBroker {
				what += " and the broker"
			}
		}
		asked := x.cfg.ACL && !x.cfg.EnableNamesrv || x.cfg.TLSMode == config.TLSEnforcing && x.cfg.TLSClientAuth == config.TLSAuthRequire
		if !asked { // a name server asks for no account
			x.warn("settings", "set bindAddress, or have a firewall let only those in who should", "%s listen on every address of this machine, and nobody has to say a password", what)
		}
	}
	if x.cfg.AllowUnsafeMount {
		x.warn("settings", "remove allowUnsafeMount when the file system is mounted as it should be", "allowUnsafeMount=true: a power cut may lose what was acknowledged")
	}
	if x.cfg.EnableBroker && !x.cfg.SyncFlush {
		x.ok("settings", "flushDiskType=ASYNC_FLUSH: a power cut loses what was acknowledged within the last %v", x.cfg.FlushInterval)
	}
}

// folder looks at the store's folder, who owns what is in it, and whether a daemon is there.
func (x *exam) folder() {
	const name = "folder"
	root := x.cfg.StoreRoot
	fsys, err := disk.ReadOnly(root)
	if errors.Is(err, os.ErrNotExist) {
		x.warn(name, "nothing: the daemon makes it when it starts. If messages should be there, see whether its file system is mounted", "%s does not exist", root)
		return
	}
	if err != nil {
		x.wrong(name, "have storePathRootDir be a folder that pairmqd's user can read", "%v", err)
		return
	}
	lock, err := fsys.Lock("LOCK")
	x.runs = errors.Is(err, disk.ErrLocked)
	if err == nil {
		err = lock.Close()
	}
	if err != nil && !x.runs {
		x.wrong("permissions", "run this as root, or as the user that pairmqd runs as", "%s cannot be looked into: %v", root, err)
		return
	}
	state := "no daemon runs there"
	if x.runs {
		state = "a daemon runs there"
	}
	x.ok(name, "%s: %s", root, state)
	x.owners(root)
}

// owners wants everything in the folder to be of one user, and nobody else's to read.
func (x *exam) owners(root string) {
	const name = "permissions"
	info, err := os.Stat(root)
	if err != nil {
		return // it was there just now
	}
	uid, gid := ownerOf(info)
	strangers, readable, first := 0, 0, ""
	err = filepath.WalkDir(root, func(p string, d os.DirEntry, err error) error {
		if err != nil || p == root {
			return err
		}
		if p == filepath.Join(root, "lost+found") {
			return filepath.SkipDir
		}
		info, err := d.Info()
		if errors.Is(err, os.ErrNotExist) {
			return nil // gone since
		}
		if err != nil {
			return err
		}
		if u, _ := ownerOf(info); u != uid {
			strangers++
			first = cmp.Or(first, p)
		}
		if info.Mode().Perm()&0o007 != 0 && info.Mode().IsRegular() {
			readable++
		}
		return nil
	})
	switch {
	case err != nil:
		x.wrong(name, "run this as root, or as the user that pairmqd runs as", "%v", err)
	case strangers > 0:
		x.wrong(name, fmt.Sprintf("chown -R %d:%d %s", uid, gid, root), "%d files do not belong to uid %d, to whom %s does, such as %s", strangers, uid, root, first)
	case info.Mode().Perm()&0o007 != 0 && readable > 0:
		x.warn(name, fmt.Sprintf("chmod o= %s", root), "everybody on this machine can read messages in %s", root)
	default:
		x.ok(name, "all belongs to uid %d", uid)
	}
}

// room looks at how full the file system is.
func (x *exam) room() {
	if _, err := os.Stat(x.cfg.StoreRoot); err != nil {
		return // was said
	}
	sp, err := x.opts.Space(x.cfg.StoreRoot)
	if err != nil {
		x.warn("room", "see what is wrong with the file system", "%v", err)
		return
	}
	text := fmt.Sprintf("%d of %d MiB are free", sp.Avail>>20, sp.Total>>20)
	marks := watermarks(&x.cfg)
	switch level := marks.Level(sp); level {
	case store.Roomy:
		x.ok("room", "%s", text)
	default:
		x.verdictOf(level >= store.Full, "room", "make room, set storeMaxBytes or a shorter fileReservedTime, or use a larger device", "%s: the level is %v", text, level)
	}
	if sp.ReadOnly {
		x.wrong("room", "look at the kernel's log: it does so after errors of the device; replace that, or mount it writable", "the file system is read-only")
	}
}

// spaceOf asks the file system of a folder.
func spaceOf(folder string) (disk.Space, error) {
	fsys, err := disk.ReadOnly(folder)
	if err != nil {
		return disk.Space{}, err
	}
	return fsys.Space()
}

// verdictOf is wrong or warn.
func (x *exam) verdictOf(wrong bool, name, do, format string, args ...any) {
	if wrong {
		x.wrong(name, do, format, args...)
		return
	}
	x.warn(name, do, format, args...)
}

// leftovers looks for what was set aside or never finished.
func (x *exam) leftovers() {
	root := x.cfg.StoreRoot
	found := false
	for _, l := range []struct{ file, do string }{
		{"reset.begun", "start pairmqd, or run pairmq reset, which finishes it"},
		{"namesrv.state.damaged", "make settings of the name server again that are missing, and remove the file"},
		{"failures", "look at the kernel's log for errors of the device; the file goes after ten minutes without one"},
	} {
		if _, err := os.Lstat(filepath.Join(root, l.file)); err == nil {
			x.warn("leftovers", l.do, "%s is there", filepath.Join(root, l.file))
			found = true
		}
	}
	aside, size := 0, int64(0)
	err := filepath.WalkDir(filepath.Join(root, "quarantine"), func(_ string, d os.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		info, err := d.Info()
		if err == nil {
			aside, size = aside+1, size+info.Size()
		}
		return err
	})
	switch {
	case aside > 0:
		x.warn("leftovers", fmt.Sprintf("pairmq log quarantine list %s shows them; send what is needed, and remove the rest", root), "%d files with %d KiB were set aside in quarantine/", aside, size>>10)
	case !found && (err == nil || errors.Is(err, os.ErrNotExist)):
		x.ok("leftovers", "nothing was set aside")
	}
}

// wallClock is what is known of the wall clock.
func (x *exam) wallClock() board.Clock {
	info, _ := debug.ReadBuildInfo()
	return x.opts.Board.Clock(time.Now(), board.Built(info))
}

// clock looks at it.
func (x *exam) clock() {
	c := x.wallClock()
	shows := c.Now.UTC().Format(time.RFC3339)
	const do = "have it synchronised (timedatectl set-ntp true, chrony), or set it; timestamps of messages and fileReservedTime go by it"
	switch c.Trust() {
	case board.ClockWrong:
		x.wrong("clock", do, "it shows %s, which is before this program was made", shows)
	case board.ClockUnset:
		x.warn("clock", do, "it shows %s, and nobody is known to have set it", shows)
	case board.ClockKept:
		x.ok("clock", "it shows %s, kept by a battery, not synchronised now", shows)
	default:
		x.ok("clock", "it shows %s, and is kept synchronised", shows)
	}
}

// memory looks at what the daemon may have: 44 MiB of heap and what Go does not count.
func (x *exam) memory() {
	const wanted = 64 << 20
	limit, err := x.opts.Board.MemoryLimit()
	switch {
	case err != nil:
		x.warn("memory", "nothing, if /proc is not there", "what there is is not known: %v", err)
	case limit.Bytes < wanted:
		x.warn("memory", "raise the limit, or expect slower answers under load", "%d MiB by %s, less than the %d the daemon is made for", limit.Bytes>>20, limit.From, wanted>>20)
	default:
		x.ok("memory", "%d MiB by %s", limit.Bytes>>20, limit.From)
	}
}
