package index

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io/fs"
	"maps"
	"slices"
	"sort"

	"go.etcd.io/bbolt"

	"pairmq/hal/disk"
)

// The backup file is: "PMBK", version 4 (1), length 8, crc 4, then a backup as
// msgp value. It is written after each change of the tables.
const (
	backupMagic   = "PMBK"
	backupVersion = 1
	backupHeader  = 20
	maxBackup     = 64 << 20 // bytes
)

// writeBackup writes all tables anew. The caller holds write.
func (x *Index) writeBackup() error {
	b := x.collectBackup()
	content, err := b.MarshalMsg(nil)
	if err != nil {
		return x.fail(fmt.Errorf("index: encode %s: %w", x.opts.Backup, err))
	}
	if err := disk.Replace(x.opts.FS, x.opts.Backup, sealBackup(content)); err != nil {
		return x.fail(fmt.Errorf("index: write %s: %w", x.opts.Backup, err))
	}
	return nil
}

func sealBackup(content []byte) []byte {
	file := append(make([]byte, 0, backupHeader+len(content)), backupMagic...)
	file = binary.BigEndian.AppendUint32(file, backupVersion)
	file = binary.BigEndian.AppendUint64(file, uint64(len(content)))
	file = binary.BigEndian.AppendUint32(file, crc32.ChecksumIEEE(content))
	return append(file, content...)
}

func (x *Index) collectBackup() backup {
	t := &x.tables
	b := backup{
		Generation: t.generation, TopicsVersion: t.topicsVersion, GroupsVersion: t.groupsVersion, Values: t.values,
		Topics:  slices.Collect(maps.Values(t.topics)),
		Groups:  slices.Collect(maps.Values(t.groups)),
		Deleted: x.deleted,
	}
	sort.Slice(b.Topics, func(i, j int) bool { return b.Topics[i].Name < b.Topics[j].Name })
	sort.Slice(b.Groups, func(i, j int) bool { return b.Groups[i].Name < b.Groups[j].Name })
	x.mu.RLock()
	defer x.mu.RUnlock()
	for _, t := range x.topics {
		for _, q := range t.byID {
			if q.floor > 0 {
				b.Floors = append(b.Floors, queueEntry{Topic: q.topic, QueueID: q.id, Floor: q.floor})
			}
		}
	}
	return b
}

// readBackup returns the backup, nil if there is none that is whole.
func (x *Index) readBackup() (*backup, error) {
	f, err := x.opts.FS.Open(x.opts.Backup)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("index: open %s: %w", x.opts.Backup, err)
	}
	defer f.Close()
	b, err := decodeBackup(f)
	if err != nil {
		x.log.Warn("the backup of the tables is damaged", "file", x.opts.Backup, "err", err)
		return nil, nil
	}
	return b, nil
}

func decodeBackup(f disk.File) (*backup, error) {
	size, err := f.Size()
	if err != nil {
		return nil, err
	}
	if size < backupHeader || size > maxBackup {
		return nil, fmt.Errorf("%w: backup of %d bytes", ErrDamaged, size)
	}
	file := make([]byte, size)
	if _, err := f.ReadAt(file, 0); err != nil {
		return nil, err
	}
	content := file[backupHeader:]
	be := binary.BigEndian
	if string(file[:4]) != backupMagic || be.Uint32(file[4:]) != backupVersion ||
		be.Uint64(file[8:]) != uint64(len(content)) || be.Uint32(file[16:]) != crc32.ChecksumIEEE(content) {
		return nil, fmt.Errorf("%w: backup of %d bytes", ErrDamaged, size)
	}
	var b backup
	return &b, decodeMsgp(content, &b)
}

// restore takes over the backup if it is newer than the file, as it is when the
// file was made anew or has lost its last commits, or if it is as new and says
// something else: the backup is under one checksum, in the file pages may be
// old. It reports whether it did.
func (x *Index) restore() (bool, error) {
	b, err := x.readBackup()
	if err != nil || b == nil || b.Generation < x.tables.generation {
		return false, err
	}
	if mine := x.collectBackup(); b.Generation == mine.Generation && sameTables(b, &mine) {
		return false, nil
	}
	x.log.Warn("tables are taken from the backup", "file", x.opts.Backup, "topics", len(b.Topics), "groups", len(b.Groups))
	x.write.Lock()
	defer x.write.Unlock()
	if err := x.update(func(tx *bbolt.Tx) error { return x.putBackup(tx, b) }); err != nil {
		return false, err
	}
	x.reset()
	return true, x.loadFile()
}

func sameTables(a, b *backup) bool {
	return a.TopicsVersion == b.TopicsVersion && a.GroupsVersion == b.GroupsVersion &&
		slices.EqualFunc(a.Topics, b.Topics, equalTopics) && slices.EqualFunc(a.Groups, b.Groups, equalGroups) &&
		maps.EqualFunc(a.Values, b.Values, bytes.Equal) && maps.Equal(a.Deleted, b.Deleted)
}

func (x *Index) putBackup(tx *bbolt.Tx, b *backup) error {
	for _, name := range []string{bucketTopics, bucketGroups, bucketValues, bucketDeleted} {
		if err := tx.DeleteBucket([]byte(name)); err != nil {
			return err
		}
	}
	if err := createBuckets(tx); err != nil {
		return err
	}
	for topic, below := range b.Deleted {
		if below != x.deleted[topic] { // the file does not know of it
			if err := deleteQueues(tx, x.refs(x.queuesOf(topic))); err != nil {
				return err
			}
			delete(x.topics, topic)
		}
	}
	errs := []error{
		putNumber(tx, stateGeneration, b.Generation),
		putMsgp(tx, bucketState, stateTopics, b.TopicsVersion), putMsgp(tx, bucketState, stateGroups, b.GroupsVersion),
	}
	for i := range b.Topics {
		errs = append(errs, putMsgp(tx, bucketTopics, b.Topics[i].Name, &b.Topics[i]))
	}
	for i := range b.Groups {
		errs = append(errs, putMsgp(tx, bucketGroups, b.Groups[i].Name, &b.Groups[i]))
	}
	for key, value := range b.Values {
		errs = append(errs, put(tx, bucketValues, []byte(key), value))
	}
	for topic, below := range b.Deleted {
		errs = append(errs, put(tx, bucketDeleted, []byte(topic), binary.BigEndian.AppendUint64(nil, uint64(below))))
	}
	for _, e := range b.Floors {
		q := x.queue(e.Topic, e.QueueID)
		x.giveRef(q)
		q.floor = max(q.floor, e.Floor)
		errs = append(errs, putQueue(tx, q))
	}
	return errors.Join(append(errs, putNumber(tx, stateNextRef, int64(x.nextRef)))...)
}
