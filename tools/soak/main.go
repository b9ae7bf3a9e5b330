package main

import (
	"context"
	"crypto/rand"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"strconv"
	"syscall"
	"time"

	"pairmq/tools/harness"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	os.Exit(start(ctx, os.Args[1:], os.Stdout, os.Stderr))
}

// args are what a person asked for.
type args struct {
	bin, dir    string
	connections int
	size        int   // bytes of a body
	limit       int64 // MiB of the daemon
	duration    time.Duration
	keep        bool
	more        []string // flags of pairmqd
}

func parse(list []string, stderr io.Writer) (a args, err error) {
	f := flag.NewFlagSet("soak", flag.ContinueOnError)
	f.SetOutput(stderr)
	f.StringVar(&a.bin, "bin", "bin/pairmqd", "the pairmqd to soak")
	f.StringVar(&a.dir, "dir", "", "folder for the store and the log; empty makes one below TMPDIR")
	f.IntVar(&a.connections, "connections", 1000, "client connections")
	f.IntVar(&a.size, "size", 4<<20, "bytes of a message's body")
	f.Int64Var(&a.limit, "limit", 64, "MiB that the daemon may have, with the cache of pages it reads and writes")
	f.DurationVar(&a.duration, "duration", 2*time.Minute, "of the whole; the flow has at least a quarter of it")
	f.BoolVar(&a.keep, "keep", false, "leave the store and the log")
	if err := f.Parse(list); err != nil {
		return a, err
	}
	a.more = f.Args()
	switch least := queues + onlookers + 1 + senders; {
	case a.connections < least:
		return a, fmt.Errorf("-connections %d; at least %d", a.connections, least)
	case a.size <= idSize || a.size > 12<<20:
		return a, fmt.Errorf("-size %d; %d to %d", a.size, idSize+1, 12<<20)
	case a.limit < 16 || a.duration <= 0:
		return a, fmt.Errorf("-limit %d, -duration %v; at least 16 and more than nothing", a.limit, a.duration)
	}
	return a, nil
}

// start returns the exit code: 1 when the daemon did not hold out, 2 when that
// could not be found out.
func start(ctx context.Context, list []string, stdout, stderr io.Writer) int {
	a, err := parse(list, stderr)
	switch {
	case errors.Is(err, flag.ErrHelp):
		return 0
	case err == nil:
		err = a.soak(ctx, stdout)
	}
	if err != nil {
		fmt.Fprintln(stderr, "soak:", err)
	}
	switch {
	case err == nil:
		return 0
	case errors.Is(err, errBroken):
		return 1
	}
	return 2
}

// soak starts the daemon, loads it, and judges what became of it.
func (a *args) soak(ctx context.Context, out io.Writer) (err error) {
	if err := a.place(); err != nil {
		return err
	}
	g, err := harness.NewCgroup(harness.CgroupRoots(), "pairmq-soak-"+strconv.Itoa(os.Getpid()), a.limit<<20)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, g.Remove()) }()
	port, err := harness.FreePort(-2, -1, 1) // the others of a broker, and where no name server may be
	if err != nil {
		return err
	}
	addr := harness.Loopback(port)
	d, err := startDaemon(ctx, g, a.dir, a.argv(port), addr)
	if err != nil {
		return err
	}
	rest := make([]byte, a.size-idSize)
	rand.Read(rest)
	r := &run{addr: addr, out: out, ledger: newLedger(rest), counts: newCounts(), own: d.own, faults: map[string]*fault{}}
	for i := range a.connections {
		r.members = append(r.members, &member{run: r, number: i})
	}
	fmt.Fprintf(out, "soak: %d connections, messages of %d bytes, a cgroup (version %d) of %d MiB\n", a.connections, a.size, g.Version, a.limit)
	if err := r.makeTopics(); err != nil {
		return errors.Join(err, d.stop())
	}
	r.soak(ctx, a.duration, d.Done)
	wrong := r.verdict()
	if err := d.stop(); err != nil {
		wrong = append(wrong, err.Error())
	}
	u, err := g.Usage()
	if err != nil {
		return err
	}
	if u.Kills > 0 {
		wrong = append(wrong, fmt.Sprintf("the kernel killed it %d times for want of memory", u.Kills))
	}
	return a.report(ctx, out, r.ledger.sum(), u, d, wrong)
}

// place makes the folder.
func (a *args) place() (err error) {
	if a.bin, err = filepath.Abs(a.bin); err != nil {
		return err
	}
	if _, err := os.Stat(a.bin); err != nil {
		return fmt.Errorf("%w; make build makes it", err)
	}
	if a.dir == "" {
		a.dir, err = os.MkdirTemp("", "pairmq-soak-")
		return err
	}
	if _, err := os.Stat(a.store()); err == nil {
		return fmt.Errorf("%s is there already: what another run stored would be taken for this one's", a.store())
	}
	return os.MkdirAll(a.dir, 0o755)
}

func (a *args) store() string { return filepath.Join(a.dir, "store") }

// argv is the daemon's command line: a store that holds what is not consumed yet, and
// gives back the rest.
func (a *args) argv(port int) []string {
	most := int64(a.connections)*int64(a.size) + int64(mostUnpulled+senders)*int64(a.size) + 2<<30
	return append([]string{
		a.bin, "--brokerName=soak", "--brokerIP1=127.0.0.1", "--bindAddress=127.0.0.1",
		"--listenPort=" + strconv.Itoa(port), "--haListenPort=" + strconv.Itoa(port+1), "--namesrvAddr=127.0.0.1:" + strconv.Itoa(port-1),
		"--storePathRootDir=" + a.store(), "--storeMaxBytes=" + strconv.FormatInt(most, 10),
		"--maxMessageSize=" + strconv.Itoa(max(a.size, 4<<20)),
	}, a.more...)
}

// report prints the figures, and fails with errBroken if something is wrong.
func (a *args) report(ctx context.Context, out io.Writer, s sum, u harness.Usage, d *daemon, wrong []string) error {
	fmt.Fprintf(out, "  %d messages acknowledged, %d consumed (%d of them again); at most %.1f MiB in the cgroup, at most %.1f MiB of it the daemon's own memory, %d kills\n",
		s.acknowledged, s.consumed, s.again, mib(u.Peak), mib(d.anon.Load()), u.Kills)
	for _, w := range wrong {
		fmt.Fprintln(out, "  WRONG:", w)
	}
	if len(wrong) > 0 {
		fmt.Fprintf(out, "  the log is %s\n", d.Log)
		return errBroken
	}
	if err := ctx.Err(); err != nil {
		return fmt.Errorf("interrupted: %w", err)
	}
	if a.keep {
		return nil
	}
	return os.RemoveAll(a.dir)
}

func mib(bytes int64) float64 { return float64(bytes) / (1 << 20) }
