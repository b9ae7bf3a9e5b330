package broker

import (
	"pairmq/internal/remoting"
)

// What mqadmin of 5.x asks about parts of RocketMQ that this broker has not. Who asks for what is so anyway is told
// that it is; who asks for a change that cannot be is refused.

// The fields and values of these requests.
const (
	engineField, fileEngine, rocksEngine       = "E_T", "F", "R"
	readAheadField, normalAdvice, randomAdvice = "READ_AHEAD_MODE", "0", "1" // madvise's
)

// switchTimerEngine serves SWITCH_TIMER_ENGINE, 5001: timed messages wait as records of the log ("F"), or, with
// RocketMQ, in RocksDB ("R").
func (b *Broker) switchTimerEngine(req *remoting.Request) error {
	switch engine := req.Fields.Get(engineField); {
	case b.opts.NoTimers:
		return errNoTimers
	case engine == fileEngine:
		replyDone(req)
		return nil
	case engine == rocksEngine:
		return refuse(remoting.RespInvalidParameter, "there is no RocksDB here: timed messages wait in the log, engine F")
	default:
		return refuse(remoting.RespInvalidParameter, "there are the timer engines F and R, none is %.20q", engine)
	}
}

// setReadAhead serves SET_COMMITLOG_READ_MODE, 2004. How far the kernel reads ahead is left to it.
func (b *Broker) setReadAhead(req *remoting.Request) error {
	switch mode := req.Fields.Get(readAheadField); mode {
	case normalAdvice:
		req.Reply(&remoting.Response{Remark: "set commitlog readahead mode success, mode: " + normalAdvice})
		return nil
	case randomAdvice:
		return refuse(remoting.RespInvalidParameter, "read-ahead of the log is left to the kernel, mode %s: it is read in pieces of many records, not by a page at a time", normalAdvice)
	default:
		return refuse(remoting.RespInvalidParameter, "there are the modes %s and %s, none is %.20q", normalAdvice, randomAdvice, mode)
	}
}

// resetFlushedOffset serves RESET_MASTER_FLUSH_OFFSET, 908: how far a slave takes its master to have flushed. A master
// has no such thing, and says so as RocketMQ's does, by success.
func (b *Broker) resetFlushedOffset(req *remoting.Request) error {
	if b.slave() {
		return refuse(remoting.RespInvalidParameter, "a slave hears from its master how far that has flushed, with all that it copies: nothing else sets it")
	}
	replyDone(req)
	return nil
}

// coldData serves GET_COLD_DATA_FLOW_CTR_INFO, 2003: no group is held back for reading what memory does not have,
// so that there is no threshold either, from which on one would be.
func (b *Broker) coldData(req *remoting.Request) error {
	replyBody(req, []byte(`{"runtimeTable":{},"configTable":{},"globalAcc":0}`))
	return nil
}

// nothingThere serves what takes away, or moves, what never is there: REMOVE_COLD_DATA_FLOW_CTR_CONFIG, 2002, the
// threshold of a group, and POP_ROLLBACK, 200056, what groups have popped, from RocksDB to where it is here anyway.
func (b *Broker) nothingThere(req *remoting.Request) error {
	replyDone(req)
	return nil
}

// checkQueueCopies serves CHECK_ROCKSDB_CQ_WRITE_PROGRESS, 354: whether consume queues in files and in RocksDB are the
// same. RocketMQ finds nothing to do where it does not write both.
func (b *Broker) checkQueueCopies(req *remoting.Request) error {
	replyBody(req, []byte(`{"checkResult":"consume queues are kept once: there is nothing to compare","checkStatus":0}`))
	return nil
}
