package main

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"time"

	"pairmq/store/record"
)

// An aside is a file below quarantine/: bytes of a commit log that were cut off,
// erased or replaced. Its name says where they lay.
type aside struct {
	path     string
	base     int64 // of its first byte in the log; -1 if the name does not say
	size     int64 // bytes
	modified time.Time
}

// asideName is how package commitlog names them: where they lay, and a number.
var asideName = regexp.MustCompile(`^commitlog-(\d{20})-\d+$`)

// statAside returns the aside at path.
func statAside(path string) (aside, error) {
	info, err := os.Stat(path)
	if err != nil {
		return aside{}, missing(err)
	}
	if !info.Mode().IsRegular() {
		return aside{}, fmt.Errorf("%s is no file", path)
	}
	a := aside{path: path, base: -1, size: info.Size(), modified: info.ModTime()}
	if m := asideName.FindStringSubmatch(filepath.Base(path)); m != nil {
		if a.base, err = strconv.ParseInt(m[1], 10, 64); err != nil {
			return a, fmt.Errorf("%s: %w", path, err)
		}
	}
	return a, nil
}

// missing makes a file that is not there a case of errNotFound.
func missing(err error) error {
	if errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("%w: %w", errNotFound, err)
	}
	return err
}

// listAsides returns those of a store's folder, or of the folder they lie in.
func listAsides(dir string) ([]aside, error) {
	below := filepath.Join(dir, "quarantine")
	if _, err := os.Stat(below); err == nil {
		dir = below
	}
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, missing(err)
	}
	var all []aside
	for _, e := range entries {
		if !asideName.MatchString(e.Name()) {
			continue
		}
		a, err := statAside(filepath.Join(dir, e.Name()))
		if err != nil {
			return nil, err
		}
		all = append(all, a)
	}
	slices.SortFunc(all, func(a, b aside) int { return a.modified.Compare(b.modified) })
	return all, nil
}

// each calls do with every part of the file, in order, until it fails.
func (a aside) each(do func(part) error) error {
	f, err := os.Open(a.path)
	if err != nil {
		return missing(err)
	}
	defer f.Close()
	r := &asideReader{r: f, size: a.size, base: a.base}
	for {
		p, err := r.next()
		if err == nil {
			err = do(p)
		}
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("%s: %w", a.path, err)
		}
	}
}

// A part is one whole sound record, or bytes that are none.
type part struct {
	at    int64 // position in the file
	size  int64
	sound bool
	rec   record.View // if sound; valid until the next part
}

// maxAsideRecord bounds a record that is believed, in bytes: no frame carries more.
const maxAsideRecord = 16<<20 + 64<<10

// An asideReader finds the whole records in bytes of a log, which may begin and end
// inside one, and be damaged anywhere.
type asideReader struct {
	r     io.ReaderAt
	size  int64 // bytes
	base  int64 // of the first byte in the log; -1 until a record says it
	pos   int64 // of the next part
	buf   []byte
	bufAt int64
}

// next returns the next part, or io.EOF. Fillers are left out.
func (r *asideReader) next() (part, error) {
	begin := r.pos
	for at := begin; at < r.size; {
		rec, n, err := r.recordAt(at)
		switch {
		case err != nil:
			return part{}, err
		case n > 0 && at > begin: // first what lies before it
			r.pos = at
			return part{at: begin, size: at - begin}, nil
		case n > 0 && rec.Size() > 0:
			r.pos = at + n
			return part{at: at, size: n, sound: true, rec: rec}, nil
		case n > 0:
			begin, at = at+n, at+n
			continue
		}
		if at, err = r.search(at + 1); err != nil {
			return part{}, err
		}
	}
	r.pos = r.size
	if begin < r.size {
		return part{at: begin, size: r.size - begin}, nil
	}
	return part{}, io.EOF
}

// recordAt returns the record at a position and its size; no record and the size of
// a filler; or 0.
func (r *asideReader) recordAt(at int64) (record.View, int64, error) {
	for want := int64(4 << 10); ; {
		b, err := r.bytes(at, want)
		if err != nil {
			return record.View{}, 0, err
		}
		v, err := record.Parse(b, record.Limits{Record: maxAsideRecord})
		switch {
		case errors.Is(err, record.ErrBlank):
			n, err := r.filler(at, int64(binary.BigEndian.Uint32(b)))
			return record.View{}, n, err
		case errors.Is(err, record.ErrShort) && int64(len(b)) == want:
			want = max(want+1, int64(binary.BigEndian.Uint32(b)))
			continue
		case err != nil || r.base >= 0 && v.PhyOffset() != r.base+at || v.PhyOffset() < at || v.CheckWhole() != nil:
			return record.View{}, 0, nil
		}
		r.base = v.PhyOffset() - at
		return v, int64(v.Size()), nil
	}
}

// filler returns the size of a filler, n, if what follows it speaks for it: the
// file's end or another record.
func (r *asideReader) filler(at, n int64) (int64, error) {
	switch {
	case n < 8:
		return 0, nil
	case at+n >= r.size:
		return r.size - at, nil
	}
	b, err := r.bytes(at+n, 8)
	if err == nil && len(b) == 8 && bytes.HasPrefix(b[4:], recordMagic) {
		return n, nil
	}
	return 0, err
}

// recordMagic is what the magic codes of all versions begin with, behind the size.
var recordMagic = []byte{0xda, 0xa3, 0x20}

// search returns where the next record may begin, from at on; the end if nowhere.
func (r *asideReader) search(at int64) (int64, error) {
	for at < r.size {
		b, err := r.bytes(at, min(64<<10, r.size-at))
		if err != nil {
			return 0, err
		}
		if len(b) < record.MinSize {
			break
		}
		i := bytes.Index(b[4:], recordMagic)
		switch {
		case i < 0:
			at += int64(len(b) - 4 - len(recordMagic) + 1)
		case i+36 > len(b):
			at += int64(i)
			if i == 0 {
				at++
			}
		case r.base >= 0 && int64(binary.BigEndian.Uint64(b[i+28:])) != r.base+at+int64(i):
			at += int64(i) + 1
		default:
			return at + int64(i), nil
		}
	}
	return r.size, nil
}

// bytes returns n bytes from a position on, fewer at the end; valid until the next
// call.
func (r *asideReader) bytes(at, n int64) ([]byte, error) {
	n = min(n, r.size-at)
	if i := at - r.bufAt; i >= 0 && i+n <= int64(len(r.buf)) {
		return r.buf[i : i+n], nil
	}
	fill := min(max(n, 256<<10), r.size-at)
	if int64(cap(r.buf)) < fill {
		r.buf = make([]byte, fill)
	}
	r.buf, r.bufAt = r.buf[:fill], at
	if k, err := r.r.ReadAt(r.buf, at); int64(k) < fill {
		r.buf = r.buf[:0]
		return nil, fmt.Errorf("read %d bytes at %d: %w", fill, at, err)
	}
	return r.buf[:n], nil
}
