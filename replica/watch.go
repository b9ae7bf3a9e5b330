package replica

import (
	"context"
	"strconv"
	"strings"
	"time"

	"pairmq/internal/remoting"
)

const (
	// watchTime is how long a master of ours may take to answer a watch: what it
	// holds it, and some more.
	watchTime = 20 * time.Second
	// calmRounds is how many periods a round is put off while the master tells of
	// changes: then everything is copied all the same.
	calmRounds = 6
)

// A watch is a slave's request to be told of changes of its master's tables.
// It is the Copier's Run's own.
type watch struct {
	master string        // that is watched, or was found to be none of ours; "" before
	plain  bool          // it is none of ours
	seen   TableVersions // what was copied
	answer chan watched  // of the request on its way; nil if there is none
	full   time.Time     // of the last round
}

// mostHeld bounds in bytes what is believed of a master's reason to hold this slave.
const mostHeld = 200

// Held is why the master says that it does not send this slave all it lacks, "" if it
// does, or does not say.
func (c *Copier) Held() string { return c.held.get() }

type watched struct {
	resp *remoting.Command
	err  error
}

// watch asks the master to tell of changes, unless that is asked already or it
// cannot tell.
func (c *Copier) watchMaster(ctx context.Context, w *watch) {
	master := c.opts.Master()
	if master != w.master {
		*w = watch{master: master, full: w.full}
		c.held.set("")
	}
	if master == "" || w.plain || w.answer != nil {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, c.opts.Timeout)
	defer cancel()
	conn, err := c.opts.Client.Conn(ctx, master)
	if err != nil {
		return // the next round says so
	}
	answer := make(chan watched, 1)
	w.answer = answer
	f := w.seen.fields()
	f.Add("held", strconv.FormatBool(c.Held() != ""))
	conn.Go(&remoting.Command{Code: remoting.ReqWatchMetadata, Fields: f}, watchTime, func(resp *remoting.Command, err error) {
		answer <- watched{resp, err}
	})
}

// told copies what a watch's answer says has changed, and says whether to go on
// watching.
func (c *Copier) told(ctx context.Context, w *watch, a watched) bool {
	w.answer = nil
	held := ""
	if a.err == nil && a.resp.Code == remoting.RespSuccess {
		why := a.resp.Fields.Get("held")
		held = strings.ToValidUTF8(why[:min(len(why), mostHeld)], "")
	}
	c.held.set(held)
	if a.err != nil {
		return false
	}
	switch a.resp.Code {
	case remoting.RespSuccess:
		c.ours, c.plain = w.master, ""
	case remoting.RespRequestCodeNotSupported: // an Apache master: all is copied every period
		w.plain, c.ours, c.plain = true, "", w.master
		return false
	default:
		return false
	}
	now, err := parseVersions(a.resp.Fields)
	if err != nil {
		c.log.Warn("the master's answer to a watch of its tables makes no sense", "master", w.master, "err", err)
		return false
	}
	steps := c.changed(w.seen, now)
	if err := c.do(ctx, w.master, steps); err != nil {
		return false
	}
	w.seen = now
	return true
}

// changed returns the steps that copy what differs.
func (c *Copier) changed(seen, now TableVersions) (steps []*copyStep) {
	for _, s := range c.steps {
		if seen.Boot != now.Boot || s.version != nil && s.version(seen) != s.version(now) {
			steps = append(steps, s)
		}
	}
	return steps
}

// calm says that a round may be put off: the master tells of changes, and not
// long ago everything was copied.
func (c *Copier) calm(w *watch) bool {
	return w.answer != nil && w.master == c.opts.Master() && time.Since(w.full) < calmRounds*c.opts.Period
}
