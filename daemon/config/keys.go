package config

import (
	"math"
	"time"
)

const day = 24 * time.Hour

// keys is every key there is, in the order in which a person reads them.
func keys() []key {
	all := []key{}
	for _, group := range [][]key{identityKeys(), addressKeys(), tlsKeys(), aclKeys(), namesrvKeys(), replicaKeys(), storeKeys(), machineKeys(), messageKeys(), boundKeys(), metricsKeys(), logKeys()} {
		all = append(all, group...)
	}
	return all
}

func identityKeys() []key {
	return []key{
		str("brokerClusterName", "DefaultCluster", "cluster this broker belongs to", func(c *Config) *string { return &c.ClusterName }),
		str("brokerName", "", "name that master and slaves share; empty: the host name, but gw- and a part of this machine's identity for a new store where the host name is one that images come with, such as raspberrypi; auto: that in any case. The store keeps the name it was given", func(c *Config) *string { return &c.BrokerName }),
		number("brokerId", "0", "0 for the master; each slave has another number", func(c *Config) *int64 { return &c.BrokerID }, 0, math.MaxInt32),
		str("brokerRole", roleAsync, "ASYNC_MASTER: a send does not wait for slaves; SYNC_MASTER: OK means that a slave has the message too; SLAVE: copies a master of the same brokerName", func(c *Config) *string { return &c.BrokerRole }, roleAsync, roleSync, roleSlave),
		ours(boolean("enableBroker", "true", "false: no broker, a name server alone", func(c *Config) *bool { return &c.EnableBroker })),
	}
}

func addressKeys() []key {
	return []key{
		str("brokerIP1", "", "address that clients are told, or the name of a link, such as eth0, for the one it has; empty: the one that reaches the first name server", func(c *Config) *string { return &c.BrokerIP1 }),
		str("brokerIP2", "", "address that slaves are told, or the name of a link; empty: brokerIP1", func(c *Config) *string { return &c.BrokerIP2 }),
		str("bindAddress", "", "address to listen on; empty: all of this host", func(c *Config) *string { return &c.BindAddress }),
		number("listenPort", "10911", "port for clients; listenPort - 2 is served as well, where older clients and RocketMQ's slaves call", func(c *Config) *int { return &c.ListenPort }, 3, 65535),
		number("haListenPort", "0", "port for slaves, as registered; 0: listenPort + 1", func(c *Config) *int { return &c.HAListenPort }, 0, 65535),
		adminsKey(),
		ours(at(MakesSocket, adminSocketKey())),
	}
}

// The values of tlsServerMode, tlsServerNeedClientAuth and tlsClientAuthServer.
const (
	TLSDisabled   = "disabled"
	TLSPermissive = "permissive"
	TLSEnforcing  = "enforcing"

	TLSAuthNone     = "none"
	TLSAuthOptional = "optional"
	TLSAuthRequire  = "require"

	TLSByName = "name"
	TLSByCA   = "ca"
	TLSByNone = "none"
)

// tlsKeys have the names of RocketMQ's system properties: tls.server.mode is tlsServerMode.
func tlsKeys() []key {
	return oursAll([]key{
		str("tlsServerMode", TLSDisabled, "TLS on listenPort, listenPort - 2 and namesrvListenPort: disabled; permissive: who begins with it has it; enforcing: nobody is served without", func(c *Config) *string { return &c.TLSMode }, TLSDisabled, TLSPermissive, TLSEnforcing),
		at(ReadsFile, str("tlsServerCertPath", "", "certificate of this server in PEM, behind it those that lead to its authority; this and the next files are read again once they have changed", func(c *Config) *string { return &c.TLSCert })),
		at(ReadsFile, str("tlsServerKeyPath", "", "its private key in PEM, not encrypted", func(c *Config) *string { return &c.TLSKey })),
		str("tlsServerNeedClientAuth", TLSAuthNone, "certificates of clients that speak TLS: none: they are not asked; optional: one that is shown must be good; require: who has no good one is not let in", func(c *Config) *string { return &c.TLSClientAuth }, TLSAuthNone, TLSAuthOptional, TLSAuthRequire),
		at(ReadsFile, str("tlsServerTrustCertPath", "", "certificates of the authorities that sign those of clients, in PEM", func(c *Config) *string { return &c.TLSTrust })),
		boolean("tlsEnable", "false", "speak TLS to name servers and to the other broker of a pair; its replication port has TLS with haSecretFile alone, and then always", func(c *Config) *bool { return &c.TLSEnable }),
		str("tlsClientAuthServer", TLSByName, "what is made sure of then: name: the certificate names the host that was called, and an authority of tlsClientTrustCertPath has signed it; ca: an authority has, whatever it names; none: nothing, so that somebody in between can read and change everything", func(c *Config) *string { return &c.TLSAuthServer }, TLSByName, TLSByCA, TLSByNone),
		at(ReadsFile, str("tlsClientTrustCertPath", "", "certificates of the authorities that sign those of servers, in PEM", func(c *Config) *string { return &c.TLSServers })),
		at(ReadsFile, str("tlsClientCertPath", "", "certificate in PEM that servers are shown that ask for one; empty: none", func(c *Config) *string { return &c.TLSOwnCert })),
		at(ReadsFile, str("tlsClientKeyPath", "", "its private key in PEM, not encrypted", func(c *Config) *string { return &c.TLSOwnKey })),
	})
}

func aclKeys() []key {
	return []key{
		boolean("aclEnable", "false", "serve accounts alone: every request to the broker is signed with the secret of one in aclFile, or of a user of 5.x, and may do what is said of that", func(c *Config) *bool { return &c.ACL }),
		ours(at(RewritesFile, str("aclFile", "/etc/pairmq/plain_acl.yml", "the accounts, as in RocketMQ's conf/plain_acl.yml; this and the next file are read again once they have changed", func(c *Config) *string { return &c.ACLFile }))),
		ours(at(ReadsFile, str("aclToolsFile", "", "accessKey and secretKey, as in RocketMQ's conf/tools.yml, with which this broker signs what it asks the other broker of a pair, where it must be an admin's; empty: it signs nothing", func(c *Config) *string { return &c.ACLToolsFile }))),
	}
}

func namesrvKeys() []key {
	return []key{
		live(str("namesrvAddr", "", "name servers to register with, host:port separated by semicolons; empty with enableNamesrv: the embedded one", func(c *Config) *string { return &c.NamesrvAddr })),
		duration("registerNameServerPeriod", "30000", "milliseconds between registrations", time.Millisecond, func(c *Config) *time.Duration { return &c.RegisterPeriod }, 10*time.Second, time.Minute),
		boolean("forceRegister", "true", "register the full topic table every period; false: ask first whether it changed", func(c *Config) *bool { return &c.ForceRegister }),
		ours(boolean("enableNamesrv", "false", "run a name server in this process", func(c *Config) *bool { return &c.EnableNamesrv })),
		ours(number("namesrvListenPort", "9876", "port of the embedded name server", func(c *Config) *int { return &c.NamesrvListenPort }, 1, 65535)),
		ours(number("namesrvMaxTopics", "20000", "name server: topics to keep, counted once for each broker that has them", func(c *Config) *int { return &c.NamesrvMaxTopics }, 100, 1<<20)),
		live(ours(str("namesrvAllowedBrokers", "", "name server: addresses and networks from which brokers may register, as in 10.0.0.0/24;gw-a@10.0.1.5: a brokerName that is bound to addresses may from those alone; this host may always; empty: everybody may", func(c *Config) *string { return &c.NamesrvAllowed }))),
		boolean("orderMessageEnable", "false", "name server: put ordered-topic configuration into routes", func(c *Config) *bool { return &c.NamesrvOrderMessage }),
	}
}

// The values of brokerRole.
const (
	roleAsync = "ASYNC_MASTER"
	roleSync  = "SYNC_MASTER"
	roleSlave = "SLAVE"
)

func replicaKeys() []key {
	return []key{
		str("haMasterAddress", "", "SLAVE: host:port of the master's haListenPort; empty: what the name servers say", func(c *Config) *string { return &c.HAMasterAddress }),
		ours(str("haSlaveAddress", "", "SYNC_MASTER with ASYNC_FLUSH: host:port of the slave's haListenPort, asked after a power cut for what this log lost; empty: what the name servers say, its listenPort + 1", func(c *Config) *string { return &c.HASlaveAddress })),
		ours(at(ReadsFile, str("haSecretFile", "", "file with the secret that both brokers of a pair have, by which they know each other: 16 bytes or more, the same on both (pairmq cert secret makes one), for the daemon's user alone; empty: the credential haSecret that systemd passes, if there is one", func(c *Config) *string { return &c.HASecretFile }))),
		hostsKey("haPeers", "addresses and networks, as in 192.168.1.11;10.2.0.0/24, of hosts that may be the other broker of this pair without proving that they have the secret: one of Apache's has none; they can read and change everything. Without haSecretFile those of haMasterAddress and haSlaveAddress may too, and this host", func(c *Config) *Hosts { return &c.HAPeers }),
		duration("haSendHeartbeatInterval", "5000", "milliseconds of silence after which master and slave say that they live", time.Millisecond, func(c *Config) *time.Duration { return &c.HAHeartbeat }, 10*time.Millisecond, time.Minute),
		duration("haHousekeepingInterval", "20000", "milliseconds of silence after which master and slave hang up", time.Millisecond, func(c *Config) *time.Duration { return &c.HASilence }, 30*time.Millisecond, 10*time.Minute),
		number("haTransferBatchSize", "32k", "bytes of commit log sent to a slave at once", func(c *Config) *int { return &c.HATransferBatch }, 512, 1<<20),
		boolean("haFlowControlEnable", "false", "keep to maxHaTransferByteInSecond", func(c *Config) *bool { return &c.HAFlowControl }),
		number("maxHaTransferByteInSecond", "100m", "bytes a second sent to one slave with haFlowControlEnable, so that catching up leaves clients their share", func(c *Config) *int64 { return &c.HATransferRate }, 64<<10, math.MaxInt64>>1),
		duration("slaveTimeout", "3000", "SYNC_MASTER: milliseconds until a sender is answered FLUSH_SLAVE_TIMEOUT", time.Millisecond, func(c *Config) *time.Duration { return &c.SlaveTimeout }, 10*time.Millisecond, 10*time.Minute),
		number("haSlaveFallbehindMax", "256m", "SYNC_MASTER: a slave so many bytes behind is not waited for: senders are answered SLAVE_NOT_AVAILABLE", func(c *Config) *int64 { return &c.HAFallBehind }, 4096, math.MaxInt64>>1),
		number("inSyncReplicas", "2", "SYNC_MASTER: brokers that must have a message before OK, the master counted", func(c *Config) *int { return &c.InSyncReplicas }, 1, 16),
		ours(str("meteredLinks", "", "links whose traffic costs money, as in wwan0;ppp*: a slave that is behind and reached by one waits for another link; one that follows goes on", func(c *Config) *string { return &c.MeteredLinks })),
		ours(number("haMeteredBytesPerSecond", "0", "bytes a second sent to a slave that is behind over one of meteredLinks; 0: it waits", func(c *Config) *int64 { return &c.MeteredRate }, 0, math.MaxInt64>>1)),
		ours(number("haMeteredLag", "16m", "bytes that a slave may lack and is sent at once over one of meteredLinks: beyond it is behind, until it has all", func(c *Config) *int64 { return &c.MeteredLag }, 4096, math.MaxInt64>>1)),
		ours(duration("haMeteredMaxDelay", "24", "hours that a slave is behind over one of meteredLinks at most: then it is sent all it lacks", time.Hour, func(c *Config) *time.Duration { return &c.MeteredDelay }, time.Minute, 3650*day)),
		ours(number("haMaxSlaves", "16", "connections of slaves", func(c *Config) *int { return &c.HAMaxSlaves }, 1, 1024)),
	}
}

func storeKeys() []key {
	return []key{
		at(KeepsFolder, str("storePathRootDir", "/var/lib/pairmq", "folder of the store", func(c *Config) *string { return &c.StoreRoot })),
		ours(boolean("allowUnsafeMount", "false", "start although the file system of storePathRootDir is mounted so that a power cut loses what was acknowledged; false: end with exit code 3 and say why", func(c *Config) *bool { return &c.AllowUnsafeMount })),
		ours(at(LooksAt, str("storeMountPoint", "", "folder at or above storePathRootDir at which a file system must be mounted: while none is, the daemon ends with exit code 1 and begins no new store below; empty: not looked at", func(c *Config) *string { return &c.StoreMountPoint }))),
		number("mappedFileSizeCommitLog", "64m", "bytes per commit log segment; a pair must agree", func(c *Config) *int64 { return &c.SegmentSize }, 64<<10, 1<<30),
		flushKey(),
		topicFlushKey(),
		topicQuotaKey(),
		duration("flushIntervalCommitLog", "500", "ASYNC_FLUSH: milliseconds an unsynced byte may be old", time.Millisecond, func(c *Config) *time.Duration { return &c.FlushInterval }, time.Millisecond, time.Minute),
		ours(duration("flushLinger", "0", "microseconds to wait for more messages before a sync: fewer, larger writes for more latency", time.Microsecond, func(c *Config) *time.Duration { return &c.FlushLinger }, 0, 5*time.Millisecond)),
		duration("syncFlushTimeout", "5000", "milliseconds until a sender is answered FLUSH_DISK_TIMEOUT", time.Millisecond, func(c *Config) *time.Duration { return &c.FlushTimeout }, 10*time.Millisecond, 10*time.Minute),
		duration("fileReservedTime", "72", "hours a segment is kept after its last message", time.Hour, func(c *Config) *time.Duration { return &c.FileReserved }, time.Hour, 3650*day),
		ours(number("storeMaxBytes", "0", "bytes that the whole store may take on disk, oldest segments go first; 0: as much as the disk allows", func(c *Config) *int64 { return &c.StoreMaxBytes }, 0, math.MaxInt64>>1)),
		ours(number("quarantineMaxBytes", "256m", "bytes of what recovery and truncation took out of the log that are kept", func(c *Config) *int64 { return &c.SetAsideBytes }, 1<<20, math.MaxInt64>>1)),
		number("diskMaxUsedSpaceRatio", "80", "percent of the file system in use from which on the log warns; of one above 20 GiB, this and the next three count the free space below 20 GiB only", func(c *Config) *int { return &c.DiskFilling }, 10, 99),
		number("diskSpaceCleanForciblyRatio", "85", "percent from which on the oldest segments go ahead of fileReservedTime", func(c *Config) *int { return &c.DiskTight }, 10, 99),
		number("diskSpaceWarningLevelRatio", "90", "percent from which on producers are refused, until it is 3 less", func(c *Config) *int { return &c.DiskFull }, 10, 99),
		ours(number("diskSpaceCriticalRatio", "95", "percent from which on new topics and groups are refused as well", func(c *Config) *int { return &c.DiskCritical }, 10, 99)),
		boolean("enabledAppendPropCRC", "true", "add RocketMQ's __CRC32# property, which covers the whole record", func(c *Config) *bool { return &c.RecordCRC }),
	}
}

// The values of wearAction.
const (
	WearNone   = "none"
	WearWarn   = "warn"
	WearLinger = "linger"
)

func machineKeys() []key {
	led := func(name, class string, p func(*Config) *string) key {
		return str(name, "", "LEDs while the broker is "+class+": NAME:on, NAME:off or NAME:TRIGGER, separated by spaces, such as green:status:on red:status:off; empty: none", p)
	}
	return oursAll([]key{
		number("wearBudgetPerDay", "0", "bytes that may be written to the store's disk a day, by everybody; 0: no such budget", func(c *Config) *int64 { return &c.WearPerDay }, 0, math.MaxInt64>>1),
		number("wearYears", "0", "years that the flash shall still last, where the device tells its wear; 0: no such budget", func(c *Config) *int { return &c.WearYears }, 0, 100),
		str("wearAction", WearWarn, "what is done when more is written than wearBudgetPerDay or wearYears allow: none; warn: log, status and LED say so; linger: flushes also wait 50 ms for more messages, so that fewer are needed, until less is written again", func(c *Config) *string { return &c.WearAction }, WearNone, WearWarn, WearLinger),
		str("supplyFail", "", "what tells that the power fails: power_supply (the board runs on battery), power_supply:NAME (it is offline or discharges), file:PATH=VALUE (a GPIO line below /sys/class/gpio says VALUE); then everything is flushed and no messages are taken until the power is back; empty: nothing", func(c *Config) *string { return &c.SupplyFail }),
		duration("supplyPoll", "250", "milliseconds from one look at supplyFail to the next", time.Millisecond, func(c *Config) *time.Duration { return &c.SupplyPoll }, 20*time.Millisecond, 10*time.Second),
		led("ledOk", "well", func(c *Config) *string { return &c.LEDOK }),
		led("ledReplicating", "well and a slave has not everything yet", func(c *Config) *string { return &c.LEDReplicating }),
		led("ledDegraded", "at work and a person should look, as pairmq status says", func(c *Config) *string { return &c.LEDDegraded }),
		led("ledFault", "storing nothing", func(c *Config) *string { return &c.LEDFault }),
	})
}

func messageKeys() []key {
	return []key{
		online(number("maxMessageSize", "4194304", "bytes of a message's body", func(c *Config) *int { return &c.MaxMessageSize }, 1024, 12<<20)),
		online(boolean("autoCreateTopicEnable", "true", "make a topic when a client first sends to it", func(c *Config) *bool { return &c.AutoCreateTopic })),
		online(boolean("autoCreateSubscriptionGroup", "true", "make a subscription group when a consumer first shows it", func(c *Config) *bool { return &c.AutoCreateGroup })),
		number("defaultTopicQueueNums", "8", "queues of the template topic TBW102", func(c *Config) *int { return &c.DefaultTopicQueues }, 1, 1024),
		online(number("brokerPermission", "6", "2 write, 4 read, 6 both", func(c *Config) *int { return &c.BrokerPermission }, 2, 6)),
		online(boolean("longPollingEnable", "true", "hold a pull that finds nothing until a message comes", func(c *Config) *bool { return &c.LongPolling })),
		online(duration("shortPollingTimeMills", "1000", "milliseconds a pull is held when longPollingEnable is false", time.Millisecond, func(c *Config) *time.Duration { return &c.ShortPollingTime }, 0, 30*time.Second)),
		online(boolean("notifyConsumerIdsChangedEnable", "true", "tell a group's consumers at once when one joins or leaves", func(c *Config) *bool { return &c.NotifyConsumerChange })),
		online(boolean("storeReplyMessageEnable", "true", "keep replies to requests in the log too, after they were passed on to who asked", func(c *Config) *bool { return &c.StoreReplies })),
		online(boolean("enablePropertyFilter", "true", "let consumers filter by the properties of messages, with SQL92 expressions", func(c *Config) *bool { return &c.PropertyFilter })),
		delayLevelKey(),
		online(boolean("rejectTransactionMessage", "false", "answer NO_PERMISSION to who sends the half of a transaction", func(c *Config) *bool { return &c.RejectTransactions })),
		duration("transactionTimeOut", "6000", "milliseconds that a transaction may be open before its producer is asked; CHECK_IMMUNITY_TIME_IN_SECONDS of a message makes it longer", time.Millisecond, func(c *Config) *time.Duration { return &c.TransactionTimeout }, 10*time.Millisecond, day),
		duration("transactionCheckInterval", "30000", "milliseconds from one round of asking producers to the next", time.Millisecond, func(c *Config) *time.Duration { return &c.TransactionInterval }, 10*time.Millisecond, day),
		number("transactionCheckMax", "15", "how often a producer is asked before its transaction goes to TRANS_CHECK_MAX_TIME_TOPIC", func(c *Config) *int { return &c.TransactionChecks }, 1, 10000),
		number("popPollingSize", "1024", "pops of one group in one topic held for long polling", func(c *Config) *int { return &c.PopPolling }, 1, 1<<20),
		number("maxPopPollingSize", "10000", "pops held for long polling", func(c *Config) *int { return &c.MaxPopPolling }, 16, 1<<20),
		number("popInflightMessageThreshold", "10000", "messages of one queue that a group has popped and not acknowledged", func(c *Config) *int { return &c.PopInFlightQueue }, 32, 1<<20),
		number("popCkMaxBufferSize", "50000", "messages that all groups have popped and not acknowledged, some 120 bytes each", func(c *Config) *int { return &c.PopInFlight }, 32, 1<<24),
		boolean("timerWheelEnable", "true", "take messages that are to be delivered at a time of their own (TIMER_DELAY_MS and the like)", func(c *Config) *bool { return &c.Timers }),
		duration("timerMaxDelaySec", "259200", "seconds that such a time may be away; messages that wait for longer than fileReservedTime are stored anew meanwhile", time.Second, func(c *Config) *time.Duration { return &c.TimerMaxDelay }, time.Second, 3650*day),
		ours(number("timerMaxBytes", "0", "bytes of the log that such messages may take while they wait, beyond which more are refused; 0: a quarter of what storeMaxBytes, or the file system, leaves the log, a few segments less", func(c *Config) *int64 { return &c.TimerMaxBytes }, 0, math.MaxInt64>>1)),
		boolean("recallMessageEnable", "true", "let producers take such messages back before their time; false with RocketMQ", func(c *Config) *bool { return &c.Recall }),
		duration("timerPrecisionMs", "1000", "milliseconds to which RocketMQ's property TIMER_OUT_MS is rounded; deliveries are as exact as the machine is", time.Millisecond, func(c *Config) *time.Duration { return &c.TimerPrecision }, time.Millisecond, time.Minute),
		boolean("traceTopicEnable", "false", "make the topic for message traces, and have every message say that it may be traced (`MSG_REGION`, `TRACE_ON`: 40 bytes more), without which consumers of 5.x send no traces", func(c *Config) *bool { return &c.TraceTopicEnable }),
		str("msgTraceTopicName", "RMQ_SYS_TRACE_TOPIC", "topic for message traces", func(c *Config) *string { return &c.TraceTopicName }),
	}
}

func flushKey() key {
	return key{name: "flushDiskType", def: "SYNC_FLUSH",
		doc: "SYNC_FLUSH: OK means on flash; ASYNC_FLUSH: OK means handed to the kernel, on flash within flushIntervalCommitLog",
		set: func(c *Config, v string) error {
			var s string
			err := str("", "", "", func(*Config) *string { return &s }, "SYNC_FLUSH", "ASYNC_FLUSH").set(c, v)
			c.SyncFlush = s == "SYNC_FLUSH"
			return err
		},
		value: func(c *Config) string {
			if c.SyncFlush {
				return "SYNC_FLUSH"
			}
			return "ASYNC_FLUSH"
		},
	}
}

func boundKeys() []key {
	return oursAll([]key{
		number("maxConnections", "2048", "client connections, some 10 KiB each and up to 16 KiB more over TLS; 64 more are for this machine itself", func(c *Config) *int { return &c.MaxConnections }, 1, 1<<20),
		number("maxConnectionsPerAddress", "1024", "client connections from one IPv4 address, or from one /64 of IPv6; those of this machine itself are not counted", func(c *Config) *int { return &c.MaxConnectionsPerAddr }, 1, 1<<20),
		number("maxRequestsPerSecondPerAddress", "20000", "requests a second from such an address; more are answered SYSTEM_BUSY; 0: any number", func(c *Config) *int { return &c.MaxRequestRate }, 0, 1<<24),
		duration("firstFrameTimeout", "5", "seconds that a connection may take for its first request once that has begun, and before that for a TLS handshake", time.Second, func(c *Config) *time.Duration { return &c.FirstFrameTimeout }, 100*time.Millisecond, time.Minute),
		number("maxHeaderFields", "256", "fields in the header of one request", func(c *Config) *int { return &c.MaxHeaderFields }, 32, 4096),
		number("maxRequestsInFlight", "4096", "unanswered requests of one connection; more wait in the socket", func(c *Config) *int { return &c.MaxInFlight }, 1, 1<<20),
		number("maxBytesInFlight", "12m", "bytes of requests and answers in memory, over all connections; large ones, those being received and those of one address have a part of it", func(c *Config) *int64 { return &c.MaxBytesInFlight }, 1<<20, 1<<30),
		number("maxTopics", "10000", "topics", func(c *Config) *int { return &c.MaxTopics }, 16, 1<<20),
		number("maxSubscriptionGroups", "10000", "subscription groups", func(c *Config) *int { return &c.MaxGroups }, 16, 1<<20),
		number("maxClientsPerGroup", "2048", "clients of one group that are online", func(c *Config) *int { return &c.MaxClientsPerGroup }, 1, 1<<20),
		number("maxHeldPulls", "20000", "pulls held for long polling", func(c *Config) *int { return &c.MaxHeldPulls }, 16, 1<<20),
		duration("connectionIdleTimeout", "120", "seconds after which a silent connection is closed", time.Second, func(c *Config) *time.Duration { return &c.IdleTimeout }, time.Second, day),
	})
}

func metricsKeys() []key {
	return oursAll([]key{
		str("metricsListen", "127.0.0.1:10915", "address and port of /metrics for Prometheus, and of /healthz, over HTTP; empty: none", func(c *Config) *string { return &c.MetricsListen }),
		at(WritesFile, str("metricsTextfile", "", "file NAME.prom with the same for node_exporter's textfile collector, written every 15 s: below /run, so that it wears no flash; empty: none", func(c *Config) *string { return &c.MetricsTextfile })),
		number("metricsMaxTopics", "100", "topics, and pairs of group and topic, that have metrics, and rates for mqadmin, of their own; the rest is counted together", func(c *Config) *int { return &c.MetricsMaxTopics }, 1, 10_000),
	})
}

// The values of sandbox.
const (
	SandboxAuto = "auto"
	SandboxOff  = "off"
)

func logKeys() []key {
	return []key{
		ours(at(FeedsDevice, str("watchdogDevice", "", "hardware watchdog to feed while the daemon works, such as /dev/watchdog; it resets the machine otherwise, after a minute or what the hardware can; for systems without systemd, whose WatchdogSec does this", func(c *Config) *string { return &c.WatchdogDevice }))),
		ours(str("sandbox", SandboxAuto, "auto: the daemon gives up, for good, to read, write and listen anywhere but where it has to, and to run programs: landlock, where the kernel has it (5.19 or later); off: it does not", func(c *Config) *string { return &c.Sandbox }, SandboxAuto, SandboxOff)),
		ours(live(str("logLevel", "info", "least important line that is logged", func(c *Config) *string { return &c.LogLevel }, "debug", "info", "warn", "error"))),
		ours(str("logFormat", "auto", "auto: text on a terminal, fields as well where it goes to the journal, otherwise one line a record with its priority", func(c *Config) *string { return &c.LogFormat }, "auto", "text", "json")),
	}
}

func ours(k key) key { k.ours = true; return k }
func live(k key) key { k.live = true; return k }

// online is a key that can change while a broker serves.
func online(k key) key { k.online = true; return k }

func oursAll(ks []key) []key {
	for i := range ks {
		ks[i].ours = true
	}
	return ks
}

// without lists keys of RocketMQ's broker.conf that have nothing to set here.
// A file may keep them; it is told so.
func without() map[string]string {
	pools := "there are no thread pools here"
	return map[string]string{
		"deleteWhen": "old segments go all day, not at one hour", "sendMessageThreadPoolNums": pools, "pullMessageThreadPoolNums": pools,
		"adminBrokerThreadPoolNums": pools, "clientManageThreadPoolNums": pools, "consumerManageThreadPoolNums": pools,
		"heartbeatThreadPoolNums": pools, "endTransactionThreadPoolNums": pools, "queryMessageThreadPoolNums": pools,
		"processReplyMessageThreadPoolNums": pools, "serverWorkerThreads": pools, "useReentrantLockWhenPutMessage": pools,
		"mappedFileSizeConsumeQueue": "consume queues are in the index, not in mapped files", "maxHashSlotNum": "the key index has no slots",
		"maxIndexNum": "the key index has no files of its own", "transientStorePoolEnable": "the log is not memory-mapped",
		"warmMapedFileEnable": "the log is not memory-mapped", "storePathCommitLog": "the commit log is always storePathRootDir/commitlog",
		"storePathConsumeQueue": "consume queues are in the index", "storePathIndex": "the index is storePathRootDir/meta.db",
	}
}
