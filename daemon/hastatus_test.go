package main

import (
	"encoding/json"
	"net/netip"
	"testing"
	"time"

	"pairmq/replica"
)

// TestHAStatus: as mqadmin's haStatus reads it.
func TestHAStatus(t *testing.T) {
	near := replica.SlaveStatus{Addr: netip.MustParseAddrPort("192.0.2.1:5000"), Sent: 950, Acked: 900, Speed: 4096}
	far := replica.SlaveStatus{Addr: netip.MustParseAddrPort("192.0.2.2:5000"), Sent: 600, Acked: 500}
	ahead := replica.SlaveStatus{Addr: netip.MustParseAddrPort("192.0.2.3:5000"), Sent: 1100, Acked: 1100}
	const none = `"haClientRuntimeInfo":{"masterAddr":"","transferredByteInSecond":0,"maxOffset":0,"lastReadTimestamp":0,"lastWriteTimestamp":0,"masterFlushOffset":0,"activated":false}`
	tests := []struct {
		name string
		s    haStatus
		want string
	}{
		{"no slave", haOfMaster(nil, 1000, 200), `{"master":true,"masterCommitLogMaxOffset":1000,"inSyncSlaveNums":0,"haConnectionInfo":[],` + none + `}`},
		{"slaves", haOfMaster([]replica.SlaveStatus{near, far, ahead}, 1000, 200), `{"master":true,"masterCommitLogMaxOffset":1000,"inSyncSlaveNums":2,"haConnectionInfo":[` +
			`{"addr":"192.0.2.1:5000","slaveAckOffset":900,"diff":100,"inSync":true,"transferredByteInSecond":4096,"transferFromWhere":950},` +
			`{"addr":"192.0.2.2:5000","slaveAckOffset":500,"diff":500,"inSync":false,"transferredByteInSecond":0,"transferFromWhere":600},` +
			`{"addr":"192.0.2.3:5000","slaveAckOffset":1100,"diff":0,"inSync":true,"transferredByteInSecond":0,"transferFromWhere":1100}],` + none + `}`},
		{"a slave", haOfSlave(replica.MasterStatus{Addr: "192.0.2.9:10912", Connected: true, Heard: time.UnixMilli(77), End: 1000, Speed: 512}, 990),
			`{"master":false,"masterCommitLogMaxOffset":0,"inSyncSlaveNums":0,"haConnectionInfo":[],"haClientRuntimeInfo":{"masterAddr":"192.0.2.9:10912",` +
				`"transferredByteInSecond":512,"maxOffset":990,"lastReadTimestamp":77,"lastWriteTimestamp":77,"masterFlushOffset":1000,"activated":true}}`},
	}
	for _, tt := range tests {
		got, err := json.Marshal(tt.s)
		if err != nil || string(got) != tt.want {
			t.Errorf("%s:\n%s, %v, want\n%s", tt.name, got, err, tt.want)
		}
	}
}
