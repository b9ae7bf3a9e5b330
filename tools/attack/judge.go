package main

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"
)

var errFailed = errors.New("it is not as it should be")

// What is allowed.
const (
	tries     = 3
	quietTime = 500 * time.Millisecond // 250 sends; where an attack would be late by it, a moment as long as that follows
	noisy     = 2 * floor              // a quiet moment worse than this says little: another one is waited for
	moments   = 5                      // that are waited for
	settled   = 15 * time.Second       // until everything is as before
	floor     = 15 * time.Millisecond
	mostRatio = 2

	// Lines of the log: each kind of line once a second at most, and what an attack is, is seldom of more than one.
	linesAtOnce    = 4
	linesPerSecond = 2
	linesOfNames   = 100

	// Goroutines, files and connections beyond what there were before: the client dials anew, and the store works.
	slackGoroutines, slackFiles = 20, 10
)

// A trial is one attack and what came of it.
type trial struct {
	attack
	outcome
	took           time.Duration // of the strike
	whole          time.Duration // with what is measured before and after, of all tries
	memory         int64         // most bytes that were the daemon's own
	lines          int
	before, during time.Duration // p99 of the client's sends; before is the worse of before and after
	sends          int
	tried          int
	wrong          []string
	slow           bool // it is nothing but the time that is wrong
}

func (t *trial) ratio() float64 { return float64(t.during) / float64(max(t.before, 1)) }

// late says whether the client had to wait because of the attack.
func late(during, quiet time.Duration) bool { return during > mostRatio*max(quiet, floor) }

// p99 is the time that 99 of 100 took at most; 0 of none.
func p99(times []time.Duration) time.Duration {
	if len(times) == 0 {
		return 0
	}
	sorted := slices.Sorted(slices.Values(times))
	return sorted[(len(sorted)*99+99)/100-1]
}

// A scene is a stage that is set: the daemons and the client.
type scene struct {
	*world
	stage  stage
	target *daemon // who serves the client
	slave  *daemon // nil unless paired or misled
	judged *daemon // the one of them that is attacked
	client *client
	quiet  time.Duration // p99 of the last quiet moment
}

// attackAll sets each stage and has every attack on it.
func (w *world) attackAll(ctx context.Context) error {
	begin := time.Now()
	var all []*trial
	for on := range staged {
		var here []attack
		for _, x := range w.attacks() {
			if x.on == on && w.run.MatchString(x.name) {
				here = append(here, x)
			}
		}
		if len(here) == 0 {
			continue
		}
		done, err := w.attackOn(ctx, on, here)
		all = append(all, done...)
		if err != nil {
			return err
		}
	}
	failed := 0
	for _, t := range all {
		if len(t.wrong) > 0 && t.pending == "" {
			failed++
		}
	}
	fmt.Printf("attack: %d attacks in %.0f s: %s; %s, %d failed\n", len(all), time.Since(begin).Seconds(), w.spent, repeats(all), failed)
	if w.write && w.run.String() == "" {
		if err := writeTable("docs/attacks.md", w.args, all, time.Since(begin)); err != nil {
			return err
		}
	}
	if failed > 0 {
		return fmt.Errorf("%w: %d of %d", errFailed, failed, len(all))
	}
	return ctx.Err()
}

// attackOn has attacks on one stage.
func (w *world) attackOn(ctx context.Context, on stage, all []attack) (done []*trial, err error) {
	begin := time.Now()
	s, err := w.set(ctx, on)
	w.spent.stages += time.Since(begin)
	if err != nil {
		return nil, err
	}
	defer func() {
		begin := time.Now()
		err = errors.Join(err, s.strikeSet())
		w.spent.stages += time.Since(begin)
	}()
	s.calm(ctx, quietTime)
	for _, x := range all {
		if ctx.Err() != nil {
			return done, ctx.Err()
		}
		t := s.try(ctx, x)
		t.print(os.Stdout, w.verbose)
		done = append(done, t)
		select {
		case <-s.judged.Done:
			return done, fmt.Errorf("%w: %w", errFailed, s.judged.Ended())
		default:
		}
	}
	if wrong := s.client.stop(); len(wrong) > 0 {
		return done, fmt.Errorf("%w: %s, of %d", errFailed, strings.Join(wrong, "; "), len(s.client.acked))
	}
	return done, nil
}

// calm measures a quiet moment of that length.
func (s *scene) calm(ctx context.Context, d time.Duration) time.Duration {
	s.client.take()
	pause(ctx, d)
	times, _ := s.client.take()
	s.quiet = p99(times)
	s.spent.quiet += d
	return s.quiet
}

// still waits for a moment that is quiet indeed, where others work on this machine, but not for ever.
func (s *scene) still(ctx context.Context) {
	least := s.quiet
	for range moments {
		if least <= noisy || ctx.Err() != nil {
			break
		}
		least = min(least, s.calm(ctx, quietTime))
	}
	s.quiet = least
}

// try has an attack, and again if nothing was wrong but the time, each time between quiet
// moments of its own: what others do to this machine passes, a fault stays.
func (s *scene) try(ctx context.Context, x attack) (best *trial) {
	begin := time.Now()
	defer func() { best.whole = time.Since(begin) }()
	if x.heavy {
		s.client.heavy.Store(true)
		s.calm(ctx, quietTime)
		defer func() { s.client.heavy.Store(false); s.calm(ctx, quietTime) }()
	}
	for n := range tries {
		s.still(ctx)
		t := s.once(ctx, x)
		if best == nil || t.slow && t.ratio() < best.ratio() || !t.slow {
			best = t
		}
		best.tried = n + 1
		if !t.slow || ctx.Err() != nil {
			break
		}
		if s.verbose {
			fmt.Printf("    %s: p99 %v, quiet %v: once more\n", x.name, t.during.Round(10*time.Microsecond), t.before.Round(10*time.Microsecond))
		}
	}
	if best.slow {
		best.wrong = append(best.wrong, fmt.Sprintf("the client's p99 was %v, in quiet moments beside it %v", best.during.Round(10*time.Microsecond), best.before.Round(10*time.Microsecond)))
	}
	return best
}

// once has an attack and judges all of it.
func (s *scene) once(ctx context.Context, x attack) *trial {
	t := &trial{attack: x}
	d := s.judged
	before, err := d.burden()
	t.fail(err)
	files, err := treeOf(d.root, "var/lib/pairmq", "run/pairmq")
	t.fail(err)
	var aim string
	if x.outside != nil {
		aim, err = x.outside(ctx, s)
		t.fail(err)
	}
	linesBefore, err := d.lines()
	t.fail(err)
	usage, err := d.group.Usage()
	t.fail(err)
	quiet := s.quiet
	s.client.take()
	d.most.Store(d.own.Load())

	t.fail(s.strike(ctx, t))

	times, failed := s.client.take()
	t.during, t.sends = p99(times), len(times)
	if t.sends == 0 {
		t.say("the client had no answer at all")
	}
	for _, err := range failed[:min(len(failed), 3)] {
		t.say("the client was not served, %d times: %v", len(failed), err)
	}
	t.memory = d.most.Load()
	linesAfter, err := d.lines()
	t.fail(err)
	t.lines = linesAfter - linesBefore
	if most := linesAtOnce + int(linesPerSecond*t.took.Seconds()) + x.names*linesOfNames; t.lines > most {
		t.say("%d lines of log in %v; at most %d are allowed", t.lines, t.took.Round(time.Second/10), most)
	}
	if t.lines == 0 && !x.quiet {
		t.say("nothing was logged")
	}
	now, err := d.group.Usage()
	t.fail(err)
	if now.Kills > usage.Kills {
		t.say("the kernel killed it for want of memory")
	}
	t.fail(s.settle(ctx, before))
	t.fail(s.client.connects(ctx))
	t.before = max(quiet, s.calm(ctx, quietTime))
	if late(t.during, t.before) { // a longer moment has more of what others do to this machine
		t.before = max(t.before, s.calm(ctx, t.took))
	}
	t.slow = late(t.during, t.before) && len(t.wrong) == 0
	after, err := treeOf(d.root, "var/lib/pairmq", "run/pairmq")
	t.fail(err)
	for _, what := range after.changed(files) {
		t.say("outside of the state's folder: %s", what)
	}
	if x.outside != nil {
		now, err := x.outside(ctx, s)
		t.fail(err)
		if now != aim {
			t.say("it has changed what it must not: %s", difference(aim, now))
		}
	}
	return t
}

// strike has the attack as a process of the strangers' host.
func (s *scene) strike(ctx context.Context, t *trial) error {
	self, err := os.Executable()
	if err != nil {
		return err
	}
	from := s.stranger
	if t.peer {
		from = s.peer
	}
	argv := append(from.within(), "taskset", "--cpu-list", strconv.Itoa(runtime.NumCPU()-1), "nice", "-n", "20", self, "-strike", t.name, "-gateway", gatewayIP)
	ctx, cancel := context.WithTimeout(ctx, t.time+20*time.Second)
	defer cancel()
	cmd := exec.CommandContext(ctx, argv[0], argv[1:]...)
	cmd.Env = append(os.Environ(), certsKey+"="+filepath.Join(s.dir, "certs"))
	// It does not outlive this program, and has a session of its own: see prefer.
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Pdeathsig: syscall.SIGKILL}
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	begin := time.Now()
	err = cmd.Run()
	t.took = time.Since(begin)
	s.spent.strikes += t.took
	if err != nil {
		return fmt.Errorf("the attack itself failed: %w: %s", err, bytes.TrimSpace(errs.Bytes()))
	}
	if err := json.Unmarshal(out.Bytes(), &t.outcome); err != nil {
		return err
	}
	t.wrong = append(t.wrong, t.outcome.Wrong...)
	return nil
}

// settle waits until the daemon has no more to carry than before.
func (s *scene) settle(ctx context.Context, before burden) error {
	defer func(begin time.Time) { s.spent.settling += time.Since(begin) }(time.Now())
	for until := time.Now().Add(settled); ; {
		now, err := s.judged.burden()
		if err == nil && now.goroutines <= before.goroutines+slackGoroutines && now.files <= before.files+slackFiles {
			return nil
		}
		if time.Now().After(until) || ctx.Err() != nil {
			return errors.Join(err, fmt.Errorf("%v after the attack there are %.0f goroutines and %.0f files, before it %.0f and %.0f", settled, now.goroutines, now.files, before.goroutines, before.files))
		}
		pause(ctx, 50*time.Millisecond)
	}
}

func (t *trial) fail(err error) {
	if err != nil {
		t.say("%v", err)
	}
}

func (t *trial) say(format string, args ...any) {
	t.wrong = append(t.wrong, fmt.Sprintf(format, args...))
}

// print says what came of a trial as go test does.
func (t *trial) print(out *os.File, verbose bool) {
	verdict := "PASS"
	switch {
	case t.pending != "" && len(t.wrong) > 0:
		verdict = "SKIP"
	case len(t.wrong) > 0:
		verdict = "FAIL"
	}
	fmt.Fprintf(out, "--- %s: %s (%.2fs)\n", verdict, t.name, t.whole.Seconds())
	if verbose || verdict != "PASS" {
		fmt.Fprintf(out, "    %d connections, %d requests, %s; %s; own memory %s; %d lines; %d sends, p99 %v, quiet %v; try %d\n", t.Conns, t.Requests, bytesOf(t.Bytes), t.answers(), bytesOf(t.memory), t.lines,
			t.sends, t.during.Round(10*time.Microsecond), t.before.Round(10*time.Microsecond), t.tried)
	}
	if t.pending != "" && verdict == "SKIP" {
		fmt.Fprintf(out, "    pending: %s\n", t.pending)
	}
	for _, w := range t.wrong {
		fmt.Fprintf(out, "    %s\n", w)
	}
}

// answers are what came back, the most frequent first.
func (t *trial) answers() string {
	type answer struct {
		text string
		n    int
	}
	var all []answer
	for text, n := range t.Answers {
		all = append(all, answer{text, n})
	}
	slices.SortFunc(all, func(a, b answer) int { return cmp.Or(b.n-a.n, strings.Compare(a.text, b.text)) })
	var texts []string
	for _, a := range all[:min(len(all), 6)] {
		texts = append(texts, fmt.Sprintf("%d× %s", a.n, a.text))
	}
	if len(texts) == 0 {
		texts = []string{"nothing"}
	}
	if t.Longest > 100*time.Millisecond {
		texts = append(texts, fmt.Sprintf("the longest after %.1f s", t.Longest.Seconds()))
	}
	return strings.Join(texts, ", ")
}

// difference is the first line in which two texts differ.
func difference(a, b string) string {
	x, y := strings.Split(a, "\n"), strings.Split(b, "\n")
	for i := range max(len(x), len(y)) {
		var l, r string
		if i < len(x) {
			l = x[i]
		}
		if i < len(y) {
			r = y[i]
		}
		if l != r {
			return fmt.Sprintf("%.200q has become %.200q", l, r)
		}
	}
	return "nothing"
}

// bytesOf is a number of bytes as a person reads it.
func bytesOf(n int64) string {
	switch {
	case n >= 1<<20:
		return fmt.Sprintf("%.1f MiB", float64(n)/(1<<20))
	case n >= 1<<10:
		return fmt.Sprintf("%.0f KiB", float64(n)/(1<<10))
	}
	return fmt.Sprintf("%d B", n)
}
