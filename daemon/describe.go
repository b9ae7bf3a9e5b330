package main

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"pairmq/store"
)

// describe is what the broker says of its replication: for people under
// "replication", for programs under the other names.
func (p *pairing) describe(role string, st *store.Store) map[string]string {
	info := map[string]string{"brokerRole": role, "confirmedPhyOffset": strconv.FormatInt(st.Confirmed(), 10)}
	if p.slave != nil {
		p.describeSlave(info, st)
	} else {
		p.describeMaster(info, st)
	}
	return info
}

func (p *pairing) describeMaster(info map[string]string, st *store.Store) {
	slaves := p.master.Slaves()
	info["haSlaves"] = strconv.Itoa(len(slaves))
	info["replication"] = "no slave"
	if len(slaves) == 0 {
		return
	}
	end, text := st.Confirmed(), make([]string, len(slaves))
	for i, s := range slaves {
		n := strconv.Itoa(i + 1)
		info["haSlave"+n], info["haAcked"+n] = s.Addr.String(), strconv.FormatInt(s.Acked, 10)
		text[i] = fmt.Sprintf("%s %d bytes behind", s.Addr, end-s.Acked)
	}
	info["replication"] = fmt.Sprintf("slaves %d: %s", len(slaves), strings.Join(text, ", "))
}

func (p *pairing) describeSlave(info map[string]string, st *store.Store) {
	s := p.slave.Status()
	info["haMaster"], info["haConnected"] = s.Addr, strconv.FormatBool(s.Connected)
	info["haMasterEnd"] = strconv.FormatInt(s.End, 10)
	switch {
	case s.Connected:
		info["replication"] = fmt.Sprintf("copies %s, %d bytes behind", s.Addr, max(0, s.End-st.Confirmed()))
	case s.Err == nil:
		info["replication"] = "begins"
	default:
		info["haError"] = s.Err.Error()
		info["replication"] = fmt.Sprintf("stands still for %v: %v", time.Since(s.Since).Round(time.Second), s.Err)
	}
	if s.SetAside != "" {
		info["haSetAside"] = s.SetAside
		info["replication"] += "; messages its master did not have are in " + s.SetAside
	}
}
