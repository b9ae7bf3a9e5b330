package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"pairmq/tools/loadgen"
)

// wearTopic has the shortest name there is, so that records can be small.
const wearTopic = "W"

// wearTimeout bounds each load.
const wearTimeout = 3 * time.Minute

// A wearWindow is one store on a volume while it is measured.
type wearWindow struct {
	target target
	dir    string // of logs; the volume is mounted at dir/store
	volume *volume
	flush  string
}

// measure starts the broker, sends the load, stops the broker and has the file
// system write what is left. What the start writes is not counted, nor what was
// left from before; what the stop writes is.
func (w *wearWindow) measure(ctx context.Context, l wearLoad) (values map[string]float64, err error) {
	b, err := w.target.start(ctx, w.dir, w.flush)
	if err != nil {
		return nil, err
	}
	running := true
	defer func() {
		if running {
			err = errors.Join(err, b.stop())
		}
	}()
	body, err := bodyOf(ctx, b.addr, l)
	if err != nil {
		return nil, err
	}
	if err := w.volume.settle(); err != nil {
		return nil, err
	}
	from, err := logEnd(ctx, b.addr, nil)
	if err != nil {
		return nil, err
	}
	io, err := readProcIO(b.process.PID())
	if err != nil {
		return nil, err
	}
	before, err := w.volume.written()
	if err != nil {
		return nil, err
	}
	answers := new(meter)
	begin := time.Now()
	stored, err := send(ctx, loadgen.Target{Addr: b.addr, Dial: answers.dial}, l, body, l.messages())
	if err != nil {
		return nil, err
	}
	took := time.Since(begin)
	to, err := logEnd(ctx, b.addr, answers)
	if err != nil {
		return nil, err
	}
	running = false
	if err := b.stop(); err != nil {
		return nil, err
	}
	if err := w.volume.settle(); err != nil {
		return nil, err
	}
	after, err := w.volume.written()
	if err != nil {
		return nil, err
	}
	device := after.since(before)
	values = map[string]float64{
		metricDevice: float64(device.bytes), metricFlushes: float64(device.flushes),
		metricCalls:   float64(b.process.wrote.calls - io.calls - answers.read.Load()),
		metricRecords: float64(to.end - from.end), metricMessages: float64(stored), metricSeconds: took.Seconds(),
	}
	return values, l.checkRecords(to.end-from.end, stored)
}

// checkRecords makes sure that the records had the size that was meant; the log
// has a filler where a segment ended as well, and perhaps what was not answered OK.
func (l wearLoad) checkRecords(logged, stored int64) error {
	if want := stored * int64(l.record); logged < want || logged > want+want/50 {
		return fmt.Errorf("%d records of %d bytes made the log grow by %d bytes, not by %d and some for fillers", stored, l.record, logged, want)
	}
	return nil
}

// send sends that many messages and returns how many were stored. A broker may
// refuse one in a hundred: those of Apache do when their disk is slow.
func send(ctx context.Context, t loadgen.Target, l wearLoad, body int, messages int64) (int64, error) {
	o := loadgen.SendOptions{
		Target: t, Bounds: loadgen.Bounds{Count: messages, Duration: wearTimeout},
		Topic: wearTopic, Queues: queues, Size: body, ShortKey: true, Batch: l.batch, Conns: 1, InFlight: 1,
	}
	if l.batch == 0 {
		o.Batch, o.Conns = 1, 8
		o.InFlight = (1 << 20) / l.record
	}
	r, err := loadgen.Send(ctx, o)
	if err != nil {
		return 0, err
	}
	if r.TotalMessages < messages-messages/100 {
		return 0, fmt.Errorf("%d of %d messages were stored within %v; answers by code: %v", r.TotalMessages, messages, wearTimeout, r.TotalCodes)
	}
	return r.TotalMessages, nil
}

// bodyOf makes the topic and finds out what body makes a record of the load's
// size: what a record has besides is the broker's to say, and for 5.4.0 it is
// less in a batch.
func bodyOf(ctx context.Context, addr string, l wearLoad) (int, error) {
	t := loadgen.Target{Addr: addr}
	if err := loadgen.CreateTopic(ctx, t, wearTopic, queues); err != nil {
		return 0, err
	}
	n := max(1, l.batch)
	least := 0 // a record with a body of 1 byte; a segment that ends meanwhile makes it seem more
	for range 3 {
		from, err := logEnd(ctx, addr, nil)
		if err != nil {
			return 0, err
		}
		if _, err := send(ctx, t, wearLoad{record: l.record, batch: n}, 1, int64(n)); err != nil {
			return 0, err
		}
		to, err := logEnd(ctx, addr, nil)
		if err != nil {
			return 0, err
		}
		if got := int(to.end-from.end) / n; least == 0 || got < least {
			least = got
		}
	}
	if least > l.record {
		return 0, fmt.Errorf("a record with a body of 1 byte has %d bytes: none has %d", least, l.record)
	}
	return l.record - least + 1, nil
}
