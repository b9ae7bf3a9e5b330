package main

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"

	"pairmq/tools/lab/order"
)

// Format of a dm-log-writes log: drivers/md/dm-log-writes.c. A superblock in
// the first sector; then for each entry a sector with its header, behind which a
// mark's text stands, and the sectors that were written. All little-endian:
//
//	superblock: 0 magic, 8 version, 16 entries, 24 bytes of a sector
//	entry:      0 sector, 8 sectors, 16 flags, 24 bytes of text
const (
	logMagic   = 0x6a736677736872
	logVersion = 1

	logFlush   = 1 << 0
	logFUA     = 1 << 1
	logDiscard = 1 << 2
	logMark    = 1 << 3
)

var errBadLog = errors.New("guest: no dm-log-writes log")

// A logEntry is one entry, and where its data lies in the log.
type logEntry struct {
	sector, sectors int64
	flags           uint64
	text            string
	at              int64 // byte offset of the data
	unit            int64 // bytes of a sector
}

// readLog reads all headers.
func readLog(f io.ReaderAt) ([]logEntry, error) {
	little := binary.LittleEndian
	super := make([]byte, sectorSize)
	if _, err := f.ReadAt(super, 0); err != nil {
		return nil, err
	}
	if little.Uint64(super) != logMagic || little.Uint64(super[8:]) != logVersion {
		return nil, fmt.Errorf("%w: magic %x, version %d", errBadLog, little.Uint64(super), little.Uint64(super[8:]))
	}
	n, unit := little.Uint64(super[16:]), int64(little.Uint32(super[24:]))
	if unit < sectorSize || unit > 1<<16 || n > 1<<24 {
		return nil, fmt.Errorf("%w: %d entries, sectors of %d bytes", errBadLog, n, unit)
	}
	all := make([]logEntry, 0, min(n, 4096)) // a log that is none may claim any number
	head := make([]byte, unit)
	at := unit
	for i := range n {
		if _, err := f.ReadAt(head, at); err != nil {
			return nil, fmt.Errorf("entry %d at %d: %w", i, at, err)
		}
		e := logEntry{sector: int64(little.Uint64(head)), sectors: int64(little.Uint64(head[8:])), flags: little.Uint64(head[16:]), unit: unit}
		at += unit
		e.at = at
		size := little.Uint64(head[24:])
		if size > uint64(unit)-32 || e.sectors < 0 || e.sectors > 1<<20 || e.sector < 0 || e.sector > 1<<40 {
			return nil, fmt.Errorf("%w: entry %d at %d: sector %d, %d sectors, %d bytes of text", errBadLog, i, at-unit, e.sector, e.sectors, size)
		}
		if e.flags&logMark != 0 {
			e.text = string(head[32 : 32+size])
		}
		if e.flags&logDiscard == 0 {
			at += e.sectors * unit
		}
		all = append(all, e)
	}
	return all, nil
}

// scanLog tells the host what is in a log.
func scanLog(device string) ([]order.Entry, error) {
	f, err := os.Open(device)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	entries, err := readLog(f)
	if err != nil {
		return nil, err
	}
	all := make([]order.Entry, 0, len(entries))
	for _, e := range entries {
		o := order.Entry{Mark: e.text, Flush: e.flags&logFlush != 0, FUA: e.flags&logFUA != 0}
		if e.flags&(logMark|logDiscard) == 0 {
			o.Bytes = e.sectors * e.unit
		}
		all = append(all, o)
	}
	return all, nil
}

// write writes what the entry wrote, or only those parts of so many bytes that
// keep says.
func (e logEntry) write(from io.ReaderAt, to io.WriterAt, part int64, keep func() bool) error {
	if e.flags&logMark != 0 || e.sectors == 0 {
		return nil
	}
	b := make([]byte, e.sectors*e.unit) // zeros, for a discard
	if e.flags&logDiscard == 0 {
		if _, err := from.ReadAt(b, e.at); err != nil {
			return err
		}
	}
	for at := int64(0); at < int64(len(b)); at += part {
		if keep() {
			if _, err := to.WriteAt(b[at:min(at+part, int64(len(b)))], e.sector*e.unit+at); err != nil {
				return err
			}
		}
	}
	return nil
}

// whole writes all that the entry wrote.
func (e logEntry) whole(from io.ReaderAt, to io.WriterAt) error {
	return e.write(from, to, max(e.sectors*e.unit, 1), func() bool { return true })
}

// replay writes the entries of the log that the replica does not have yet, up
// to but not including entry upto.
func (m *machine) replay(log, replica string, upto int) error {
	if upto < m.replayed {
		return fmt.Errorf("entry %d was replayed before: the replica has %d", upto, m.replayed)
	}
	err := onto(log, replica, func(entries []logEntry, from io.ReaderAt, to io.WriterAt) error {
		if upto > len(entries) {
			return fmt.Errorf("the log has %d entries, not %d", len(entries), upto)
		}
		for i, e := range entries[m.replayed:upto] {
			if err := e.whole(from, to); err != nil {
				return fmt.Errorf("replay entry %d: %w", m.replayed+i, err)
			}
		}
		return nil
	})
	if err == nil {
		m.replayed = upto
	}
	return err
}

// loose writes some of the entries from o.Upto on and before o.End, as a device
// might that loses power while its cache holds them: a write is there, is not,
// or some of its parts are.
func loose(o order.Order) (string, error) {
	if o.Unit < sectorSize {
		return "", fmt.Errorf("parts of %d bytes are less than a sector", o.Unit)
	}
	rng := rand.New(rand.NewPCG(o.Seed, 17))
	kept, torn, lost := 0, 0, 0
	err := onto(o.Device, o.To, func(entries []logEntry, from io.ReaderAt, to io.WriterAt) (err error) {
		for _, e := range entries[min(o.Upto, len(entries)):min(o.End, len(entries))] {
			if e.flags&(logMark|logDiscard) != 0 || e.sectors == 0 {
				continue
			}
			switch rng.IntN(5) {
			case 0, 1:
				lost++
			case 2:
				torn++
				err = e.write(from, to, o.Unit, func() bool { return rng.IntN(2) == 0 })
			default:
				kept++
				err = e.whole(from, to)
			}
			if err != nil {
				return err
			}
		}
		return nil
	})
	return fmt.Sprintf("%d kept, %d torn, %d lost", kept, torn, lost), err
}

// onto opens both devices and syncs the second in the end.
func onto(log, device string, do func(entries []logEntry, from io.ReaderAt, to io.WriterAt) error) error {
	src, err := os.Open(log)
	if err != nil {
		return err
	}
	defer src.Close()
	entries, err := readLog(src)
	if err != nil {
		return err
	}
	to, err := os.OpenFile(device, os.O_RDWR, 0)
	if err != nil {
		return err
	}
	defer to.Close()
	if err := do(entries, src, to); err != nil {
		return err
	}
	return to.Sync()
}
