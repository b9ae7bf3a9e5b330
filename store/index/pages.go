package index

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"hash/fnv"
	"io"
	"math"
)

// pageSize is the page of bbolt file and journal, on every architecture.
const pageSize = 4096

// bbolt's file format, in the machine's byte order. A page begins with its
// number 8, flags 2, count 2 and overflow 4 (further pages it takes); behind
// come elements of 16 bytes, then the keys and values that they point to. A leaf
// element is flags 4, position 4 (from the element on), key size 4, value size
// 4; a branch element position 4, key size 4, page 8. A bucket is a value that
// begins with the page of its root and a sequence, 8 each; root 0 means that the
// page follows in the value.
//
// Format: go.etcd.io/bbolt 1.5, internal/common.
const (
	boltMagic   = 0xED0CDAED
	boltVersion = 2
	noFreelist  = math.MaxUint64 // in place of the free list's page: it is not stored
	metaSize    = 64
	pageHeader  = 16
	elementSize = 16
	branchPage  = 0x01
	leafPage    = 0x02
	bucketEntry = 0x01
	maxDepth    = 64
)

// A pageCheck walks every page that a bbolt file can reach. bbolt itself trusts
// them: on a damaged one it ends the process, from a goroutine where nothing can
// prevent it, and at every start again. So its pages are checked before it
// sees them; what the values hold has checksums of its own.
type pageCheck struct {
	f     pageFile
	pages uint64   // in the file; page numbers are below
	seen  []uint64 // a bit per page
}

// A pageFile is the part of a disk.File that checkPages needs.
type pageFile interface {
	io.ReaderAt
	Size() (int64, error) // bytes
}

// checkPages fails with ErrDamaged unless bbolt can open and walk f.
func checkPages(f pageFile) error {
	size, err := f.Size()
	if err != nil {
		return fmt.Errorf("%w: size of the file: %w", ErrDamaged, err)
	}
	root, pages, err := readMeta(f)
	if err != nil {
		return err
	}
	if pages > uint64(size)/pageSize {
		return fmt.Errorf("%w: file of %d bytes for %d pages", ErrDamaged, size, pages)
	}
	c := &pageCheck{f: f, pages: pages, seen: make([]uint64, pages/64+1)}
	return c.walk(root, nil, nil, 0)
}

// readMeta returns the root page and the number of pages by the newer of the
// two valid meta pages, as bbolt chooses.
func readMeta(f io.ReaderAt) (root, pages uint64, err error) {
	var newest uint64
	err = fmt.Errorf("%w: no valid meta page", ErrDamaged)
	ne := binary.NativeEndian
	for i := range int64(2) {
		var b [pageHeader + metaSize]byte
		if _, e := f.ReadAt(b[:], i*pageSize); e != nil {
			continue
		}
		m := b[pageHeader:]
		sum := fnv.New64a()
		sum.Write(m[:metaSize-8])
		if ne.Uint32(m) != boltMagic || ne.Uint32(m[4:]) != boltVersion || ne.Uint32(m[8:]) != pageSize ||
			ne.Uint64(m[32:]) != noFreelist || sum.Sum64() != ne.Uint64(m[56:]) {
			continue
		}
		if tx := ne.Uint64(m[48:]); err != nil || tx > newest {
			root, pages, newest, err = ne.Uint64(m[16:]), ne.Uint64(m[40:]), tx, nil
		}
	}
	return root, pages, err
}

// walk checks the page id and what lies below it: keys are in [low, high), nil
// means no bound.
func (c *pageCheck) walk(id uint64, low, high []byte, depth int) error {
	p, err := c.load(id, depth)
	if err != nil {
		return err
	}
	keys, err := p.keys(low, high)
	if err != nil {
		return err
	}
	for i := range keys {
		if p.branch {
			next := high
			if i+1 < len(keys) {
				next = keys[i+1]
			}
			err = c.walk(p.child(i), keys[i], next, depth+1)
		} else if p.flags(i) == bucketEntry {
			err = c.bucket(p, i, depth)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// bucket checks the bucket in leaf element i.
func (c *pageCheck) bucket(p *page, i, depth int) error {
	at, size := p.value(i)
	if size < 16 {
		return p.bad("a bucket of %d bytes", size)
	}
	var head [16]byte
	if err := p.read(head[:], at); err != nil {
		return err
	}
	if root := binary.NativeEndian.Uint64(head[:]); root != 0 {
		return c.walk(root, nil, nil, depth+1)
	}
	inline := make([]byte, size-16)
	if err := p.read(inline, at+16); err != nil {
		return err
	}
	in, err := newPage(p.id, bytes.NewReader(inline), 0, int64(len(inline)))
	if err != nil {
		return err
	}
	keys, err := in.keys(nil, nil)
	if err != nil {
		return err
	}
	for i := range keys {
		if in.branch || in.flags(i) != 0 {
			return p.bad("a bucket in element %d that holds more than values", i)
		}
	}
	return nil
}

// load reads a page's head, which nothing else may have reached.
func (c *pageCheck) load(id uint64, depth int) (*page, error) {
	var head [pageHeader]byte
	ne := binary.NativeEndian
	if id < 2 || id >= c.pages || depth > maxDepth {
		return nil, fmt.Errorf("%w: page %d of %d at depth %d", ErrDamaged, id, c.pages, depth)
	}
	if _, err := c.f.ReadAt(head[:], int64(id)*pageSize); err != nil {
		return nil, fmt.Errorf("%w: read page %d: %w", ErrDamaged, id, err)
	}
	more := uint64(ne.Uint32(head[12:]))
	if ne.Uint64(head[:]) != id || more >= c.pages-id {
		return nil, fmt.Errorf("%w: page %d says it is %d and %d more", ErrDamaged, id, ne.Uint64(head[:]), more)
	}
	for i := id; i <= id+more; i++ {
		if c.seen[i/64]&(1<<(i%64)) != 0 {
			return nil, fmt.Errorf("%w: page %d is used twice", ErrDamaged, i)
		}
		c.seen[i/64] |= 1 << (i % 64)
	}
	return newPage(id, c.f, int64(id)*pageSize, int64(more+1)*pageSize)
}
