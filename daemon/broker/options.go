package broker

import (
	"cmp"
	"context"
	"errors"
	"log/slog"
	"net/netip"
	"time"

	"pairmq/daemon/broker/schedule"
	"pairmq/internal/remoting"
	"pairmq/store"
	"pairmq/store/folder"
)

// Options says who a Broker is, what it works with, and its bounds.
type Options struct {
	Store     Store          // required
	Registrar Registrar      // nil: there are no name servers to tell
	Cluster   string         // brokerClusterName; "" means DefaultCluster
	Name      string         // brokerName, required
	ID        int64          // brokerId; 0 is the master, others take no messages and no changes
	Addr      netip.AddrPort // what clients are told; shown by request 28
	Config    func() string  // settings as key=value lines, for request 26; nil means none

	// Replication returns what request 28 shows of the broker's slaves, or of
	// its master, by name; nil means nothing.
	Replication func() map[string]string

	// More are requests that are served elsewhere, by code; an error is answered as
	// those of the broker's own are.
	More map[int32]func(*remoting.Request) error
	// Shut says whether nothing may change now, since a slave takes over; nil
	// means never.
	Shut func() bool
	// Halted says why nothing may be stored now, "" if it may; nil means never.
	Halted func() string

	// Behind: the store gives out what is indexed and stores nothing, until another
	// Broker takes over; see store.Store.Behind. Most requests are refused.
	Behind bool

	// Raw is the log as its pair's other half sees it, and Compare compares it with
	// that of the broker at peer; see store.Compare, and ErrPeer. They serve requests
	// 31005 to 31007, which are refused without.
	Raw RawLog
	// LogReader says who may have the log as it is stored, request 31006; nil: everybody.
	LogReader func(*remoting.Conn) bool
	Compare   func(ctx context.Context, peer string, start, end int64, repair bool) (store.Comparison, error)
	// Check verifies a piece of the log and its index, from start on, where a record
	// begins or there is no log yet. It serves request 31008, which is refused without.
	Check func(ctx context.Context, start int64) (folder.Checked, error)

	Accounts Accounts // requests 50 to 54 and 3001 to 3010 show and change them; nil: there are none
	// Administers says whether an address is one of adminAddresses; nil: none is.
	Administers func(netip.Addr) bool

	Settings                            // as they are at the start
	DefaultTopicQueues  int32           // queues of the template TBW102; 0 means 8
	TraceTopic          string          // made at start if set: traceTopicEnable, msgTraceTopicName
	DelayLevels         []time.Duration // messageDelayLevel, that of level 1 first; nil means RocketMQ's 18
	TransactionTimeout  time.Duration   // transactionTimeOut; 0 means 6 s
	TransactionInterval time.Duration   // transactionCheckInterval; 0 means 30 s
	TransactionChecks   int             // transactionCheckMax; 0 means 15
	Reserved            time.Duration   // fileReservedTime; 0 means 72 h
	NoTimers            bool            // timerWheelEnable=false: messages with a time are refused; those that wait are delivered
	NoRecall            bool            // recallMessageEnable=false
	TimerMaxDelay       time.Duration   // timerMaxDelaySec, at most timer.MaxDelay; 0 means 3 days
	TimerMaxBytes       int64           // of the log that messages with a time may take while they wait; 0 means no limit
	TimerPrecision      time.Duration   // timerPrecisionMs, of the property TIMER_OUT_MS alone; 0 means 1 s
	YoungBytes          int64           // a new group starts at 0 in a queue whose first message has less log behind it; 0 means 64 MiB

	MaxPopHeld       int // pops and requests 200054 held for long polling; 0 means 10,000
	MaxPopHeldQueue  int // of one group in one topic; 0 means 1024
	MaxPopped        int // messages popped and not acknowledged, some 120 bytes each; 0 means 50,000
	MaxPoppedQueue   int // of one queue by one group; 0 means 10,000
	MaxTopics        int // 0 means 10,000
	MaxGroups        int // subscription groups kept, and groups of each kind online; 0 means 10,000
	MaxClients       int // connections in one group; 0 means 4096
	MaxSubscriptions int // topics one consumer subscribes to; 0 means 512
	MaxOnline        int // clients in groups and topics these subscribe to, all in all, some 200 bytes each; 0 means 100,000
	CountFlows       int // topics, and pairs of topic and group, whose rates are kept, about 1 KiB each; 0 means 100
	MaxHeldPulls     int // pulls held for long polling, about 1 KiB each; 0 means 20,000

	Log *slog.Logger // nil discards
}

// bounds nobody needs to set.
const (
	maxQueues       = 1024    // of one topic, as RocketMQ's own BenchmarkTest has
	maxClientID     = 1 << 10 // bytes
	maxJSONBody     = 1 << 20 // bytes of a request's JSON body
	maxJSONDepth    = 16      // objects and arrays inside each other
	maxJSONValues   = 1 << 15 // objects, arrays and commas
	smallJSON       = 4 << 10 // bytes; larger bodies are decoded one at a time
	sayAtOnce       = 100     // log lines of one kind that clients can cause, then one a second
	maxWord         = 64      // bytes of what clients have few words for, such as messageModel
	maxTags         = 1024    // in one subscription
	shownExpression = 256     // bytes that are kept of an expression which is too long
	maxAttributes   = 32      // of one topic
	maxAttributeLen = 256     // bytes of an attribute's name, and of its value
)

func (o *Options) check() error {
	switch {
	case o.Store == nil:
		return errors.New("broker: Options.Store is required")
	case o.Name == "":
		return errors.New("broker: Options.Name is required")
	case o.Raw != nil && o.Compare == nil:
		return errors.New("broker: Options.Raw needs Options.Compare")
	}
	if o.Registrar == nil {
		o.Registrar = nobody{}
	}
	if o.Shut == nil {
		o.Shut = func() bool { return false }
	}
	if o.Halted == nil {
		o.Halted = func() string { return "" }
	}
	if len(o.DelayLevels) == 0 {
		o.DelayLevels = schedule.DefaultLevels()
	}
	if o.Config == nil {
		o.Config = func() string { return "" }
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	o.Cluster = cmp.Or(o.Cluster, "DefaultCluster")
	o.fill()
	o.DefaultTopicQueues = cmp.Or(o.DefaultTopicQueues, 8)
	o.TimerMaxDelay = cmp.Or(o.TimerMaxDelay, 72*time.Hour)
	o.TimerPrecision = cmp.Or(o.TimerPrecision, time.Second)
	o.YoungBytes = cmp.Or(o.YoungBytes, 64<<20)
	o.MaxPopHeld, o.MaxPopHeldQueue = cmp.Or(o.MaxPopHeld, 10_000), cmp.Or(o.MaxPopHeldQueue, 1024)
	o.MaxTopics = cmp.Or(o.MaxTopics, 10_000)
	o.MaxGroups = cmp.Or(o.MaxGroups, 10_000)
	o.MaxClients = cmp.Or(o.MaxClients, 4096)
	o.MaxSubscriptions = cmp.Or(o.MaxSubscriptions, 512)
	o.MaxOnline = cmp.Or(o.MaxOnline, 100_000)
	o.CountFlows = cmp.Or(o.CountFlows, 100)
	o.MaxHeldPulls = cmp.Or(o.MaxHeldPulls, 20_000)
	return nil
}
