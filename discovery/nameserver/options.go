package nameserver

import (
	"cmp"
	"log/slog"
	"net/netip"
	"time"
)

// Options says what a Server holds and how long it believes. Zero fields mean
// the stated defaults.
type Options struct {
	BrokerTimeout time.Duration // silence after which a broker is dropped, unless it asked for another; 0 means 120 s
	ScanInterval  time.Duration // between looks for silent brokers; 0 means 5 s

	MaxBrokers int // registered masters and slaves; 0 means 256
	MaxTopics  int // topics, counted once for each brokerName that has them; 0 means 20000
	MaxKV      int // key-value settings; 0 means 1024

	// Allowed says whether a broker of a name may register from an address, remote, over a
	// connection to local; nil: every one may. It must not block.
	Allowed func(brokerName string, local, remote netip.Addr) bool

	OrderMessages bool // puts the order settings into routes: RocketMQ's orderMessageEnable
	DeleteMissing bool // a changed table drops the topics not in it: RocketMQ's deleteTopicWithBrokerRegistration

	// Load returns what was saved last; nil starts empty. Save is called with each
	// change of a setting before that counts, and soon after what brokers have
	// changed; it is durable on return. nil keeps everything in memory only.
	Load func() (*State, error)
	Save func(*State) error

	Log *slog.Logger // nil discards
}

func (o Options) withDefaults() Options {
	o.BrokerTimeout = cmp.Or(o.BrokerTimeout, 120*time.Second)
	o.ScanInterval = cmp.Or(o.ScanInterval, 5*time.Second)
	o.MaxBrokers = cmp.Or(o.MaxBrokers, 256)
	o.MaxTopics = cmp.Or(o.MaxTopics, 20000)
	o.MaxKV = cmp.Or(o.MaxKV, 1024)
	o.Log = cmp.Or(o.Log, slog.New(slog.DiscardHandler))
	return o
}
