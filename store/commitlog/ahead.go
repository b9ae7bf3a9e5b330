package commitlog

import (
	"errors"
	"sync/atomic"
)

// buffers is how many there are: one that is being filled and checked, one that is
// being visited, and one because neither always takes the same time.
const buffers = 3

// errLeft: the visitor wants no more.
var errLeft = errors.New("commitlog: nobody visits records any more")

// An ahead is a goroutine that reads and checks records while those before them are
// visited: the two cost about the same, and most machines have two cores. Buffers go
// to and fro as a whole, so that each belongs to one goroutine at a time.
type ahead struct {
	s       *scanner
	end     int64 // behind the last good record or filler
	records int64 // good ones
	stop    error // why nothing good follows
	fatal   error // why that cannot be said

	next  parcel   // what the scanner's buffer has for the visitor so far
	spare []parcel // empty
	out   int      // parcels on their way and back

	full chan parcel // in the order of the log; closed behind the last
	free chan parcel // those that were visited
	left atomic.Bool // the visitor wants no more
}

// A parcel is a Stretch, and the buffer that it lies in.
type parcel struct {
	Stretch
	buf []byte
}

// pass calls visit with the good records from from on, in order and on the caller's
// goroutine, until something is none or to is reached. A segment is not entered before
// all of the one before was visited. It fails with visit's error, or if it cannot be
// said what follows; then too all records before were visited.
func (s *scanner) pass(from, to int64, visit func(Stretch) error) (*ahead, error) {
	a := &ahead{s: s, end: from, full: make(chan parcel, buffers+1), free: make(chan parcel, buffers+1)}
	s.ahead = a
	go func() {
		defer close(a.full)
		a.read(to)
	}()
	var err error
	for p := range a.full {
		if err == nil {
			err = visit(p.Stretch)
			a.left.Store(err != nil)
		}
		a.free <- p // never waits: it has room for all that there are
	}
	s.ahead = nil
	if err == nil {
		err = a.fatal
	}
	return a, err
}

// read finds the records.
func (a *ahead) read(to int64) {
	defer a.hand()
	for a.end < to {
		b, k, stop := a.s.look(a.end)
		switch {
		case a.s.fatal != nil:
			a.fatal = a.s.fatal
			return
		case k == nothing:
			a.stop = stop
			return
		case k == aFiller:
			a.end = a.s.seg.end
		default:
			a.note(len(b))
		}
	}
}

// note adds a record of n bytes, which lies at end in the scanner's buffer.
func (a *ahead) note(n int) {
	if len(a.next.Sizes) == 0 {
		a.next.At = a.end
	}
	a.end += int64(n)
	a.next.Bytes = a.s.buf[a.next.At-a.s.at : a.end-a.s.at]
	a.next.Sizes = append(a.next.Sizes, int32(n))
	a.records++
}

// hand gives the visitor the scanner's buffer, if it has anything for it.
func (a *ahead) hand() {
	p := a.next
	if len(p.Sizes) == 0 {
		return
	}
	p.buf = a.s.buf
	a.next, a.s.buf = parcel{}, nil
	a.out++
	a.full <- p
}

// room hands over what the scanner has found and gives it a buffer for n bytes. There
// is one buffer at most that is larger than a chunk: who needs it waits until all is
// visited. It fails with errLeft.
func (a *ahead) room(n int64) error {
	s, own := a.s, a.s.buf
	a.hand()
	if n > chunk {
		if err := a.settle(); err != nil {
			return err
		}
		s.buf = own // visited, and let go of by takeBack if it is large
	}
	if s.buf == nil {
		if len(a.spare) == 0 && a.out == buffers {
			a.takeBack()
		}
		if i := len(a.spare) - 1; i >= 0 {
			s.buf, a.next.Sizes = a.spare[i].buf, a.spare[i].Sizes
			a.spare = a.spare[:i]
		}
	}
	if int64(cap(s.buf)) < n {
		s.buf = make([]byte, n)
	}
	if a.left.Load() {
		return errLeft
	}
	return nil
}

// settle waits until all that was handed over is visited. It fails with errLeft.
func (a *ahead) settle() error {
	a.hand()
	for a.out > 0 {
		a.takeBack()
	}
	if a.left.Load() {
		return errLeft
	}
	return nil
}

// takeBack waits for a buffer. A large one is not used again.
func (a *ahead) takeBack() {
	p := <-a.free
	a.out--
	if cap(p.buf) <= chunk {
		a.spare = append(a.spare, parcel{Stretch: Stretch{Sizes: p.Sizes[:0]}, buf: p.buf})
	}
}
