package main

import (
	"cmp"
	"maps"
	"net/netip"
	"os"
	"runtime"
	rtm "runtime/metrics"
	"slices"
	"sort"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	"pairmq/daemon/metrics"
	"pairmq/discovery"
	"pairmq/internal/meter"
	"pairmq/internal/remoting"
	"pairmq/store"
)

// others is the topic and group of what has no numbers of its own: no name of one
// has parentheses.
const others = "(others)"

// measureProcess adds what is true of any process. What the system does not tell
// is left out.
func measureProcess(p *metrics.Page) {
	p.Set(metrics.BuildInfo, 1, version, runtime.Version(), runtime.GOARCH)
	samples := []rtm.Sample{{Name: "/memory/classes/heap/objects:bytes"}, {Name: "/gc/gomemlimit:bytes"}, {Name: "/sched/goroutines:goroutines"}, {Name: "/gc/cycles/total:gc-cycles"}}
	rtm.Read(samples)
	for i, m := range []metrics.Metric{metrics.Heap, metrics.HeapLimit, metrics.Goroutines, metrics.GCCycles} {
		if v := samples[i].Value; v.Kind() == rtm.KindUint64 {
			p.Set(m, float64(v.Uint64()))
		}
	}
	var u syscall.Rusage
	if syscall.Getrusage(syscall.RUSAGE_SELF, &u) == nil {
		p.Set(metrics.CPU, time.Duration(u.Utime.Nano()+u.Stime.Nano()).Seconds())
	}
	if b, err := os.ReadFile("/proc/self/statm"); err == nil {
		if f := strings.Fields(string(b)); len(f) > 1 {
			if pages, err := strconv.ParseInt(f[1], 10, 64); err == nil {
				p.SetInt(metrics.ResidentMemory, pages*int64(os.Getpagesize()))
			}
		}
	}
	if fds, err := os.ReadDir("/proc/self/fd"); err == nil {
		p.SetInt(metrics.OpenFiles, int64(len(fds)-1)) // one is for reading the folder
		var most syscall.Rlimit
		if syscall.Getrlimit(syscall.RLIMIT_NOFILE, &most) == nil {
			p.Set(metrics.MaxFiles, float64(most.Cur))
		}
	}
	if began, ok := processStart(); ok {
		p.Set(metrics.StartTime, began)
	}
}

// processStart is when this process began, in seconds since 1970, from what the
// kernel says in ticks since it started itself.
func processStart() (float64, bool) {
	stat, err := os.ReadFile("/proc/self/stat")
	if err != nil {
		return 0, false
	}
	up, err := os.ReadFile("/proc/uptime")
	if err != nil {
		return 0, false
	}
	_, rest, _ := strings.Cut(string(stat), ") ") // the program's name may hold anything
	f, u := strings.Fields(rest), strings.Fields(string(up))
	if len(f) < 20 || len(u) < 1 {
		return 0, false
	}
	ticks, err := strconv.ParseFloat(f[19], 64)
	uptime, uerr := strconv.ParseFloat(u[0], 64)
	if err != nil || uerr != nil {
		return 0, false
	}
	const perSecond = 100 // USER_HZ, on every architecture there is
	now := float64(time.Now().UnixMilli()) / 1000
	return now - uptime + ticks/perSecond, true
}

// measureServer adds what a server's connections do.
func measureServer(p *metrics.Page, server string, srv *remoting.Server, answers *meter.Pairs) {
	s := srv.Stats()
	p.SetInt(metrics.Connections, int64(s.Conns), server)
	p.SetInt(metrics.ConnectionsAccepted, s.Taken, server)
	p.SetInt(metrics.ConnectionsRefused, s.Refused, server)
	p.SetInt(metrics.ConnectionsDropped, s.Dropped, server)
	p.SetInt(metrics.RequestsOverRate, s.Paused, server)
	p.SetInt(metrics.InFlight, s.Bytes, server)
	p.SetInt(metrics.InFlightLimit, s.BytesLimit, server)
	all := slices.Collect(answers.All())
	sort.Slice(all, func(i, j int) bool {
		return cmp.Or(cmp.Compare(all[i].A, all[j].A), cmp.Compare(all[i].B, all[j].B)) < 0
	})
	for _, a := range all {
		request := remoting.RequestName(a.A)
		if a.A == 0 {
			request = "UNSUPPORTED"
		}
		p.Set(metrics.Requests, float64(a.N), server, request, remoting.ResponseName(a.B))
	}
	p.Set(metrics.OtherRequests, float64(answers.Rest()), server)
}

// measure adds the name server's numbers.
func (p *nameServerPart) measure(page *metrics.Page) {
	page.SetBool(metrics.Serving, p.serving(), "namesrv")
	measureServer(page, "namesrv", p.srv, &p.answers)
}

// measure adds the broker's numbers: those of the tenure there is. Between two
// there are none.
func (p *brokerPart) measure(page *metrics.Page) {
	page.SetBool(metrics.Serving, p.serving(), "broker")
	if !p.mu.TryLock() { // the next tenure is being built, or the last one ends
		return
	}
	t := p.now
	if t != nil {
		t.measuring.RLock() // a disk that does not answer must hold up nobody who wants p.mu
	}
	p.mu.Unlock()
	if t != nil {
		defer t.measuring.RUnlock()
		t.measure(page)
	}
}

// measure adds a tenure's numbers.
func (t *tenure) measure(p *metrics.Page) {
	measureServer(p, "broker", t.srv, &t.answers)
	p.Set(metrics.BrokerInfo, 1, t.cfg.ClusterName, t.cfg.BrokerName, strconv.FormatInt(t.cfg.BrokerID, 10), t.cfg.BrokerRole, t.host.String())
	l := t.broker.Load()
	for _, why := range slices.Sorted(maps.Keys(l.Refused)) {
		p.SetInt(metrics.Refused, l.Refused[why], why)
	}
	p.SetInt(metrics.HeldPulls, int64(l.HeldPulls))
	p.SetInt(metrics.ClientsOnline, int64(l.Clients))
	p.SetInt(metrics.ConsumerGroupsOnline, int64(l.ConsumerGroups))
	p.SetInt(metrics.ProducerGroupsOnline, int64(l.ProducerGroups))
	s := t.store.Stats()
	measureMessages(p, &s)
	measureTopics(p, t.store)
	measureLag(p, t.store, t.cfg.MetricsMaxTopics)
	measureStore(p, t.store, &s)
	p.SetInt(metrics.StoreLimit, t.cfg.StoreMaxBytes)
	t.measurePair(p)
}

func measureMessages(p *metrics.Page, s *store.Stats) {
	p.SetInt(metrics.MessagesIn, s.PutMessages)
	p.SetInt(metrics.MessageBytesIn, s.PutBytes)
	p.SetInt(metrics.MessagesOut, s.GetMessages)
	p.SetInt(metrics.MessageBytesOut, s.GetBytes)
	p.SetInt(metrics.Pulls, s.GetFound, "found")
	p.SetInt(metrics.Pulls, s.GetMiss, "empty")
}

// measureTopics adds what goes in and out by topic, and what topics with a quota
// hold.
func measureTopics(p *metrics.Page, st *store.Store) {
	topics, groups := st.CountTables()
	p.SetInt(metrics.Topics, int64(topics))
	p.SetInt(metrics.Groups, int64(groups))
	all, rest := st.CountedTopics()
	add := func(name string, c *store.TopicCount) {
		p.SetInt(metrics.TopicMessagesIn, c.Puts.Load(), name)
		p.SetInt(metrics.TopicBytesIn, c.PutBytes.Load(), name)
		p.SetInt(metrics.TopicMessagesOut, c.Gets.Load(), name)
		p.SetInt(metrics.TopicBytesOut, c.GetBytes.Load(), name)
	}
	for _, name := range slices.Sorted(maps.Keys(all)) {
		add(name, all[name])
	}
	add(others, rest)
	for _, q := range st.Quotas() {
		p.SetInt(metrics.TopicStored, q.Bytes, q.Topic)
		p.SetInt(metrics.TopicQuota, q.Limit, q.Topic)
	}
}

// A lag is what a group has not consumed of a topic.
type lag struct {
	group, topic string
	messages     int64
}

// lags returns that of every group and topic of which an offset was committed, the
// greatest first.
func lags(st *store.Store) (all []lag) {
	for group, offsets := range st.AllOffsets() {
		sum := map[string]int64{}
		for _, o := range offsets {
			sum[o.Topic] += max(0, st.MaxOffset(o.Topic, o.QueueID)-o.Offset)
		}
		for topic, n := range sum {
			all = append(all, lag{group, topic, n})
		}
	}
	sort.Slice(all, func(i, j int) bool {
		a, b := &all[i], &all[j]
		return cmp.Or(cmp.Compare(b.messages, a.messages), strings.Compare(a.group, b.group), strings.Compare(a.topic, b.topic)) < 0
	})
	return all
}

// measureLag adds the greatest lags, at most so many, and the rest as one.
func measureLag(p *metrics.Page, st *store.Store, most int) {
	var total, rest int64
	for i, l := range lags(st) {
		total += l.messages
		if i < most {
			p.SetInt(metrics.ConsumerLag, l.messages, l.group, l.topic)
		} else {
			rest += l.messages
		}
	}
	p.SetInt(metrics.ConsumerLag, rest, others, others)
	p.SetInt(metrics.ConsumerLagAll, total)
}

func measureStore(p *metrics.Page, st *store.Store, s *store.Stats) {
	times := st.Times()
	p.Observed(metrics.SendDuration, &times.Send)
	p.Observed(metrics.IndexDuration, &times.Index)
	p.Observed(metrics.PullDuration, &times.Get)
	p.Observed(metrics.AppendWait, &times.Log.Turn)
	p.Observed(metrics.QueueDuration, &times.Log.Queue)
	p.Observed(metrics.WriteDuration, &times.Log.Write)
	p.Observed(metrics.SyncDuration, &times.Log.Sync)

	p.SetInt(metrics.LogStart, s.MinPhyOffset)
	p.SetInt(metrics.LogEnd, s.MaxPhyOffset)
	p.SetInt(metrics.LogDurable, s.DurablePhyOffset)
	p.SetInt(metrics.LogConfirmed, st.Confirmed())
	p.SetInt(metrics.LogVisible, s.VisiblePhyOffset)
	w, syncing := st.Written()
	p.SetInt(metrics.LogWrites, w.Writes)
	p.SetInt(metrics.LogWritten, w.Bytes)
	p.SetInt(metrics.LogSyncs, w.Syncs)
	p.Set(metrics.SyncRunning, syncing.Seconds())
	p.SetInt(metrics.StoreBytes, s.StoreBytes)
	if s.DiskTotal > 0 {
		p.SetInt(metrics.DiskSize, s.DiskTotal)
		p.SetInt(metrics.DiskFree, s.DiskFree)
	}
	p.SetInt(metrics.DiskLevel, int64(s.Level))
	p.SetBool(metrics.ReadOnly, s.ReadOnly)
	p.SetInt(metrics.DamagedParts, int64(s.Flaws))
	p.SetInt(metrics.LostParts, int64(s.Lost))
	p.SetInt(metrics.LostMessages, int64(s.LostMessages))
	p.SetInt(metrics.LedAround, s.LedAround)
	if done, total, behind := st.Behind(); behind {
		p.SetInt(metrics.IndexingDone, done)
		p.SetInt(metrics.IndexingSize, total)
	}
}

// measurePair adds who is master, and how replication and registration stand.
func (t *tenure) measurePair(p *metrics.Page) {
	p.SetBool(metrics.Master, !t.cfg.Slave())
	p.SetInt(metrics.Epoch, t.memory.Epochs().Last().Number)
	p.SetBool(metrics.RoleDiffers, t.differs)
	p.SetBool(metrics.Rival, t.halves.Rival() != "")
	if t.pair.slave != nil {
		t.measureSlave(p)
	} else {
		t.measureMaster(p)
	}
	for _, s := range t.reg.Status() {
		p.SetBool(metrics.NamesrvRegistered, s.State == discovery.Registered, s.Addr)
		if !s.Last.IsZero() {
			p.Set(metrics.NamesrvLast, float64(s.Last.UnixMilli())/1000, s.Addr)
		}
	}
}

func (t *tenure) measureMaster(p *metrics.Page) {
	p.Observed(metrics.ReplicateDuration, t.pair.acks.Took())
	measureTraffic(p, metrics.ReplicationSent, t.pair.master.Traffic())
	end := t.store.Confirmed()
	best := map[netip.Addr]int64{} // a slave that came back may have two connections
	level := map[netip.Addr]time.Time{}
	held := map[netip.Addr]bool{}
	for _, s := range t.pair.master.Slaves() {
		addr := s.Addr.Addr()
		best[addr] = max(best[addr], s.Acked)
		if s.Level.After(level[addr]) {
			level[addr] = s.Level
		}
		held[addr] = held[addr] || s.Held != ""
	}
	p.SetInt(metrics.Slaves, int64(len(best)))
	addrs := slices.Collect(maps.Keys(best))
	sort.Slice(addrs, func(i, k int) bool { return addrs[i].Less(addrs[k]) })
	for _, addr := range addrs {
		p.SetInt(metrics.SlaveAcked, best[addr], addr.String())
		p.SetInt(metrics.SlaveLagBytes, max(0, end-best[addr]), addr.String())
		p.SetBool(metrics.SlaveHeld, held[addr], addr.String())
		if late := since(level[addr]); late >= 0 {
			p.Set(metrics.SlaveLag, late.Seconds(), addr.String())
		}
	}
}

func (t *tenure) measureSlave(p *metrics.Page) {
	s := t.pair.slave.Status()
	measureTraffic(p, metrics.ReplicationReceived, t.pair.slave.Traffic())
	p.SetBool(metrics.ReplicationConnected, s.Connected)
	p.SetBool(metrics.ReplicationHeld, s.Connected && t.pair.copier.Held() != "")
	p.SetInt(metrics.ReplicationLagBytes, max(0, s.End-t.store.Confirmed()))
	if late := since(s.Level); late >= 0 {
		p.Set(metrics.ReplicationLag, late.Seconds())
	}
	p.SetInt(metrics.SetAside, s.SetAsideBytes)
}

// setAsideFiles is what lies below quarantine/, looked at once a minute.
type setAsideFiles struct {
	dir string

	mu           sync.Mutex
	looked       time.Time
	files, bytes int64
}

func (f *setAsideFiles) measure(p *metrics.Page) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.looked.IsZero() || time.Since(f.looked) > time.Minute {
		f.looked, f.files, f.bytes = time.Now(), 0, 0
		entries, _ := os.ReadDir(f.dir) // none are there before something was set aside
		for _, e := range entries {
			if info, err := e.Info(); err == nil && info.Mode().IsRegular() {
				f.files, f.bytes = f.files+1, f.bytes+info.Size()
			}
		}
	}
	p.SetInt(metrics.QuarantineFiles, f.files)
	p.SetInt(metrics.QuarantineBytes, f.bytes)
}
