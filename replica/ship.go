package replica

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"os"
	"syscall"
)

// A shipper sends sealed segments to one slave: the kernel takes them from the
// file to the socket, and none of their bytes is copied here. It holds one file
// open at a time. A connection that is none of TCP's has no shipper.
type shipper struct {
	lender Lender
	to     io.ReaderFrom // the connection: of a file it reads with sendfile
	raw    syscall.RawConn

	file      *os.File // nil between segments
	base, end int64    // of the segment that file is
	at        int64    // where file stands
}

// newShipper returns nil where there is nothing to ship, or no way to.
func newShipper(src Source, nc net.Conn) *shipper {
	lender, lends := src.(Lender)
	tcp, isTCP := nc.(*net.TCPConn)
	if !lends || !isTCP {
		return nil
	}
	raw, err := tcp.SyscallConn()
	if err != nil {
		return nil // it is closed: the first write says so
	}
	return &shipper{lender: lender, to: tcp, raw: raw}
}

// load opens the segment of off, and says how many bytes of it from there on can
// be shipped: 0 where they have to be read.
func (s *shipper) load(off, size int64) (int64, error) {
	if s.file != nil && s.base <= off && off < s.end {
		return s.end - off, nil
	}
	s.close()
	f, base, err := s.lender.Lend(off)
	if f == nil || err != nil {
		return 0, err
	}
	s.file, s.base, s.end, s.at = f, base, base+size, base
	return s.end - off, nil
}

// seek makes file stand at off.
func (s *shipper) seek(off int64) error {
	if s.at == off {
		return nil
	}
	_, err := s.file.Seek(off-s.base, io.SeekStart)
	s.at = off
	return err
}

func (s *shipper) close() {
	if s != nil && s.file != nil {
		_ = s.file.Close() // it was only read
		s.file = nil
	}
}

// ship sends a transfer of up to most bytes from off on past this process's
// memory. It returns 0 where ReadRaw is the way.
func (c *masterConn) ship(off int64, most int) (int, error) {
	if c.shipper == nil {
		return 0, nil
	}
	src := c.m.opts.Source
	can, err := c.shipper.load(off, src.SegmentSize())
	if start := src.Start(); err == nil && off < start { // what is given back is not held any longer than that
		err = fmt.Errorf("replica: offset %d is before the start %d: %w", off, start, fs.ErrNotExist)
	}
	if err != nil || can == 0 {
		return 0, err
	}
	n := min(can, int64(most))
	if err := c.shipper.seek(off); err != nil {
		return 0, err
	}
	c.sent.Store(off + n) // before the write: the slave may report while it goes on
	var head [headerSize]byte
	if err := c.writeMore(appendHeader(head[:0], header{off, int(n)})); err != nil {
		return 0, err
	}
	return int(n), c.body(n)
}

// body has the kernel send the next n bytes of the file. A slave that takes
// nothing for too long is left.
func (c *masterConn) body(n int64) error {
	s := c.shipper
	for n > 0 {
		if err := c.patience(); err != nil {
			return err
		}
		m, err := s.to.ReadFrom(&io.LimitedReader{R: s.file, N: n})
		s.at += m
		n -= m
		switch {
		case m > 0 && errors.Is(err, os.ErrDeadlineExceeded): // it is slow, not gone
		case err != nil:
			return err
		case n > 0:
			return fmt.Errorf("replica: the file of segment %d ends at %d, %d bytes before its size: %w", s.base, s.at, s.end-s.at, io.ErrUnexpectedEOF)
		}
	}
	return nil
}

// writeMore writes b, which more follows at once: in the same packets.
func (c *masterConn) writeMore(b []byte) error {
	if err := c.patience(); err != nil {
		return err
	}
	var werr error
	err := c.shipper.raw.Write(func(fd uintptr) (done bool) {
		for len(b) > 0 {
			n, err := syscall.SendmsgN(int(fd), b, nil, nil, syscall.MSG_MORE|syscall.MSG_NOSIGNAL)
			switch {
			case errors.Is(err, syscall.EAGAIN):
				return false
			case errors.Is(err, syscall.EINTR):
			case err != nil:
				werr = os.NewSyscallError("sendmsg", err)
				return true
			default:
				b = b[n:]
			}
		}
		return true
	})
	return errors.Join(err, werr)
}
