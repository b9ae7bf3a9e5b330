package remoting

import (
	"cmp"
	"time"
)

// Limits bounds what a peer can make this side hold and wait for. Zero fields
// mean the stated defaults. All sizes are in bytes.
type Limits struct {
	Frame  int // whole frame, its length word included; 0 means 16 MiB, RocketMQ's own limit, which is also the most
	Header int // header of one frame; 0 means 256 KiB
	Fields int // header fields of one frame; 0 means 256

	// Conns is connections of one Server or Client; 0 means 1024. A Server takes 64 more
	// from this machine. ConnsPerAddr is how many a Server takes from one address of
	// others, or from one /64 of IPv6; 0 means 256.
	Conns, ConnsPerAddr int
	// Rate is requests a second that a Server serves of one such address, after a pause at
	// once; more are answered RespSystemBusy, and those that want no answer wait. 0 means any number. Those of this machine
	// are not counted.
	Rate        int
	InFlight    int   // requests of one connection that wait for their reply; also calls it has pending; 0 means 4096
	QueuedBytes int64 // of one connection: replies that wait to be written, and likewise requests that wait for their reply; 0 means 4 MiB
	// BytesInFlight is over all connections of one Server or Client: frames
	// being received, headers of requests that wait for their reply, and
	// replies that wait to be written. Frames of 4 to 128 KiB that are being
	// received have half of it, larger ones five twelfths, of which one takes no more than a
	// quarter of all; those that need more than seven sixteenths come one at a time. Of
	// frames the small ones of one address have a quarter while it is alone, the large ones
	// half of that beside, of which none takes more than a sixth of all. Replies for which
	// Request.Reserve asks have all, small requests half more; one of each may go beyond
	// that. 0 means 32 MiB.
	// Replies to all addresses of others together have little more than a quarter until
	// they are written, those to one address half of that while it is alone.
	BytesInFlight int64

	Idle           time.Duration // without a byte either way; 0 means 120 s
	FrameTime      time.Duration // from the first byte of a frame to its last; 0 means 30 s
	FirstFrameTime time.Duration // FrameTime of a connection's first frame, and time for a TLS handshake before that; 0 means 5 s
	WriteTime      time.Duration // for a peer to take 128 KiB, or what there is; up to a quarter less for one that took some just now; 0 means 10 s
	CallTime       time.Duration // for an answer where Call's context has no deadline; 0 means 3 s
}

// maxFrame is the largest frame that can be read or written: RocketMQ's limit.
const maxFrame = 16 << 20

// withDefaults returns l with its zero fields filled in.
func (l Limits) withDefaults() Limits {
	return Limits{
		Frame:          min(cmp.Or(l.Frame, maxFrame), maxFrame),
		Header:         cmp.Or(l.Header, 256<<10),
		Fields:         cmp.Or(l.Fields, 256),
		Conns:          cmp.Or(l.Conns, 1024),
		ConnsPerAddr:   cmp.Or(l.ConnsPerAddr, 256),
		Rate:           min(max(l.Rate, 0), int(time.Second)),
		InFlight:       cmp.Or(l.InFlight, 4096),
		QueuedBytes:    cmp.Or(l.QueuedBytes, 4<<20),
		BytesInFlight:  cmp.Or(l.BytesInFlight, 32<<20),
		Idle:           cmp.Or(l.Idle, 120*time.Second),
		FrameTime:      cmp.Or(l.FrameTime, 30*time.Second),
		FirstFrameTime: cmp.Or(l.FirstFrameTime, 5*time.Second),
		WriteTime:      cmp.Or(l.WriteTime, 10*time.Second),
		CallTime:       cmp.Or(l.CallTime, 3*time.Second),
	}
}

// spare is how many bytes of large buffers are kept for the next large frames: what may be
// received at a time, and the largest one where that is known to be smaller than any may be.
func (l *Limits) spare() int {
	most := min(int(l.BytesInFlight/2), maxFrame)
	if l.Frame < maxFrame {
		most = max(most, sizeOf(classOf(l.Frame)))
	}
	return most
}
