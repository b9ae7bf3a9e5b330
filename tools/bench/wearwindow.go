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
	body, err := bodyOf(ctx, b.addr, l.record)
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
	io, err := readProcIO(b.process.cmd.Process.Pid)
	if err != nil {
		return nil, err
	}
	before, err := w.volume.written()
	if err != nil {
		return nil, err
	}
	answers := new(meter)
	begin := time.Now()
	if err := send(ctx, loadgen.Target{Addr: b.addr, Dial: answers.dial}, l, body, l.messages()); err != nil {
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
		metricRecords: float64(to.end - from.end), metricMessages: float64(l.messages()), metricSeconds: took.Seconds(),
	}
	return values, checkRecords(to.end-from.end, l)
}

// checkRecords makes sure that the records had the size that was meant; the log
// has a filler where a segment ended as well.
func checkRecords(logged int64, l wearLoad) error {
	if want := l.messages() * int64(l.record); logged < want || logged > want+want/50 {
		return fmt.Errorf("%d records of %d bytes made the log grow by %d bytes, not by %d and some for fillers", l.messages(), l.record, logged, want)
	}
	return nil
}

// send sends that many messages.
func send(ctx context.Context, t loadgen.Target, l wearLoad, body int, messages int64) error {
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
		return err
	}
	if r.TotalMessages != messages {
		return fmt.Errorf("%d of %d messages were stored within %v; answers by code: %v", r.TotalMessages, messages, wearTimeout, r.TotalCodes)
	}
	return nil
}

// bodyOf makes the topic and finds out what body makes a record of that size:
// what a record has besides is the broker's to say.
func bodyOf(ctx context.Context, addr string, record int) (int, error) {
	t := loadgen.Target{Addr: addr}
	if err := loadgen.CreateTopic(ctx, t, wearTopic, queues); err != nil {
		return 0, err
	}
	for range 3 { // a segment may end meanwhile
		from, err := logEnd(ctx, addr, nil)
		if err != nil {
			return 0, err
		}
		if err := send(ctx, t, wearLoad{batch: 1}, 1, 1); err != nil {
			return 0, err
		}
		to, err := logEnd(ctx, addr, nil)
		if err != nil {
			return 0, err
		}
		if body := record - int(to.end-from.end) + 1; body > 0 {
			return body, nil
		} else if to.end-from.end < 1024 {
			return 0, fmt.Errorf("a record with a body of 1 byte has %d bytes: none has %d", to.end-from.end, record)
		}
	}
	return 0, fmt.Errorf("no body makes a record of %d bytes", record)
}
