package index

import (
	"encoding/binary"
	"errors"
	"fmt"

	"go.etcd.io/bbolt"
)

// Open opens the index in opts.FS, or makes an empty one. A damaged file is set
// aside and made anew: see Rebuilt. It fails if another process has the file,
// with ErrFormat if another version wrote it, and when the disk does.
func Open(opts Options) (*Index, error) {
	if opts.FS == nil {
		return nil, errors.New("index: Options.FS is required")
	}
	opts.setDefaults()
	x := &Index{opts: opts, log: opts.Log}
	x.reset()
	if err := x.load(); err != nil {
		if x.db != nil {
			err = errors.Join(err, x.db.Close())
		}
		return nil, errors.Join(err, x.offsets.close())
	}
	return x, nil
}

// reset forgets everything in memory.
func (x *Index) reset() {
	x.topics = map[string]*topicQueues{}
	x.byRef = map[uint32]*Queue{}
	x.nextRef = 1
	x.sealed = nil
	x.checkpoint, x.end, x.floor = 0, 0, 0
	x.deleted, x.deletedBelow = map[string]int64{}, 0
	x.tables.reset()
	x.offsets.reset()
}

func (x *Index) load() error {
	created, err := x.openFile()
	if err != nil {
		return err
	}
	err = x.loadFile()
	if errors.Is(err, ErrDamaged) {
		created = true
		x.reset()
		if err := x.db.Close(); err != nil {
			x.log.Warn("a damaged index file did not close", "err", err)
		}
		if err := x.replaceFile(err); err != nil {
			return err
		}
		err = x.loadFile()
	}
	if err != nil {
		return err
	}
	restored, err := x.restore()
	if err != nil {
		return err
	}
	found, err := x.openJournal()
	if err != nil {
		return err
	}
	x.rebuilt = x.rebuilt || created && (restored || found)
	return nil
}

// loadFile reads all of the file that is kept in memory: everything but the
// units and keys in chunks.
func (x *Index) loadFile() error {
	return x.view(func(tx *bbolt.Tx) error {
		for _, name := range buckets() {
			if tx.Bucket([]byte(name)) == nil {
				return fmt.Errorf("%w: no bucket %s", ErrDamaged, name)
			}
		}
		if format, err := number(tx, stateFormat); err != nil {
			return err
		} else if format != fileFormat {
			return fmt.Errorf("%w: %s has format %d, this version reads %d", ErrFormat, x.opts.File, format, fileFormat)
		}
		return errors.Join(x.loadState(tx), x.tables.load(tx), x.loadQueues(tx), x.offsets.load(tx), x.loadChunks(tx))
	})
}

func (x *Index) loadState(tx *bbolt.Tx) (err error) {
	var next int64
	for key, n := range map[string]*int64{stateCheckpoint: &x.checkpoint, stateFloor: &x.floor, stateNextRef: &next} {
		if *n, err = number(tx, key); err != nil {
			return err
		}
	}
	x.nextRef = max(uint32(next), 1)
	x.end = max(x.checkpoint, x.floor)
	return each(tx, bucketDeleted, func(key, content []byte) error {
		if len(content) != 8 {
			return fmt.Errorf("%w: deletion mark of %d bytes", ErrDamaged, len(content))
		}
		x.noteDeleted(string(key), int64(binary.BigEndian.Uint64(content)))
		return nil
	})
}

func (x *Index) noteDeleted(topic string, phyOffset int64) {
	x.deleted[topic] = phyOffset
	x.deletedBelow = max(x.deletedBelow, phyOffset)
}

func (x *Index) loadQueues(tx *bbolt.Tx) error {
	return each(tx, bucketQueues, func(key, content []byte) error {
		var e queueEntry
		if err := decodeMsgp(content, &e); err != nil {
			return err
		}
		if len(key) != 4 {
			return fmt.Errorf("%w: queue reference of %d bytes", ErrDamaged, len(key))
		}
		q := x.queue(e.Topic, e.QueueID)
		q.ref, q.listed, q.floor = binary.BigEndian.Uint32(key), true, e.Floor
		q.min, q.max = q.floor, q.floor
		x.byRef[q.ref] = q
		x.nextRef = max(x.nextRef, q.ref+1)
		return nil
	})
}

// putQueue writes q's entry; q has a reference.
func putQueue(tx *bbolt.Tx, q *Queue) error {
	e := queueEntry{Topic: q.topic, QueueID: q.id, Floor: q.floor}
	b, err := e.MarshalMsg(nil)
	if err != nil {
		return err
	}
	return put(tx, bucketQueues, binary.BigEndian.AppendUint32(nil, q.ref), b)
}
