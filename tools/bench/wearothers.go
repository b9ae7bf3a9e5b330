package main

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	mrand "math/rand/v2"
	"path/filepath"
	"time"

	bolt "go.etcd.io/bbolt"
)

// apache measures Apache RocketMQ. Its store is new in one sense always: it
// writes no file again.
func (w *wear) apache(ctx context.Context, flush string, l wearLoad) error {
	t, err := newApache(ctx, w.cfg, v5)
	if err != nil {
		return err
	}
	return w.onVolume(ctx, "wear-"+v5, func(dir string, v *volume) error {
		_, err := w.window(ctx, &wearWindow{target: t, dir: dir, volume: v, flush: flush}, first, l)
		return err
	})
}

// bbolt measures what one key for each message costs in the database that keeps
// our index: commits of as many messages as the load has at once, nothing else.
func (w *wear) bbolt(ctx context.Context, l wearLoad) error {
	return w.onVolume(ctx, "wear-"+bbolt, func(_ string, v *volume) error {
		db, err := bolt.Open(filepath.Join(v.dir, "messages.db"), 0o644, &bolt.Options{NoFreelistSync: true, FreelistType: bolt.FreelistMapType})
		if err != nil {
			return err
		}
		defer db.Close()
		for i, state := range []string{first, steady} {
			values, err := putMessages(ctx, db, v, l, int64(i))
			if err != nil {
				return fmt.Errorf("%s: %w", state, err)
			}
			w.note(sample{Target: bbolt, Cell: wearCell(state, syncFlush, l), Values: values})
		}
		return nil
	})
}

// putMessages puts messages under rising keys and counts what the device got.
func putMessages(ctx context.Context, db *bolt.DB, v *volume, l wearLoad, turn int64) (map[string]float64, error) {
	if err := v.settle(); err != nil {
		return nil, err
	}
	before, err := v.written()
	if err != nil {
		return nil, err
	}
	begin := time.Now()
	value := make([]byte, l.record)
	mrand.NewChaCha8([32]byte{}).Read(value)
	for n := range l.fewer() / int64(l.batch) {
		err := db.Update(func(tx *bolt.Tx) error {
			b, err := tx.CreateBucketIfNotExists([]byte(wearTopic))
			if err != nil {
				return err
			}
			b.FillPercent = 1 // keys only rise
			for i := range l.batch {
				key := binary.BigEndian.AppendUint64(nil, uint64(turn*l.fewer()+n*int64(l.batch)+int64(i)))
				if err := b.Put(key, value); err != nil {
					return err
				}
			}
			return nil
		})
		if err := errors.Join(err, ctx.Err()); err != nil {
			return nil, err
		}
	}
	took := time.Since(begin)
	if err := v.settle(); err != nil {
		return nil, err
	}
	after, err := v.written()
	device := after.since(before)
	return map[string]float64{
		metricDevice: float64(device.bytes), metricFlushes: float64(device.flushes),
		metricRecords: float64(l.fewer() * int64(l.record)), metricMessages: float64(l.fewer()), metricSeconds: took.Seconds(),
	}, err
}
