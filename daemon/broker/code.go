package broker

import (
	"errors"
	"fmt"

	"pairmq/daemon/broker/transaction"
	"pairmq/internal/acl"
	"pairmq/internal/remoting"
	"pairmq/store"
	"pairmq/store/index"
	"pairmq/store/record"
	"pairmq/store/table"
)

// A refusal is an error that is meant for the client as it is.
type refusal struct {
	code   int32
	remark string
}

func (r *refusal) Error() string { return r.remark }

// Refuse is refuse for those who serve Options.More.
func Refuse(code int32, format string, args ...any) error { return refuse(code, format, args...) }

// refuse returns an error that responseCode makes code, with a remark for people.
func refuse(code int32, format string, args ...any) error {
	return &refusal{code, fmt.Sprintf(format, args...)}
}

// ErrPeer: the other broker, with which a log is to be compared, is not to be
// reached, or is another one than it should be. Its text is for the client.
var ErrPeer = errors.New("the other broker")

// responseCode makes an error what the client is told. It is the one place
// where that is decided. The remark of an error that is not the client's fault
// names no path and no cause that only the log should have.
//
// Of a message that was stored, or may have been, SYSTEM_ERROR is never said:
// producers would store it a second time on another queue.
func responseCode(err error) (code int32, remark string) {
	if err == nil {
		return remoting.RespSuccess, ""
	}
	if r, ok := errors.AsType[*refusal](err); ok {
		return r.code, r.remark
	}
	switch {
	case errors.Is(err, acl.ErrDenied): // as 4.9.7, or 5.4.0
		return acl.Code(err), err.Error()
	case errors.Is(err, remoting.ErrField):
		return remoting.RespSystemError, err.Error()
	case errors.Is(err, ErrPeer):
		return remoting.RespSystemError, err.Error()
	case errors.Is(err, table.ErrName):
		return remoting.RespInvalidParameter, err.Error() // 4.x says 1, on which producers try again
	case errors.Is(err, record.ErrTooLong), errors.Is(err, record.ErrBatch), errors.Is(err, record.ErrProperties):
		return remoting.RespMessageIllegal, err.Error()
	case errors.Is(err, store.ErrTooLarge):
		return remoting.RespMessageIllegal, "the messages do not fit in one commit log segment, or not in the topic's quota"
	case errors.Is(err, store.ErrFlushTimeout):
		return remoting.RespFlushDiskTimeout, "stored, but not on disk in time"
	case errors.Is(err, store.ErrSlaveTimeout):
		return remoting.RespFlushSlaveTimeout, "stored, but not on a slave in time"
	case errors.Is(err, store.ErrNoSlave):
		return remoting.RespSlaveNotAvailable, "stored, but there is no slave near enough to have it"
	case errors.Is(err, store.ErrDiskFull):
		return remoting.RespServiceNotAvailable, "the broker's disk is full"
	case errors.Is(err, store.ErrHalted):
		return remoting.RespServiceNotAvailable, err.Error() // what Halt was told is for clients
	case errors.Is(err, store.ErrQuota): // as a full disk: producers try another broker, and consumers keep what they send back
		return remoting.RespServiceNotAvailable, "the topic has reached its quota of the broker's log (topicMaxBytes)"
	case errors.Is(err, store.ErrBusy):
		return remoting.RespSystemBusy, "[PC_SYNCHRONIZED] the broker's disk is too slow" // as 5.x, whose clients then try elsewhere
	case errors.Is(err, remoting.ErrBusy):
		return remoting.RespSystemBusy, "the broker's memory is taken by other requests and their answers (maxBytesInFlight)"
	case errors.Is(err, remoting.ErrClosed): // nobody reads this
		return remoting.RespServiceNotAvailable, "the connection ends"
	case errors.Is(err, store.ErrFailed), errors.Is(err, index.ErrFailed):
		return remoting.RespServiceNotAvailable, "the broker's disk has failed"
	case errors.Is(err, store.ErrReadOnly):
		return remoting.RespServiceNotAvailable, "the broker stores nothing now: it is stopping or read-only, and pairmq status says why"
	case errors.Is(err, transaction.ErrNoHalf): // this and the next are RocketMQ's remarks
		return remoting.RespSystemError, "Find prepared transaction message failed"
	case errors.Is(err, transaction.ErrGroup):
		return remoting.RespSystemError, "The producer group wrong"
	case errors.Is(err, transaction.ErrOffset):
		return remoting.RespSystemError, "The transaction state table offset wrong"
	case errors.Is(err, transaction.ErrEnded):
		return remoting.RespSystemError, "the transaction has ended otherwise, was given up, or has no UNIQ_KEY to tell by"
	case errors.Is(err, transaction.ErrAddress):
		return remoting.RespMessageIllegal, err.Error()
	case errors.Is(err, transaction.ErrBusy):
		return remoting.RespSystemBusy, err.Error()
	case errors.Is(err, transaction.ErrNotReady):
		return remoting.RespServiceNotAvailable, "the broker has just started and reads which transactions are open"
	case errors.Is(err, store.ErrNotFound):
		return remoting.RespSystemError, "there is no message at that offset"
	}
	return remoting.RespSystemError, "the broker could not do this; its log says why"
}

// isStored says whether a send that is answered with code was stored, though it may not
// be as safe as was asked for.
func isStored(code int32) bool {
	switch code {
	case remoting.RespSuccess, remoting.RespFlushDiskTimeout, remoting.RespSlaveNotAvailable, remoting.RespFlushSlaveTimeout:
		return true
	}
	return false
}

// known says whether responseCode has a code of its own for err, so that the
// client knows all there is to know.
func known(err error) bool {
	code, remark := responseCode(err)
	_, other := responseCode(errUnknown)
	return code != remoting.RespSystemError || remark != other
}

var errUnknown = errors.New("broker: unknown error")

// fail answers req with what responseCode makes of err, and logs an error that
// the client is told nothing about.
func (b *Broker) fail(req *remoting.Request, err error) {
	if !known(err) {
		b.failed.Log("request failed", "code", remoting.RequestName(req.Code), "err", err)
	}
	b.refusals.add(err)
	req.ReplyError(responseCode(err))
}

// onlyMaster refuses what only a master does, which is what says.
func (b *Broker) onlyMaster(what string) error {
	switch {
	case b.opts.ID != 0:
		return refuse(remoting.RespServiceNotAvailable, "this broker is a slave: %s", what)
	case b.opts.Shut():
		return refuse(remoting.RespServiceNotAvailable, "this broker hands over to its slave: %s", what)
	}
	if why := b.opts.Halted(); why != "" {
		return refuse(remoting.RespServiceNotAvailable, "this broker stores nothing now: %s", why)
	}
	return nil
}
