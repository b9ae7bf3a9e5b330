package broker

import "pairmq/internal/remoting"

// otherCodes are the requests that otherParts serves.
func otherCodes() [7]int32 {
	return [...]int32{
		remoting.ReqSwitchTimerEngine, remoting.ReqSetCommitlogReadMode, remoting.ReqResetMasterFlushOffset, remoting.ReqGetColdDataFlowCtrInfo,
		remoting.ReqRemoveColdDataFlowCtrConfig, remoting.ReqPopRollback, remoting.ReqCheckRocksdbCQWriteProgress,
	}
}

// otherParts serves what mqadmin of 5.x asks about parts of RocketMQ that this broker has not. Who asks for what is so
// anyway is told that it is; who asks for what cannot be is refused.
func (b *Broker) otherParts(req *remoting.Request) error {
	var body, remark, why string
	switch req.Code {
	case remoting.ReqSwitchTimerEngine:
		// 5001: timed messages wait in the log ("F") or, with RocketMQ, in RocksDB ("R").
		if b.opts.NoTimers {
			return errNoTimers
		}
		if req.Fields.Get("E_T") != "F" {
			why = "E_T can be F alone here"
		}
	case remoting.ReqSetCommitlogReadMode:
		// 2004: madvise's normal (0) or random (1). How far the kernel reads ahead is left to it.
		if req.Fields.Get("READ_AHEAD_MODE") != "0" {
			why = "READ_AHEAD_MODE can be 0 alone here"
		}
		remark = "set commitlog readahead mode success, mode: 0"
	case remoting.ReqResetMasterFlushOffset:
		// 908: how far a slave takes its master to have flushed. A master has no such thing, and says so as
		// RocketMQ's does, by success.
		if b.slave() {
			why = "a slave hears that from its master alone"
		}
	case remoting.ReqGetColdDataFlowCtrInfo:
		// 2003: no group is held back for reading what memory does not have, so that there is no threshold
		// either, from which on one would be.
		body = `{"runtimeTable":{},"configTable":{},"globalAcc":0}`
	case remoting.ReqCheckRocksdbCQWriteProgress:
		// 354: whether consume queues in files and in RocksDB are the same; they are kept once.
		body = `{"checkResult":"there is nothing to compare","checkStatus":0}`
	}
	if why != "" {
		return &refusal{remoting.RespInvalidParameter, why}
	}
	// 2002 takes away a group's threshold, and 200056 moves what was popped out of RocksDB: there is none.
	req.Reply(&remoting.Response{Remark: remark, Body: []byte(body), Release: func() {}})
	return nil
}
