package archive

import (
	"cmp"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"

	"pairmq/store/record"
)

const (
	headMagic  = 0x504D5258 // PMRX
	endMagic   = 0x504D5245 // PMRE
	rawVersion = 1
	headSize   = 8
	endSize    = 28
	sizeField  = 4
)

var (
	// ErrFormat: the bytes are none that this package writes.
	ErrFormat = errors.New("archive: not an export of pairmq")
	// ErrCutOff: the file ends before its end.
	ErrCutOff = errors.New("archive: cut off")
	// ErrDamaged: the bytes are not those that were written.
	ErrDamaged = errors.New("archive: damaged")
)

// A Writer writes a raw file.
type Writer struct {
	w              io.Writer
	table          *crc32.Table
	sum            uint32
	records, bytes int64
}

// NewWriter writes the head of a raw file to w.
func NewWriter(w io.Writer) (*Writer, error) {
	out := &Writer{w: w, table: crc32.MakeTable(crc32.Castagnoli)}
	head := binary.BigEndian.AppendUint32(nil, headMagic)
	return out, out.write(binary.BigEndian.AppendUint32(head, rawVersion))
}

func (w *Writer) write(b []byte) error {
	w.sum = crc32.Update(w.sum, w.table, b)
	_, err := w.w.Write(b)
	return err
}

// Write writes one record.
func (w *Writer) Write(v record.View) error {
	w.records++
	w.bytes += int64(v.Size())
	return w.write(v.Bytes())
}

// Close writes the end. It does not close what lies below.
func (w *Writer) Close() error {
	be := binary.BigEndian
	b := be.AppendUint32(nil, endSize)
	b = be.AppendUint32(b, endMagic)
	b = be.AppendUint64(b, uint64(w.records))
	b = be.AppendUint64(b, uint64(w.bytes))
	b = be.AppendUint32(b, crc32.Update(w.sum, w.table, b))
	_, err := w.w.Write(b)
	return err
}

// A Reader reads a raw file.
type Reader struct {
	r              io.Reader
	limits         record.Limits
	table          *crc32.Table
	sum            uint32
	records, bytes int64
	buf            []byte
}

// maxRecord is the largest record that is believed, in bytes: no frame of the protocol
// carries more.
const maxRecord = 16<<20 + 64<<10

// NewReader reads the head of a raw file from r; records of more than limit bytes are
// refused, 0 means 16 MiB and 64 KiB. It fails with ErrFormat if there is none.
func NewReader(r io.Reader, limit int) (*Reader, error) {
	in := &Reader{r: r, limits: record.Limits{Record: cmp.Or(limit, maxRecord)}, table: crc32.MakeTable(crc32.Castagnoli)}
	b, err := in.more(headSize)
	if err != nil && !errors.Is(err, ErrCutOff) {
		return nil, err
	}
	if err != nil || !IsRaw(b) {
		return nil, fmt.Errorf("%w: it does not begin with PMRX", ErrFormat)
	}
	if v := binary.BigEndian.Uint32(b[4:]); v != rawVersion {
		return nil, fmt.Errorf("%w: version %d, this pairmq reads %d", ErrFormat, v, rawVersion)
	}
	in.took()
	return in, nil
}

// IsRaw says whether a file that begins with b is a raw one.
func IsRaw(b []byte) bool { return len(b) >= 4 && binary.BigEndian.Uint32(b) == headMagic }

// more reads up to n bytes into buf.
func (r *Reader) more(n int) ([]byte, error) {
	have := len(r.buf)
	for len(r.buf) < n { // a size is not believed before its bytes come
		step := min(n, len(r.buf)+1<<20)
		r.buf = append(r.buf, make([]byte, step-len(r.buf))...)
		k, err := io.ReadFull(r.r, r.buf[have:])
		if have += k; err == nil {
			continue
		}
		r.buf = r.buf[:have]
		if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
			err = fmt.Errorf("%w behind %d records and %d bytes of them", ErrCutOff, r.records, r.bytes)
		}
		return r.buf, err
	}
	return r.buf[:n], nil
}

// took counts what is in buf, and forgets it.
func (r *Reader) took() {
	r.sum = crc32.Update(r.sum, r.table, r.buf)
	r.buf = r.buf[:0]
}

// Next returns the next record, valid until the call after it, and io.EOF behind the
// last one if the file is whole. It fails with ErrCutOff where the file ends too early,
// and with ErrDamaged.
func (r *Reader) Next() (record.View, error) {
	b, err := r.more(record.BlankSize)
	if err != nil {
		return record.View{}, err
	}
	size := int64(binary.BigEndian.Uint32(b))
	if binary.BigEndian.Uint32(b[sizeField:]) == endMagic {
		return record.View{}, r.end(size)
	}
	if size < record.MinSize || size > int64(r.limits.Record) {
		return record.View{}, fmt.Errorf("%w: behind %d records, one of %d bytes, %d to %d are possible", ErrDamaged, r.records, size, record.MinSize, r.limits.Record)
	}
	if b, err = r.more(int(size)); err != nil {
		return record.View{}, err
	}
	v, err := record.Parse(b, r.limits)
	if err == nil {
		err = v.CheckWhole()
	}
	if err != nil {
		return record.View{}, fmt.Errorf("%w: behind %d records: %w", ErrDamaged, r.records, err)
	}
	r.took()
	r.records++
	r.bytes += size
	return v, nil
}

// end reads the end of the file. It returns io.EOF if all is well.
func (r *Reader) end(size int64) error {
	if size != endSize {
		return fmt.Errorf("%w: an end of %d bytes", ErrDamaged, size)
	}
	b, err := r.more(endSize)
	if err != nil {
		return err
	}
	be := binary.BigEndian
	sum := crc32.Update(r.sum, r.table, b[:endSize-4])
	if records, bytes := int64(be.Uint64(b[8:])), int64(be.Uint64(b[16:])); records != r.records || bytes != r.bytes || be.Uint32(b[24:]) != sum {
		return fmt.Errorf("%w: %d records of %d bytes with checksum %08x, its end says %d of %d with %08x", ErrDamaged, r.records, r.bytes, sum, records, bytes, be.Uint32(b[24:]))
	}
	var one [1]byte
	if n, err := io.ReadFull(r.r, one[:]); n > 0 || !errors.Is(err, io.EOF) {
		return fmt.Errorf("%w: something follows its end: %w", ErrDamaged, cmp.Or(err, errors.New("bytes")))
	}
	return io.EOF
}
