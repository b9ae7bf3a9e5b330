package main

import (
	"strings"
	"testing"

	"pairmq/internal/remoting"
)

// TestDemoteBesideWhoTellsNothing: the other half tells its role on its own host alone, and
// has agreed: there is nothing to wait for.
func TestDemoteBesideWhoTellsNothing(t *testing.T) {
	master, heir := startFake(t), startFake(t)
	master.heir, master.role = heir.addr, roleSlave
	heir.refuse[remoting.ReqGetBrokerRuntimeInfo] = remoting.RespNoPermission
	o := master.run(t, "", "demote", "--broker", master.addr)
	if o.code != exitOK || !strings.Contains(o.out, heir.addr+" has agreed to be master") || !strings.Contains(o.out, "adminAddresses") || !strings.Contains(o.out, master.addr+" is SLAVE") {
		t.Errorf("exits with %d and writes\n%s%s", o.code, o.out, o.err)
	}
	heir.refuse, heir.role = map[int32]int32{}, "ASYNC_MASTER"
	o = master.run(t, "", "demote", "--broker", master.addr)
	if o.code != exitOK || !strings.Contains(o.out, heir.addr+" is ASYNC_MASTER, under epoch 3.1\n") {
		t.Errorf("of one that tells: exits with %d and writes\n%s%s", o.code, o.out, o.err)
	}
}
