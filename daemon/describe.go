package main

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"pairmq/discovery"
	"pairmq/store"
)

// refusedTime is how long a connection that was refused is told of.
const refusedTime = 10 * time.Minute

// describe is what the broker says of its replication: for people under
// "replication", for programs under the other names.
func (t *tenure) describe() map[string]string {
	p, st := t.pair, t.store
	info := map[string]string{
		"brokerRole": t.cfg.BrokerRole, "confirmedPhyOffset": strconv.FormatInt(st.Confirmed(), 10),
		"epoch": t.memory.Epochs().Last().String(),
	}
	info["namesrvs"] = describeServers(t.reg.Status())
	if t.platform.sandbox != "" {
		info["sandbox"] = t.platform.sandbox
	}
	if a := t.platform.accounts; a != nil {
		if text := a.Trouble(); text != "" {
			info["accounts"] = text
		}
	}
	if m := t.platform.machine; m != nil {
		s := m.Snapshot()
		describeMachine(info, &s)
	}
	describeLinks(info, t.whyHostless())
	if text := describeTraffic(p.master.Traffic()); text != "" {
		info["haBytesOut"] = text
	}
	if text := t.recent.String(); text != "" {
		info["recentTimes"] = text
	}
	if p.slave != nil {
		if text := describeTraffic(p.slave.Traffic()); text != "" {
			info["haBytesIn"] = text
		}
		p.describeSlave(info, st)
	} else {
		p.describeMaster(info, st)
	}
	if done, total, behind := st.Behind(); behind {
		info["indexing"] = fmt.Sprintf("%d of %d MiB", done>>20, total>>20)
	} else if p.noSlaves != "" {
		info["replication"] += "; " + p.noSlaves
	}
	if t.differs {
		info["configuredRole"] = t.file
		info["replication"] += "; configured as " + t.file + ", its role was changed since"
	}
	if text := t.changes.now.Load().all.String(); text != "" {
		info["configChanges"] = text
	}
	if rival := t.halves.Rival(); rival != "" {
		info["haRival"] = rival
		info["replication"] += "; " + rival + " is master under the same epoch: make one of them a slave with pairmq demote --force"
	}
	if o := t.outsider(); o != "" {
		info["haOutsider"] = o
		if !t.cfg.Slave() { // a slave says already why it stands still
			info["replication"] += "; not taken for the other half, and may be master too: " + o
		}
	}
	if heir := t.memory.Handing(); heir != "" {
		info["handingTo"] = heir
		info["replication"] += "; hands over to " + heir + " and stores nothing until it is known whether that has taken over"
	}
	return info
}

// outsider says who has lately answered under this broker's name and may not be the other half; "" if nobody
// has. The two do not give way to each other.
func (t *tenure) outsider() string {
	o := t.halves.Outsider()
	if o.Addr == "" || time.Since(o.When) >= refusedTime {
		return ""
	}
	return fmt.Sprintf("%s %v ago: %v", o.Addr, time.Since(o.When).Round(time.Second), o.Why)
}

// describeServers says how it stands with each name server.
func describeServers(all []discovery.ServerStatus) string {
	text := make([]string, len(all))
	for i, s := range all {
		text[i] = s.Addr + " " + s.State.String()
		if s.State == discovery.Failing {
			text[i] += fmt.Sprintf(" for %v: %v", time.Since(s.Since).Round(time.Second), s.Err)
		}
	}
	return strings.Join(text, "; ")
}

func (p *pairing) describeMaster(info map[string]string, st *store.Store) {
	slaves := p.master.Slaves()
	info["haSlaves"] = strconv.Itoa(len(slaves))
	info["replication"] = "no slave"
	if r := p.master.Refused(); time.Since(r.When) < refusedTime {
		info["haRefused"] = fmt.Sprintf("%s %v ago: %v", r.Addr, time.Since(r.When).Round(time.Second), r.Why)
		if len(slaves) == 0 {
			info["replication"] += "; refused " + info["haRefused"]
		}
	}
	if len(slaves) == 0 {
		return
	}
	end, text := st.Confirmed(), make([]string, len(slaves))
	for i, s := range slaves {
		n := strconv.Itoa(i + 1)
		info["haSlave"+n], info["haAcked"+n] = s.Addr.String(), strconv.FormatInt(s.Acked, 10)
		late := since(s.Level)
		if late >= 0 {
			info["haBehindMillis"+n] = strconv.FormatInt(late.Milliseconds(), 10)
		}
		text[i] = fmt.Sprintf("%s %d bytes%s behind", s.Addr, max(0, end-s.Acked), inSeconds(late))
		if s.Proven {
			info["haProven"+n] = map[bool]string{false: "secret", true: "secret, TLS"}[s.Sealed]
		}
		if s.Link != "" {
			info["haLink"+n] = s.Link
		}
		if s.Held != "" {
			info["haHeld"+n] = s.Held
			text[i] += " (" + s.Held + ")"
		}
	}
	info["replication"] = fmt.Sprintf("slaves %d: %s", len(slaves), strings.Join(text, ", "))
}

func (p *pairing) describeSlave(info map[string]string, st *store.Store) {
	s := p.slave.Status()
	info["haMaster"], info["haConnected"] = s.Addr, strconv.FormatBool(s.Connected)
	info["haMasterEnd"] = strconv.FormatInt(s.End, 10)
	switch {
	case s.Connected:
		late := since(s.Level)
		if late >= 0 {
			info["haBehindMillis"] = strconv.FormatInt(late.Milliseconds(), 10)
		}
		info["replication"] = fmt.Sprintf("copies %s, %d bytes%s behind", s.Addr, max(0, s.End-st.Confirmed()), inSeconds(late))
		if why := p.copier.Held(); why != "" {
			info["haHeld"] = why
			info["replication"] += " (its master says: " + why + ")"
		}
	case s.Err == nil:
		info["replication"] = "begins"
	default:
		info["haError"] = s.Err.Error()
		info["replication"] = fmt.Sprintf("stands still for %v: %v", time.Since(s.Since).Round(time.Second), s.Err)
	}
	if s.SetAside != "" {
		info["haSetAside"], info["haSetAsideBytes"] = s.SetAside, strconv.FormatInt(s.SetAsideBytes, 10)
		info["replication"] += "; messages its master did not have are in " + s.SetAside
	}
}

// since is how long ago a log had all there was; negative if it never had.
func since(level time.Time) time.Duration {
	if level.IsZero() {
		return -1
	}
	return time.Since(level)
}

// inSeconds is a slave's lag for people, who need not know of milliseconds.
func inSeconds(d time.Duration) string {
	if d < 0 {
		return ""
	}
	return fmt.Sprintf(", %.1f s", d.Seconds())
}
