// Package config reads the daemon's configuration: key=value files with the
// key names of RocketMQ's broker.conf, files of a conf.d folder laid over them,
// and the same keys from the command line.
//
// It checks every value and reports every complaint at once, with file and
// line; an unknown key names the nearest known one. It knows what a key means
// to a person, not what the daemon does with it: that is daemon's options.go.
package config

import "time"

// AutoName as BrokerName asks for a name that no other machine has.
const AutoName = "auto"

// Live is what is applied to a daemon that runs, besides LogLevel.
type Live struct {
	NamesrvAddr    string // a:9876;b:9876; empty with EnableNamesrv: the embedded one
	NamesrvAllowed string // who may register, separated by semicolons; empty: everybody
	HAPeers        Hosts  // who may be the other half without a proof
	Admins         Hosts  // who may look at and change everything, besides this host
}

// Config is everything that can be set, in the units of its comments. Use
// Default or Load; the zero value is not a valid configuration.
type Config struct {
	Live

	// Who this broker is.
	ClusterName  string
	BrokerName   string // AutoName: after the machine
	HostNamed    bool   // BrokerName is the host name, since none is configured
	BrokerID     int64  // 0 is the master
	BrokerRole   string
	EnableBroker bool

	// Replication.
	HASlaveAddress  string        // host:port; empty: what the name servers say
	HAMasterAddress string        // host:port; empty: what the name servers say
	HASecretFile    string        // empty: none
	HAHeartbeat     time.Duration // longest silence towards the other side
	HASilence       time.Duration // of the other side, after which it is left
	HATransferBatch int           // bytes
	HAFlowControl   bool
	HATransferRate  int64 // bytes per second, with HAFlowControl
	HAMaxSlaves     int   // connections
	HAFallBehind    int64 // bytes; a slave further behind is not waited for
	SlaveTimeout    time.Duration
	InSyncReplicas  int // the master counts

	// Links whose traffic costs money.
	MeteredLinks string        // names and patterns, separated by semicolons; empty: none
	MeteredRate  int64         // bytes per second to a slave that is behind; 0: it waits
	MeteredLag   int64         // bytes that a slave may lack and is not behind
	MeteredDelay time.Duration // after that it is sent what it lacks all the same

	// Where it listens and what it tells others.
	BrokerIP1    string // advertised address; empty: the one that reaches the name servers
	BrokerIP2    string // advertised HA address; empty: BrokerIP1
	BindAddress  string // address to listen on; empty: all
	ListenPort   int
	HAListenPort int    // 0: ListenPort + 1
	AdminSocket  string // path; AutoSocket: where systemd has made a folder; empty: none

	// TLS, on the ports for clients and of the name server, and to others.
	TLSMode       string
	TLSCert       string // files in PEM, as are the next; empty: none
	TLSKey        string
	TLSClientAuth string
	TLSTrust      string
	TLSEnable     bool // to name servers and brokers
	TLSAuthServer string
	TLSServers    string
	TLSOwnCert    string
	TLSOwnKey     string

	// Accounts.
	ACL          bool
	ACLFile      string // RocketMQ's plain_acl.yml
	ACLToolsFile string // RocketMQ's tools.yml: what this broker signs with

	// Name servers.
	RegisterPeriod      time.Duration
	ForceRegister       bool
	EnableNamesrv       bool
	NamesrvListenPort   int
	NamesrvMaxTopics    int
	NamesrvOrderMessage bool

	// Store.
	StoreRoot     string
	SegmentSize   int64 // bytes
	SyncFlush     bool
	TopicFlush    []FlushRule
	TopicQuota    []QuotaRule
	FlushInterval time.Duration
	FlushLinger   time.Duration
	FlushTimeout  time.Duration
	FileReserved  time.Duration
	StoreMaxBytes int64 // bytes of the whole store on disk; 0: no limit of its own
	SetAsideBytes int64
	DiskFilling   int // percent, as are the next
	DiskTight     int
	DiskFull      int
	DiskCritical  int
	RecordCRC     bool

	// The machine.
	WearPerDay     int64 // bytes; 0: no budget
	WearYears      int   // 0: no budget
	WearAction     string
	SupplyFail     string
	SupplyPoll     time.Duration
	LEDOK          string
	LEDReplicating string
	LEDDegraded    string
	LEDFault       string

	AllowUnsafeMount bool   // a file system that does not keep what is synced is not refused
	StoreMountPoint  string // a folder at which a file system must be mounted; empty: none

	// Messages, topics, groups.
	MaxMessageSize       int
	AutoCreateTopic      bool
	AutoCreateGroup      bool
	DefaultTopicQueues   int
	BrokerPermission     int
	LongPolling          bool
	ShortPollingTime     time.Duration
	NotifyConsumerChange bool
	StoreReplies         bool
	PropertyFilter       bool
	DelayLevels          []time.Duration // that of level 1 first
	RejectTransactions   bool
	TransactionTimeout   time.Duration
	TransactionInterval  time.Duration
	TransactionChecks    int
	PopPolling           int  // held pops of a group in a topic
	MaxPopPolling        int  // of all
	PopInFlightQueue     int  // messages that a group has popped of a queue
	PopInFlight          int  // and of all
	Timers               bool // take messages with a time of their own
	Recall               bool // and take them back
	TimerMaxDelay        time.Duration
	TimerMaxBytes        int64 // of the log that they may take while they wait; 0: a quarter
	TimerPrecision       time.Duration
	TraceTopicEnable     bool
	TraceTopicName       string

	// Bounds.
	MaxConnections        int
	MaxConnectionsPerAddr int
	MaxRequestRate        int           // a second of one address; 0: no limit
	FirstFrameTimeout     time.Duration // for the first request, and for a TLS handshake
	MaxHeaderFields       int           // of a request
	MaxInFlight           int           // requests per connection
	MaxBytesInFlight      int64         // bytes over all connections
	MaxTopics             int
	MaxGroups             int
	MaxClientsPerGroup    int
	MaxHeldPulls          int
	IdleTimeout           time.Duration

	WatchdogDevice string // of the machine, fed while the daemon works; empty: none
	Sandbox        string

	// Metrics.
	MetricsListen    string // host:port; empty: not over HTTP
	MetricsTextfile  string // path; empty: none
	MetricsMaxTopics int

	// Logs.
	LogLevel  string // debug, info, warn, error
	LogFormat string // auto, text, json
}

// Slave says whether this broker copies another.
func (c *Config) Slave() bool { return c.BrokerRole == roleSlave }

// WaitsForSlaves says whether a send waits for slaves.
func (c *Config) WaitsForSlaves() bool { return c.BrokerRole == roleSync }

// Default is the configuration of an empty file.
func Default() Config {
	var c Config
	for _, k := range keys() {
		if err := k.set(&c, k.def); err != nil {
			panic("config: default of " + k.name + ": " + err.Error()) // a mistake in this package; every test meets it
		}
	}
	return c
}
