package index

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"io"
)

// A page is one page of a bbolt file with those it overflows into. Only what
// is asked for is read: most of a page is values.
type page struct {
	id       uint64
	r        io.ReaderAt
	at, size int64
	branch   bool
	elements []byte
}

// newPage reads the elements of the page in size bytes of r from at on.
func newPage(id uint64, r io.ReaderAt, at, size int64) (*page, error) {
	p := &page{id: id, r: r, at: at, size: size}
	var head [pageHeader]byte
	if err := p.read(head[:], 0); err != nil {
		return nil, err
	}
	flags, count := binary.NativeEndian.Uint16(head[8:]), int(binary.NativeEndian.Uint16(head[10:]))
	p.branch = flags == branchPage
	if !p.branch && flags != leafPage {
		return nil, p.bad("the flags %#x", flags)
	}
	if p.branch && count == 0 {
		return nil, p.bad("%d children", count)
	}
	p.elements = make([]byte, count*elementSize)
	return p, p.read(p.elements, pageHeader)
}

// read fills b from offset off of the page.
func (p *page) read(b []byte, off int64) error {
	if off < 0 || off+int64(len(b)) > p.size {
		return p.bad("something at %d", off)
	}
	if n, err := p.r.ReadAt(b, p.at+off); n < len(b) {
		return fmt.Errorf("%w: read page %d: %w", ErrDamaged, p.id, err)
	}
	return nil
}

func (p *page) bad(format string, arg any) error {
	return fmt.Errorf("%w: page %d has "+format, ErrDamaged, p.id, arg)
}

func (p *page) element(i int) []byte { return p.elements[i*elementSize:][:elementSize] }

// child returns the page that branch element i leads to.
func (p *page) child(i int) uint64 { return binary.NativeEndian.Uint64(p.element(i)[8:]) }

// flags returns those of leaf element i.
func (p *page) flags(i int) uint32 { return binary.NativeEndian.Uint32(p.element(i)) }

// key returns where the key of element i lies and its size.
func (p *page) key(i int) (at, size int64) {
	e, ne := p.element(i), binary.NativeEndian
	if !p.branch {
		e = e[4:]
	}
	return int64(pageHeader+i*elementSize) + int64(ne.Uint32(e)), int64(ne.Uint32(e[4:]))
}

// value returns where the value of leaf element i lies and its size.
func (p *page) value(i int) (at, size int64) {
	at, size = p.key(i)
	return at + size, int64(binary.NativeEndian.Uint32(p.element(i)[12:]))
}

// maxKey is bbolt's limit.
const maxKey = 32768

// keys reads all keys and checks their order, and that each element lies in
// the page.
func (p *page) keys(low, high []byte) ([][]byte, error) {
	n := len(p.elements) / elementSize
	keys := make([][]byte, n)
	for i := range n {
		at, size := p.key(i)
		if size > maxKey {
			return nil, p.bad("a key of %d bytes", size)
		}
		keys[i] = make([]byte, size)
		if err := p.read(keys[i], at); err != nil {
			return nil, err
		}
		if !p.branch {
			if flags := p.flags(i); flags > bucketEntry {
				return nil, p.bad("an element with the flags %#x", flags)
			}
			if at, size := p.value(i); at+size > p.size {
				return nil, p.bad("a value of %d bytes", size)
			}
		}
		if i == 0 && bytes.Compare(keys[0], low) < 0 || i > 0 && bytes.Compare(keys[i], keys[i-1]) <= 0 ||
			high != nil && bytes.Compare(keys[i], high) >= 0 {
			return nil, p.bad("the key %x out of order", keys[i])
		}
	}
	return keys, nil
}
