package main

import (
	"encoding/json"
	"time"

	"pairmq/internal/remoting"
	"pairmq/replica"
)

// An haStatus is the body of the answer to request 907, as 5.x has it.
type haStatus struct {
	Master       bool      `json:"master"`
	End          int64     `json:"masterCommitLogMaxOffset"` // bytes
	InSync       int       `json:"inSyncSlaveNums"`
	Connections  []haSlave `json:"haConnectionInfo"`
	ClientOfHalf haClient  `json:"haClientRuntimeInfo"`
}

// An haSlave is one slave of a master.
type haSlave struct {
	Addr        string `json:"addr"`
	Acked       int64  `json:"slaveAckOffset"`          // bytes
	Diff        int64  `json:"diff"`                    // bytes that it lacks
	InSync      bool   `json:"inSync"`                  // it lacks less than haSlaveFallbehindMax
	BytesPerSec int64  `json:"transferredByteInSecond"` // in the last whole second, of log
	From        int64  `json:"transferFromWhere"`       // end of what was sent, bytes
}

// An haClient is a slave's view of its master.
type haClient struct {
	Addr        string `json:"masterAddr"`
	BytesPerSec int64  `json:"transferredByteInSecond"`
	End         int64  `json:"maxOffset"`          // of the slave's own log, bytes
	Read        int64  `json:"lastReadTimestamp"`  // ms
	Written     int64  `json:"lastWriteTimestamp"` // the same: it reports on what it reads
	Flushed     int64  `json:"masterFlushOffset"`  // as far as the master's log is known, bytes
	Activated   bool   `json:"activated"`
}

// showHA serves 907.
func (t *tenure) showHA(req *remoting.Request) error {
	p, end := t.pair, t.store.Confirmed()
	var s haStatus
	if p.slave != nil {
		s = haOfSlave(p.slave.Status(), end)
	} else {
		s = haOfMaster(p.master.Slaves(), end, t.cfg.HAFallBehind)
	}
	body, err := json.Marshal(s)
	if err != nil {
		return err
	}
	req.Reply(&remoting.Response{Code: remoting.RespSuccess, Body: body})
	return nil
}

// haOfMaster is what a master says whose log ends at end (bytes); behind is how many
// bytes a slave may lack that counts as in sync.
func haOfMaster(slaves []replica.SlaveStatus, end, behind int64) haStatus {
	s := haStatus{Master: true, End: end, Connections: []haSlave{}}
	for _, one := range slaves {
		lacks := max(0, end-one.Acked)
		s.Connections = append(s.Connections, haSlave{Addr: one.Addr.String(), Acked: one.Acked, Diff: lacks, InSync: lacks < behind, BytesPerSec: one.Speed, From: one.Sent})
		if lacks < behind {
			s.InSync++
		}
	}
	return s
}

// haOfSlave is what a slave says whose own log ends at end (bytes).
func haOfSlave(m replica.MasterStatus, end int64) haStatus {
	return haStatus{Connections: []haSlave{}, ClientOfHalf: haClient{
		Addr: m.Addr, BytesPerSec: m.Speed, End: end, Read: milli(m.Heard), Written: milli(m.Heard), Flushed: m.End, Activated: m.Connected,
	}}
}

// milli is a time in ms, 0 for none.
func milli(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.UnixMilli()
}
