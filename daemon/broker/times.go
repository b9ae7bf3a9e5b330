package broker

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"pairmq/internal/meter"
	"pairmq/store"
)

// addTimes adds what RocketMQ's StoreStatsService says of how long sends and reads
// take, in milliseconds: from the start on, where RocketMQ has the last minute.
func addTimes(info map[string]string, t *store.Times) {
	send := t.Send.Counts()
	info["putMessageDistributeTime"] = distribution(&send)
	info["putMessageEntireTimeMax"] = strconv.FormatInt(t.Send.Max().Milliseconds(), 10)
	info["getMessageEntireTimeMax"] = strconv.FormatInt(t.Get.Max().Milliseconds(), 10)
	info["putLatency99"] = strconv.FormatFloat(send.Quantile(0.99).Seconds()*1000, 'f', 2, 64) // 5.x has these two
	info["putLatency999"] = strconv.FormatFloat(send.Quantile(0.999).Seconds()*1000, 'f', 2, 64)
}

// distribution counts sends by how long they took, in RocketMQ's words. What took 2
// to 5 s is counted at the end of that, for here it is one bucket.
func distribution(c *meter.Counts) string {
	ranges := []struct {
		name string
		most time.Duration
	}{
		{"[<=0ms]", time.Millisecond}, {"[0~10ms]", 10 * time.Millisecond}, {"[10~50ms]", 50 * time.Millisecond}, {"[50~100ms]", 100 * time.Millisecond},
		{"[100~200ms]", 200 * time.Millisecond}, {"[200~500ms]", 500 * time.Millisecond}, {"[500ms~1s]", time.Second}, {"[1~2s]", 2 * time.Second},
		{"[2~3s]", 0}, {"[3~4s]", 0}, {"[4~5s]", 5 * time.Second}, {"[5~10s]", 10 * time.Second}, {"[10s~]", 1<<63 - 1},
	}
	bounds, i := meter.Bounds(), 0
	var text strings.Builder
	for _, r := range ranges {
		n := uint64(0)
		for ; i < len(c.Buckets) && (i < len(bounds) && bounds[i] <= r.most || r.most == 1<<63-1); i++ {
			n += c.Buckets[i]
		}
		fmt.Fprintf(&text, "%s:%d ", r.name, n)
	}
	return text.String()
}
