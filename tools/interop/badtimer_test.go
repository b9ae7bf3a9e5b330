package interop

import (
	"encoding/base64"
	"fmt"
	"strings"
	"time"

	"pairmq/tools/interop/target"
	"pairmq/tools/interop/wire"
)

// badTimers are messages with times, and recalls, that no client sends; send is a good
// message. 4.9.7 knows neither: it delivers at once, and does not serve 370.
func badTimers(send *wire.Command) []badRequest {
	timed := func(name, props string, code int, apache ...int) badRequest {
		return badRequest{name, send.With("i", props), []int{code}, append(apache, wire.Success)}
	}
	recall := func(name, topic, handle string, code int) badRequest {
		return badRequest{name, wire.NewCommand(wire.RecallMessage, "topic", topic, "producerGroup", "PG", "recallHandle", handle), []int{code}, []int{wire.NotSupported}}
	}
	handle := func(broker string, due any, key string) string {
		return base64.URLEncoding.EncodeToString(fmt.Appendf(nil, "v1 Bad %s %v %s", broker, due, key))
	}
	in := func(d time.Duration) int64 { return time.Now().Add(d).UnixMilli() }
	own := target.BrokerName
	return []badRequest{
		timed("delay of -1 ms", "TIMER_DELAY_MS\x01-1\x02", wire.Success),
		timed("delay of the least number of seconds", "TIMER_DELAY_SEC\x01-9223372036854775808\x02", wire.Success),
		timed("delay of four days", "TIMER_DELAY_MS\x01345600000\x02", wire.MessageIllegal),
		timed("delay of a thousand years", "TIMER_DELAY_SEC\x0131536000000\x02", wire.MessageIllegal),
		timed("delay of the most seconds", "TIMER_DELAY_SEC\x019223372036854775807\x02", wire.MessageIllegal), // that many ms are less than 0 with Apache
		timed("time of delivery at the end of time", "TIMER_DELIVER_MS\x019223372036854775807\x02", wire.MessageIllegal),
		timed("delay that is no number", "TIMER_DELAY_MS\x01soon\x02", wire.MessageIllegal),
		timed("delay beyond 64 bits", "TIMER_DELAY_MS\x0199999999999999999999\x02", wire.MessageIllegal),
		timed("delay and a time of delivery that is too far", "TIMER_DELAY_MS\x01100\x02TIMER_DELIVER_MS\x019223372036854775807\x02", wire.Success),
		timed("delay twice, the first too far", "TIMER_DELAY_MS\x01100\x02TIMER_DELAY_SEC\x0131536000000\x02", wire.MessageIllegal),
		timed("properties of a waiting message", "TIMER_DELAY_MS\x01100\x02REAL_TOPIC\x01rmq_sys_wheel_timer\x02REAL_QID\x01-1\x02TIMER_ROLL_TIMES\x01no\x02", wire.Success),
		timed("taking back a message at once", "TIMER_DELAY_MS\x010\x02TIMER_DEL_UNIQKEY\x01K\x02", wire.MessageIllegal),
		{"message to the timers' topic", send.With("b", "rmq_sys_wheel_timer"), []int{wire.NoPermission}, []int{wire.Success, wire.SystemError, wire.TopicNotExist}},
		recall("recall handle that is none", "Bad", "v1 a b c d", wire.IllegalOperation),
		recall("recall handle of 16 KiB", "Bad", strings.Repeat("x", 16<<10), wire.IllegalOperation),
		recall("recall of what is past", "Bad", handle(own, 1, "K"), wire.IllegalOperation),
		recall("recall at no time", "Bad", handle(own, "soon", "K"), wire.IllegalOperation),
		recall("recall in four days", "Bad", handle(own, in(4*24*time.Hour), "K"), wire.IllegalOperation),
		recall("recall at another broker", "Bad", handle("interop-b", in(time.Hour), "K"), wire.IllegalOperation),
		recall("recall of nothing", "Bad", handle(own, in(time.Hour), "K"), wire.Success),
		recall("recall in a topic that is not there", "Nowhere", handle(own, in(time.Hour), "K"), wire.TopicNotExist),
	}
}
