package broker

import (
	"encoding/json"
	"fmt"
	"maps"
	"strconv"
	"strings"
	"time"

	"pairmq/internal/remoting"
	"pairmq/store"
	"pairmq/store/table"
)

// runtimeInfo serves GET_BROKER_RUNTIME_INFO, 28: everything as text. Tools take
// numbers from some keys and fail without them; the rest they print.
func (b *Broker) runtimeInfo(req *remoting.Request) error {
	now, s := time.Now(), b.store.Stats()
	info := map[string]string{
		"brokerAddr": b.opts.Addr.String(), "brokerVersionDesc": "V4_9_7", "brokerVersion": strconv.Itoa(remoting.Version),
		"brokerActive":          strconv.FormatBool(!b.slave()), // it delivers what is delayed
		"bootTimestamp":         strconv.FormatInt(b.started.UnixMilli(), 10),
		"runtime":               now.Sub(b.started).Round(time.Second).String(),
		"putMessageFailedTimes": strconv.FormatInt(b.refusals.byStore(), 10),
		// RocketMQ can be told to take no sends before a time.
		"startAcceptSendRequestTimeStamp": "0",
		"earliestMessageTimeStamp":        strconv.FormatInt(b.store.EarliestStoreTimestamp(), 10),
	}
	b.addRates(info, now, &s)
	addStorage(info, &s)
	if b.timers != nil {
		b.addTimers(info, now)
	}
	addTimes(info, b.store.Times())
	addQuotas(info, b.store.Quotas())
	addQueues(info)
	for _, o := range b.delayOffsets() {
		info["scheduleMessageOffset_"+strconv.Itoa(int(o.QueueID)+1)] = fmt.Sprintf("%d,%d", o.Offset, b.store.MaxOffset(o.Topic, o.QueueID))
	}
	if b.opts.Replication != nil {
		maps.Copy(info, b.opts.Replication())
	}
	return replyJSON(req, map[string]map[string]string{"table": info})
}

func (b *Broker) addRates(info map[string]string, now time.Time, s *store.Stats) {
	puts := func(s *store.Stats) int64 { return s.PutMessages }
	gets := func(s *store.Stats) int64 { return s.GetMessages }
	found := func(s *store.Stats) int64 { return s.GetFound }
	miss := func(s *store.Stats) int64 { return s.GetMiss }
	calls := func(s *store.Stats) int64 { return s.GetFound + s.GetMiss }
	info["putTps"] = b.rates.averages(now, puts(s), puts)
	info["getTransferedTps"] = b.rates.averages(now, gets(s), gets) // 4.x spells it so
	info["getTransferredTps"] = info["getTransferedTps"]
	info["getFoundTps"] = b.rates.averages(now, found(s), found)
	info["getMissTps"] = b.rates.averages(now, miss(s), miss)
	info["getTotalTps"] = b.rates.averages(now, calls(s), calls)

	today, yesterday := b.rates.midnights()
	for name, count := range map[string]func(*store.Stats) int64{"msgPutTotal": puts, "msgGetTotal": gets} {
		info[name+"TodayNow"] = strconv.FormatInt(count(s), 10)
		info[name+"TodayMorning"] = strconv.FormatInt(count(&today), 10)
		info[name+"YesterdayMorning"] = strconv.FormatInt(count(&yesterday), 10)
	}
	info["putMessageTimesTotal"] = strconv.FormatInt(s.PutMessages, 10)
	info["putMessageSizeTotal"] = strconv.FormatInt(s.PutBytes, 10)
	info["putMessageAverageSize"] = strconv.FormatFloat(float64(s.PutBytes)/float64(max(s.PutMessages, 1)), 'f', 1, 64)
}

// addTimers adds how it stands with messages that have a time of their own: how many seconds what is due first is late,
// how many were not looked at yet, how many wait, and the messages a second that were looked at and are done.
func (b *Broker) addTimers(info map[string]string, now time.Time) {
	st := b.timers.Status()
	waiting, _ := b.timers.Pending()
	at, read, done := b.rates.timed()
	ms := max(now.Sub(at).Milliseconds(), 1)
	for i, key := range [...]string{"timerReadBehind", "timerOffsetBehind", "timerCongestNum", "timerEnqueueTps", "timerDequeueTps"} {
		info[key] = strconv.FormatInt([...]int64{st.Late / 1000, st.Unread, waiting, (st.Read - read) * 1000 / ms, (st.Done - done) * 1000 / ms}[i], 10)
	}
}

func addStorage(info map[string]string, s *store.Stats) {
	ratio := 0.0
	if s.DiskTotal > 0 {
		ratio = 1 - float64(s.DiskFree)/float64(s.DiskTotal)
	}
	info["commitLogDiskRatio"] = strconv.FormatFloat(ratio, 'f', 4, 64)
	info["consumeQueueDiskRatio"] = info["commitLogDiskRatio"] // it is the same disk
	info["commitLogDirCapacity"] = fmt.Sprintf("Total : %d MiB, Free : %d MiB.", s.DiskTotal>>20, s.DiskFree>>20)
	info["diskLevel"] = s.Level.String() // pairmq's own, as is the next
	info["storeBytes"] = strconv.FormatInt(s.StoreBytes, 10)
	if s.ReadOnlyWhy != "" {
		info["readOnly"] = s.ReadOnlyWhy
	}
	if s.Flaws > 0 {
		info["logDamage"] = strconv.Itoa(s.Flaws)
	}
	if s.Lost > 0 || s.LedAround > 0 {
		info["logLost"], info["logLostMessages"] = strconv.Itoa(s.Lost), strconv.Itoa(s.LostMessages)
		info["logLedAround"] = strconv.FormatInt(s.LedAround, 10)
	}
	info["commitLogMinOffset"] = strconv.FormatInt(s.MinPhyOffset, 10)
	info["commitLogMaxOffset"] = strconv.FormatInt(s.MaxPhyOffset, 10)
	info["dispatchBehindBytes"] = strconv.FormatInt(s.MaxPhyOffset-s.VisiblePhyOffset, 10)
	info["remainHowManyDataToFlush"] = strconv.FormatInt(s.MaxPhyOffset-s.DurablePhyOffset, 10) + " B"
}

// addQuotas adds what topics with a quota hold of the log, "bytes/quota" each, and
// which of them are refused. The keys are pairmq's own.
func addQuotas(info map[string]string, all []store.TopicQuota) {
	var full []string
	for _, q := range all {
		info["topicBytes "+q.Topic] = fmt.Sprintf("%d/%d", q.Bytes, q.Limit)
		if q.Full {
			full = append(full, q.Topic)
		}
	}
	if len(full) > 0 {
		info["topicsAtQuota"] = strings.Join(full, " ")
	}
}

// addQueues adds the thread pools that RocketMQ has and this broker has not.
func addQueues(info map[string]string) {
	for _, pool := range []string{"send", "pull", "ack"} {
		info[pool+"ThreadPoolQueueSize"] = "0"
		info[pool+"ThreadPoolQueueHeadWaitTimeMills"] = "0"
	}
	info["pageCacheLockTimeMills"] = "0"
}

// brokerConfig serves GET_BROKER_CONFIG, 26. It changes by its file alone.
func (b *Broker) brokerConfig(req *remoting.Request) error {
	version, err := json.Marshal(table.DataVersion{Timestamp: b.started.UnixMilli()})
	if err != nil {
		return err
	}
	req.Reply(&remoting.Response{
		Fields: remoting.Fields{{Key: "version", Value: string(version)}},
		Body:   []byte(b.opts.Config()),
	})
	return nil
}
