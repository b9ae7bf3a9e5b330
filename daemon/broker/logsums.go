package broker

import (
	"context"
	"encoding/binary"
	"errors"
	"hash/crc32"
	"io/fs"
	"strconv"

	"pairmq/internal/remoting"
	"pairmq/store"
)

// Bounds of requests that read the log, in bytes.
const (
	maxLogRange  = 64 << 20 // summed up or compared by one request
	minLogPiece  = 4 << 10  // summed up at once
	maxLogRead   = 1 << 20  // handed out by one request
	logReadPiece = 256 << 10
)

// logTable is which of the requests between two pairmqd about their logs are
// served, and by what.
func (b *Broker) logTable() map[int32]handler {
	return map[int32]handler{
		remoting.ReqGetLogChecksums: b.logChecksums,
		remoting.ReqReadLog:         b.readLog,
		remoting.ReqVerifyLog:       b.verifyLog,
	}
}

// A logRange is a part of the log that a request names, in bytes.
type logRange struct{ start, end int64 }

// logRange reads the fields start and end, and checks that the log has all of it.
func (b *Broker) logRange(f remoting.Fields) (r logRange, err error) {
	if r.start, err = f.Int64("start"); err != nil {
		return r, err
	}
	if r.end, err = f.Int64("end"); err != nil {
		return r, err
	}
	from, to := b.opts.Raw.Bounds()
	switch {
	case r.start < 0 || r.start > r.end:
		return r, refuse(remoting.RespInvalidParameter, "bytes %d to %d are no part of a log", r.start, r.end)
	case r.start == r.end: // whoever asks only wants to know what there is
		return r, nil
	case r.start < from || r.end > to:
		return r, refuse(remoting.RespPullOffsetMoved, "bytes %d to %d are not here, the log has %d to %d", r.start, r.end, from, to)
	case r.end-r.start > maxLogRange:
		return r, refuse(remoting.RespInvalidParameter, "%d bytes at once, at most %d are possible", r.end-r.start, maxLogRange)
	}
	return r, nil
}

// logChecksums serves GET_LOG_CHECKSUMS, 31005: the CRC-32C of each piece of a
// range, big-endian, the last one of what is left; and, also where the range is
// empty, who this broker is and which log it has. The medium is read for it.
func (b *Broker) logChecksums(req *remoting.Request) error {
	r, err := b.logRange(req.Fields)
	if err != nil {
		return err
	}
	piece, err := req.Fields.Int64Or("piece", maxLogRange)
	if err != nil {
		return err
	}
	if piece < minLogPiece || piece > maxLogRange {
		return refuse(remoting.RespInvalidParameter, "pieces of %d bytes, %d to %d are possible", piece, minLogPiece, maxLogRange)
	}
	if r.start == r.end {
		req.Reply(&remoting.Response{Fields: b.logFields()})
		return nil
	}
	return b.reads.later(b, req, func(ctx context.Context) error {
		sums, err := b.sumLog(ctx, r, piece)
		if err != nil {
			return err
		}
		req.Reply(&remoting.Response{Fields: b.logFields(), Body: sums})
		return nil
	})
}

// logFields say who this broker is and which log it has.
func (b *Broker) logFields() remoting.Fields {
	from, to := b.opts.Raw.Bounds()
	f := remoting.Fields{
		{Key: "brokerName", Value: b.opts.Name}, {Key: "brokerAddr", Value: b.opts.Addr.String()},
		{Key: "readOnly", Value: strconv.FormatBool(b.store.Stats().ReadOnly)},
	}
	f.AddInt("brokerId", b.opts.ID)
	f.AddInt("segmentSize", b.opts.Raw.SegmentSize())
	f.AddInt("minPhyOffset", from)
	f.AddInt("endPhyOffset", to)
	return f
}

func (b *Broker) sumLog(ctx context.Context, r logRange, piece int64) (sums []byte, err error) {
	polynomial := crc32.MakeTable(crc32.Castagnoli)
	buf := make([]byte, logReadPiece)
	for at := r.start; at < r.end; {
		sum := uint32(0)
		for end := min(at+piece, r.end); at < end; {
			if err := ctx.Err(); err != nil {
				return nil, err
			}
			n, err := b.opts.Raw.ReadStored(buf[:min(int64(len(buf)), end-at)], at)
			if err != nil {
				return nil, rawError(err)
			}
			sum = crc32.Update(sum, polynomial, buf[:n])
			at += int64(n)
		}
		sums = binary.BigEndian.AppendUint32(sums, sum)
	}
	return sums, nil
}

// rawError refuses what the log had when it was asked for, and has no more: old
// segments are given back, and a slave's log may be cut.
func rawError(err error) error {
	switch {
	case errors.Is(err, store.ErrNotFound):
		return refuse(remoting.RespPullOffsetMoved, "a part of the log has gone meanwhile: %v", err)
	case errors.Is(err, fs.ErrNotExist): // which may name a file
		return refuse(remoting.RespPullOffsetMoved, "a part of the log has gone meanwhile")
	}
	return err
}
