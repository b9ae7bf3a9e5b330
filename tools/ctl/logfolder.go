package main

import (
	"context"
	"errors"
	"fmt"
	"strconv"

	"pairmq/store/folder"
)

// errUnsound is the cause when something is wrong with a log or its index.
var errUnsound = errors.New("something is wrong")

// maxListed is how many findings are kept to be listed; the others are counted.
const maxListed = 10_000

// folderCheck is what came out of verifying one log, offline or by its broker.
type folderCheck struct {
	Where string `json:"where"` // the folder, or the broker
	folder.Summary
	Findings []folder.Finding `json:"findings"`
	Unlisted int64            `json:"unlisted,omitempty"` // findings beyond those
	Index    string           `json:"index"`              // compared, missing, damaged
	online   bool             // queues were not counted
}

// found is what folder.Verify calls.
func (c *folderCheck) found(f folder.Finding) {
	if len(c.Findings) == maxListed {
		c.Unlisted++
		return
	}
	c.Findings = append(c.Findings, f)
}

// all is how many findings there are, listed or not.
func (c *folderCheck) all() int64 { return int64(len(c.Findings)) + c.Unlisted + c.Untold }

// verifyFolder verifies what lies in a folder.
func (e *env) verifyFolder(ctx context.Context, dir string, segmentSize int64) (*folderCheck, error) {
	f, err := openFolder(dir, folder.Options{SegmentSize: segmentSize})
	if err != nil {
		return nil, err
	}
	defer f.Close()
	if f.InUse {
		return nil, fmt.Errorf("%w: stop it, or let it verify its log itself: pairmq log verify --broker HOST:PORT --alone", folder.ErrInUse)
	}
	start := f.Log.Start()
	p := newProgress(e, fmt.Sprintf("of %d MiB verified", (f.Log.Limit()-start)>>20), true)
	defer p.done()
	c := &folderCheck{Where: dir, Findings: []folder.Finding{}, Index: "missing"}
	c.Summary, err = f.Verify(ctx, c.found, func(off int64) { p.set((off - start) >> 20) })
	switch {
	case f.Index != nil:
		c.Index = "compared"
	case len(f.Layout) > 0 && f.Layout[len(f.Layout)-1].Kind == folder.IndexDamaged:
		c.Index = "damaged"
	}
	return c, err
}

// printFolderCheck writes what was found, and what the log has.
func (e *env) printFolderCheck(c *folderCheck, queues bool) error {
	if e.json {
		return e.printJSON(c)
	}
	if queues {
		rows := [][]string{{"TOPIC", "QUEUE", "FIRST", "END", "MESSAGES", "OLDEST", "NEWEST"}}
		for _, q := range c.Queues {
			rows = append(rows, []string{safe(q.Topic), strconv.Itoa(int(q.QueueID)), decimal(q.First), decimal(q.End), decimal(q.Messages), timestamp(q.OldestStore), timestamp(q.NewestStore)})
		}
		if err := printTable(e.out, rows); err != nil {
			return err
		}
	}
	if len(c.Findings) > 0 {
		rows := [][]string{{"KIND", "OFFSET", "LENGTH", "FILE", "REASON"}}
		for _, f := range c.Findings {
			rows = append(rows, []string{string(f.Kind), place(f.PhyOffset), decimal(f.Length), orDash(f.File), findingText(&f)})
		}
		if err := printTable(e.out, rows); err != nil {
			return err
		}
	}
	_, err := fmt.Fprintln(e.out, c.text())
	return err
}

// findingText is the reason of a finding, with the queue it is about.
func findingText(f *folder.Finding) string {
	if f.Topic == "" {
		return safe(f.Reason)
	}
	return fmt.Sprintf("%s/%d: %s", safe(f.Topic), f.QueueID, safe(f.Reason))
}

// text is the last line.
func (c *folderCheck) text() string {
	queues := fmt.Sprintf(" in %d queues", len(c.Queues))
	if c.online {
		queues = ""
	}
	text := fmt.Sprintf("verified %s, from %d to %d: messages %d%s, index %s", size(c.End-c.Start), c.Start, c.End, c.Records, queues, c.Index)
	if n := c.all(); n > 0 {
		text += fmt.Sprintf(", findings %d", n)
		if more := c.Unlisted + c.Untold; more > 0 {
			text += fmt.Sprintf(" (%d of them not listed)", more)
		}
		return text
	}
	return text + ", nothing is wrong"
}

// failure is errUnsound if anything was found.
func (c *folderCheck) failure(advice string) error {
	if c.all() == 0 {
		return nil
	}
	return fmt.Errorf("%w with %s, see the list; %s", errUnsound, safe(c.Where), advice)
}

func decimal(n int64) string { return strconv.FormatInt(n, 10) }

// place is a log offset; below 0 it is none.
func place(off int64) string {
	if off < 0 {
		return "-"
	}
	return decimal(off)
}
