package folder

import (
	"cmp"
	"context"
	"fmt"
	"sort"

	"pairmq/store/index"
	"pairmq/store/record"
)

// VerifyOptions says what is verified, and who is told.
type VerifyOptions struct {
	Log   *Log
	Index Index // nil: the log alone
	// From and To are log offsets (bytes); To 0 means the end. Where From is not the
	// log's start, what a queue had before is taken from the index.
	From, To int64
	Found    func(Finding)     // called for each finding; required
	At       func(off int64)   // called now and then with how far it came; nil is allowed
	Units    func(Queue) int64 // how many units the index has of a queue; nil: they are not counted
}

// A Summary is what a log has.
type Summary struct {
	Start    int64   `json:"start"` // of what was looked at, in bytes
	End      int64   `json:"end"`   // of the log, or where it was enough
	Records  int64   `json:"records"`
	Bytes    int64   `json:"bytes"` // of the records
	Findings int64   `json:"findings"`
	Untold   int64   `json:"untold,omitempty"` // findings that were only counted: more of the same of one queue, or of keys
	Queues   []Queue `json:"queues"`
}

// Verify walks over a log and tells what is wrong with it. Its memory does not grow
// with the log. It fails where nothing can be read any more, and when ctx ends.
func Verify(ctx context.Context, opts VerifyOptions) (Summary, error) {
	v := &verifier{opts: opts}
	v.sum.Start = max(opts.From, opts.Log.Start())
	if opts.Index != nil {
		v.checkpoint = opts.Index.Checkpoint()
	}
	if v.opts.To == 0 {
		v.opts.To = max(opts.Log.Limit(), opts.Log.least) + 1
	}
	var told int64
	for p, err := range opts.Log.Parts(ctx, opts.From, v.opts.To) {
		if err != nil {
			return v.sum, err
		}
		if v.part(&p); opts.At != nil && p.Off-told >= windowSize {
			told = p.Off
			opts.At(told)
		}
	}
	v.finish()
	return v.sum, nil
}

// verifier is one Verify under way.
type verifier struct {
	opts       VerifyOptions
	checkpoint int64
	queues     queues
	keys       keys
	damaged    int64 // parts of the log that are no records
	reached    int64 // bytes: the end of the last part that is sound
	damagedTo  int64 // bytes: where the last one began that does not follow the one before
	sum        Summary
}

func (v *verifier) found(f Finding) {
	v.sum.Findings++
	v.opts.Found(f)
}

func (v *verifier) part(p *Part) {
	if p.Kind != Wrong {
		if v.reached > 0 && p.Off != v.reached {
			v.damagedTo = p.Off
		}
		v.reached = p.Off + p.Size
	}
	switch p.Kind {
	case Wrong:
		v.damaged++
		v.found(p.Finding)
	case TheEnd:
		v.sum.End = p.Off
		v.endOfChunk(p.Off)
	case ARecord:
		v.sum.Records++
		v.sum.Bytes += p.Size
		if q := v.queueOf(&p.Record); q != nil {
			v.next(q, &p.Record)
			v.indexed(q, &p.Record)
		}
		v.keysOf(&p.Record)
	}
}

// queueOf returns the queue that a record enters, nil for none.
func (v *verifier) queueOf(r *record.View) *Queue {
	if !queued(r) {
		return nil
	}
	q := v.queues.find(r)
	if q != nil && q.Messages == 0 && v.opts.From > 0 && v.opts.Index != nil {
		v.before(q, r)
	}
	return q
}

// before looks in the index for what the queue had before the part of the log that is
// looked at.
func (v *verifier) before(q *Queue, r *record.View) {
	x, offset := v.opts.Index, r.QueueOffset()
	first, _, ok := x.Bounds(q.Topic, q.QueueID)
	if !ok || offset <= first || r.PhyOffset() >= v.checkpoint {
		return
	}
	var u [1]index.Unit
	if n, ok := x.Range(q.Topic, q.QueueID, offset-1, u[:]); n == 0 && ok {
		v.tell(q, QueueGap, r, fmt.Sprintf("the offset is %d, and the index has no %d", offset, offset-1))
	}
}

// finish counts what the index has too much, and sorts the queues.
func (v *verifier) finish() {
	for _, byID := range v.queues.topics {
		for _, q := range byID {
			q.units = nil
			v.sum.Queues = append(v.sum.Queues, *q)
		}
	}
	all := v.sum.Queues
	sort.Slice(all, func(i, j int) bool {
		return cmp.Or(cmp.Compare(all[i].Topic, all[j].Topic), cmp.Compare(all[i].QueueID, all[j].QueueID)) < 0
	})
	if v.opts.Units == nil || v.damaged > 0 { // else the index rightly knows what cannot be read
		return
	}
	for _, q := range v.sum.Queues {
		if n := v.opts.Units(q); n > q.matched && q.told == 0 {
			v.found(Finding{Kind: IndexDiffers, File: indexFile, PhyOffset: nowhere, Topic: q.Topic, QueueID: q.QueueID,
				Reason: fmt.Sprintf("the index has %d messages of the queue, the log has %d of them", n, q.matched)})
		}
	}
}

// Verify verifies all of a folder: what Open found, the log, and the index. It fails
// with ErrInUse where a daemon runs: what it is about to write would look torn.
func (f *Folder) Verify(ctx context.Context, found func(Finding), at func(off int64)) (Summary, error) {
	if f.InUse {
		return Summary{}, fmt.Errorf("%w: stop it, or have it verify its log itself", ErrInUse)
	}
	opts := VerifyOptions{Log: f.Log, Found: found, At: at}
	if f.Index != nil {
		opts.Index = f.Index
		if len(f.Layout) == 0 { // else files may be missing of which the index knows
			opts.Units = func(q Queue) int64 { return f.Index.Units(q.Topic, q.QueueID) }
		}
	}
	for _, l := range f.Layout {
		found(l)
	}
	sum, err := Verify(ctx, opts)
	sum.Findings += int64(len(f.Layout))
	if f.Index != nil && err == nil {
		for _, s := range f.Index.Damaged() {
			sum.Findings++
			found(Finding{Kind: IndexDamaged, File: indexFile, PhyOffset: s.Start, Length: s.End - s.Start, Reason: "a part of the index cannot be read; pairmq log rebuild-index makes it anew from the log, as the daemon does where it meets it"})
		}
	}
	return sum, err
}
