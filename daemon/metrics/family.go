package metrics

// A Kind is a Prometheus type.
type Kind string

// The kinds that are used here.
const (
	Gauge     Kind = "gauge"
	Counter   Kind = "counter"
	Histogram Kind = "histogram"
)

// A Family is all values of one name.
type Family struct {
	Name   string // its last words are the unit
	Kind   Kind
	Help   string   // one sentence, without a full stop
	Labels []string // names, in the order in which Page.Set takes the values
}

// A Metric is one of Families.
type Metric int

// All metrics, in the order in which they are shown.
const (
	BuildInfo Metric = iota
	StartTime
	CPU
	ResidentMemory
	Heap
	HeapLimit
	Goroutines
	GCCycles
	OpenFiles
	MaxFiles

	Serving
	BrokerInfo
	Master
	Requests
	OtherRequests
	Refused
	Denied
	Connections
	ConnectionsAccepted
	ConnectionsRefused
	ConnectionsDropped
	RequestsOverRate
	InFlight
	InFlightLimit
	HeldPulls
	ClientsOnline
	ConsumerGroupsOnline
	ProducerGroupsOnline
	Topics
	Groups
	CertificateExpires

	MessagesIn
	MessageBytesIn
	MessagesOut
	MessageBytesOut
	Pulls
	TopicMessagesIn
	TopicBytesIn
	TopicMessagesOut
	TopicBytesOut
	TopicStored
	TopicQuota
	ConsumerLag
	ConsumerLagAll

	SendDuration
	AppendWait
	QueueDuration
	WriteDuration
	SyncDuration
	ReplicateDuration
	IndexDuration
	PullDuration

	LogStart
	LogEnd
	LogDurable
	LogConfirmed
	LogVisible
	LogWrites
	LogWritten
	LogSyncs
	SyncRunning
	StoreBytes
	StoreLimit
	DiskSize
	DiskFree
	DiskLevel
	ReadOnly
	DamagedParts
	LostParts
	LostMessages
	LedAround
	QuarantineFiles
	QuarantineBytes
	RecoveryDone
	RecoverySize
	IndexingDone
	IndexingSize

	Epoch
	RoleDiffers
	Rival
	Slaves
	SlaveAcked
	SlaveLagBytes
	SlaveLag
	SlaveHeld
	ReplicationSent
	ReplicationReceived
	ReplicationConnected
	ReplicationHeld
	ReplicationLagBytes
	ReplicationLag
	SetAside
	NamesrvRegistered
	NamesrvLast

	FlashLifeUsed
	FlashReserve
	DeviceWritten
	DeviceWrittenPerDay
	FlashYearsLeft
	WearOverBudget
	Temperature
	Throttled
	Pressure
	OnBattery
	PowerFails
	ClockTrust
	ClockJumps
	LinkUp
	LinkMetered
	LinkReceived
	LinkSent
	LinkErrors
	LinkDropped

	metrics
)

// Families returns every Metric's.
func Families() []Family {
	server, topic, link := []string{"server"}, []string{"topic"}, []string{"link"}
	all := [metrics]Family{
		BuildInfo:      {"pairmq_build_info", Gauge, "Always 1; the labels say which program runs", []string{"version", "goversion", "goarch"}},
		StartTime:      {"pairmq_process_start_time_seconds", Gauge, "When the process began, by this machine's clock, since 1970", nil},
		CPU:            {"pairmq_process_cpu_seconds_total", Counter, "Processor time of the process, in user and kernel mode", nil},
		ResidentMemory: {"pairmq_process_resident_memory_bytes", Gauge, "Memory of the process that is not swapped out", nil},
		Heap:           {"pairmq_heap_bytes", Gauge, "Objects on the heap, those not collected yet as well", nil},
		HeapLimit:      {"pairmq_heap_limit_bytes", Gauge, "What the collector keeps the process's Go memory below", nil},
		Goroutines:     {"pairmq_goroutines", Gauge, "Goroutines there are", nil},
		GCCycles:       {"pairmq_gc_cycles_total", Counter, "Rounds of the garbage collector", nil},
		OpenFiles:      {"pairmq_process_open_fds", Gauge, "File descriptors in use", nil},
		MaxFiles:       {"pairmq_process_max_fds", Gauge, "File descriptors allowed", nil},

		Serving:              {"pairmq_serving", Gauge, "1 while requests are answered; a broker that recovers, or changes its role, has 0", server},
		BrokerInfo:           {"pairmq_broker_info", Gauge, "Always 1; the labels say which broker this is and in which role", []string{"cluster", "broker", "broker_id", "role", "address"}},
		Master:               {"pairmq_master", Gauge, "1 for a master, 0 for a slave", nil},
		Requests:             {"pairmq_requests_total", Counter, "Requests answered, by RocketMQ's names of request and answer; unsupported ones are UNSUPPORTED", []string{"server", "request", "answer"}},
		OtherRequests:        {"pairmq_other_requests_total", Counter, "Requests answered beyond the first 256 pairs of request and answer", server},
		Refused:              {"pairmq_refused_total", Counter, "Requests refused, or stored without the promise being kept, by the reason", []string{"reason"}},
		Denied:               {"pairmq_denied_total", Counter, "Requests refused since their sender has not the right to them, by the right", []string{"right"}},
		Connections:          {"pairmq_connections", Gauge, "Connections of clients and brokers", server},
		ConnectionsAccepted:  {"pairmq_connections_accepted_total", Counter, "Connections that came", server},
		ConnectionsRefused:   {"pairmq_connections_refused_total", Counter, "Connections that came and were beyond maxConnections or maxConnectionsPerAddress", server},
		ConnectionsDropped:   {"pairmq_connections_dropped_total", Counter, "Connections ended for what the peer sent or did not take", server},
		RequestsOverRate:     {"pairmq_requests_over_rate_total", Counter, "Requests beyond maxRequestsPerSecondPerAddress, which were answered SYSTEM_BUSY", server},
		InFlight:             {"pairmq_in_flight_bytes", Gauge, "Requests and answers in memory", server},
		InFlightLimit:        {"pairmq_in_flight_limit_bytes", Gauge, "What maxBytesInFlight allows of them", server},
		HeldPulls:            {"pairmq_held_pulls", Gauge, "Pulls that wait for a message", nil},
		ClientsOnline:        {"pairmq_clients_online", Gauge, "Connections that have sent heartbeats", nil},
		ConsumerGroupsOnline: {"pairmq_consumer_groups_online", Gauge, "Consumer groups with a client online", nil},
		ProducerGroupsOnline: {"pairmq_producer_groups_online", Gauge, "Producer groups with a client online", nil},
		Topics:               {"pairmq_topics", Gauge, "Topics, system and retry topics as well", nil},
		Groups:               {"pairmq_subscription_groups", Gauge, "Subscription groups", nil},
		CertificateExpires:   {"pairmq_certificate_expires_timestamp_seconds", Gauge, "When the first certificate ends of a file that TLS uses, since 1970: of server and client with those behind them, and of the authorities that each trusts", []string{"certificate"}},

		MessagesIn:       {"pairmq_messages_in_total", Counter, "Messages stored", nil},
		MessageBytesIn:   {"pairmq_message_in_bytes_total", Counter, "Bytes of log that these take", nil},
		MessagesOut:      {"pairmq_messages_out_total", Counter, "Messages handed out to consumers", nil},
		MessageBytesOut:  {"pairmq_message_out_bytes_total", Counter, "Bytes of log that these take", nil},
		Pulls:            {"pairmq_pulls_total", Counter, "Reads for pulls, by whether a message was found", []string{"result"}},
		TopicMessagesIn:  {"pairmq_topic_messages_in_total", Counter, "Messages stored of a topic; those beyond metricsMaxTopics are (others)", topic},
		TopicBytesIn:     {"pairmq_topic_in_bytes_total", Counter, "Bytes of log that these take", topic},
		TopicMessagesOut: {"pairmq_topic_messages_out_total", Counter, "Messages of a topic handed out to consumers", topic},
		TopicBytesOut:    {"pairmq_topic_out_bytes_total", Counter, "Bytes of log that these take", topic},
		TopicStored:      {"pairmq_topic_stored_bytes", Gauge, "What the log holds of a topic that has a quota", topic},
		TopicQuota:       {"pairmq_topic_quota_bytes", Gauge, "What topicMaxBytes allows it", topic},
		ConsumerLag:      {"pairmq_consumer_lag_messages", Gauge, "Messages of a topic that a group has not consumed, of the metricsMaxTopics pairs with the most; the rest are (others)", []string{"group", "topic"}},
		ConsumerLagAll:   {"pairmq_consumer_lag_all_messages", Gauge, "The same over all groups and topics", nil},

		SendDuration:      {"pairmq_send_duration_seconds", Histogram, "From a send that was read until its answer, with all that was promised: the whole of it", nil},
		AppendWait:        {"pairmq_append_wait_duration_seconds", Histogram, "For an append that had to wait since the log was not ready to take it: for a batch to be written, or for a segment", nil},
		QueueDuration:     {"pairmq_log_queue_duration_seconds", Histogram, "From the first append of a batch until the writer takes it", nil},
		WriteDuration:     {"pairmq_log_write_duration_seconds", Histogram, "One write of a batch to a segment", nil},
		SyncDuration:      {"pairmq_log_sync_duration_seconds", Histogram, "One fdatasync of the log", nil},
		ReplicateDuration: {"pairmq_replicate_duration_seconds", Histogram, "SYNC_MASTER: from what this broker has confirmed until its slaves have it, or are given up", nil},
		IndexDuration:     {"pairmq_index_duration_seconds", Histogram, "To index what was confirmed together", nil},
		PullDuration:      {"pairmq_pull_duration_seconds", Histogram, "To read the messages of one pull", nil},

		LogStart:        {"pairmq_log_start_offset_bytes", Gauge, "First byte of the commit log", nil},
		LogEnd:          {"pairmq_log_end_offset_bytes", Gauge, "End of what was appended", nil},
		LogDurable:      {"pairmq_log_durable_offset_bytes", Gauge, "End of what is on flash", nil},
		LogConfirmed:    {"pairmq_log_confirmed_offset_bytes", Gauge, "End of what is as safe here as the flush policy promises", nil},
		LogVisible:      {"pairmq_log_visible_offset_bytes", Gauge, "End of what consumers may see", nil},
		LogWrites:       {"pairmq_log_writes_total", Counter, "Writes to the log", nil},
		LogWritten:      {"pairmq_log_written_bytes_total", Counter, "Bytes of these", nil},
		LogSyncs:        {"pairmq_log_syncs_total", Counter, "Syncs of the log", nil},
		SyncRunning:     {"pairmq_log_sync_running_seconds", Gauge, "For how long the sync that is under way has been; 0 if none is: a disk that stands still shows here", nil},
		StoreBytes:      {"pairmq_store_bytes", Gauge, "All that the store has on disk", nil},
		StoreLimit:      {"pairmq_store_limit_bytes", Gauge, "What storeMaxBytes allows it; 0: what the disk has", nil},
		DiskSize:        {"pairmq_disk_size_bytes", Gauge, "Of the file system below the store", nil},
		DiskFree:        {"pairmq_disk_free_bytes", Gauge, "Of that, for the store to take", nil},
		DiskLevel:       {"pairmq_disk_level", Gauge, "How full it is: 0 roomy, 1 filling, 2 tight, 3 full (producers are refused), 4 critical", nil},
		ReadOnly:        {"pairmq_store_read_only", Gauge, "1 while nothing can be stored; pairmq status says why", nil},
		DamagedParts:    {"pairmq_log_damaged_parts", Gauge, "Parts of the log that are known to be damaged", nil},
		LostParts:       {"pairmq_log_lost_parts", Gauge, "Those of them that nobody can give back", nil},
		LostMessages:    {"pairmq_log_lost_messages", Gauge, "Messages in these", nil},
		LedAround:       {"pairmq_log_led_around_total", Counter, "Lost messages around which consumers were led", nil},
		QuarantineFiles: {"pairmq_quarantine_files", Gauge, "Files of what was taken out of the log", nil},
		QuarantineBytes: {"pairmq_quarantine_bytes", Gauge, "Their bytes", nil},
		RecoveryDone:    {"pairmq_recovery_done_bytes", Gauge, "While a start recovers the log: what it has read", nil},
		RecoverySize:    {"pairmq_recovery_size_bytes", Gauge, "While a start recovers the log: about what it has to read", nil},
		IndexingDone:    {"pairmq_indexing_done_bytes", Gauge, "While the index is made anew: the log that is indexed", nil},
		IndexingSize:    {"pairmq_indexing_size_bytes", Gauge, "While the index is made anew: the log to be indexed", nil},

		Epoch:                {"pairmq_epoch", Gauge, "Number of the log's epoch: it grows when a broker is made master", nil},
		RoleDiffers:          {"pairmq_role_differs", Gauge, "1 if the role was changed by a command and is not that of the configuration", nil},
		Rival:                {"pairmq_rival_masters", Gauge, "Other masters of the same brokerName and epoch: one of them must be demoted", nil},
		Slaves:               {"pairmq_slaves", Gauge, "Slaves that copy this master's log", nil},
		SlaveAcked:           {"pairmq_slave_acked_offset_bytes", Gauge, "End of what a slave has", []string{"slave"}},
		SlaveLagBytes:        {"pairmq_slave_lag_bytes", Gauge, "What a slave has not of what is confirmed here", []string{"slave"}},
		SlaveLag:             {"pairmq_slave_lag_seconds", Gauge, "How long ago a slave had all there was; it is there once it had", []string{"slave"}},
		SlaveHeld:            {"pairmq_slave_held", Gauge, "1 while a slave is not sent all it lacks, since the link to it is metered", []string{"slave"}},
		ReplicationSent:      {"pairmq_replication_sent_bytes_total", Counter, "Bytes of log sent to slaves, by the link that they went over", link},
		ReplicationReceived:  {"pairmq_replication_received_bytes_total", Counter, "A slave: bytes of log that came from its master, by the link by which that is reached", link},
		ReplicationConnected: {"pairmq_replication_connected", Gauge, "A slave: 1 while it copies its master", nil},
		ReplicationHeld:      {"pairmq_replication_held", Gauge, "A slave: 1 while its master says that it does not send all that is lacking here, since the link is metered", nil},
		ReplicationLagBytes:  {"pairmq_replication_lag_bytes", Gauge, "A slave: what it has not of its master's log", nil},
		ReplicationLag:       {"pairmq_replication_lag_seconds", Gauge, "A slave: how long ago it had all of its master's log; it is there once it had", nil},
		SetAside:             {"pairmq_replication_set_aside_bytes_total", Counter, "A slave: bytes that its master did not have, cut off and kept below quarantine/", nil},
		NamesrvRegistered:    {"pairmq_namesrv_registered", Gauge, "1 if the last registration with that name server succeeded", []string{"namesrv"}},
		NamesrvLast:          {"pairmq_namesrv_last_registration_timestamp_seconds", Gauge, "When one succeeded last, by this machine's clock; it is there once one did", []string{"namesrv"}},

		FlashLifeUsed:       {"pairmq_machine_flash_life_used_ratio", Gauge, "At most so much of its life has the store's disk behind it, as it estimates itself in steps of a tenth", []string{"device"}},
		FlashReserve:        {"pairmq_machine_flash_reserve", Gauge, "Its reserve for bad blocks: 1 normal, 2 four fifths used, 3 nearly all used", []string{"device"}},
		DeviceWritten:       {"pairmq_machine_device_written_bytes_total", Counter, "Written to the store's disk since the machine started, by every program", []string{"device"}},
		DeviceWrittenPerDay: {"pairmq_machine_device_written_per_day_bytes", Gauge, "Written to the store's disk on each day that the machine runs, the mean since counting began, over restarts", []string{"device"}},
		FlashYearsLeft:      {"pairmq_machine_flash_left_years", Gauge, "For so many years more its flash lasts at least, if as much is written as until now", []string{"device"}},
		WearOverBudget:      {"pairmq_machine_wear_over_budget", Gauge, "1 while more is written than wearBudgetPerDay or wearYears allow", nil},
		Temperature:         {"pairmq_machine_temperature_celsius", Gauge, "Temperature of a place of the board", []string{"zone", "type"}},
		Throttled:           {"pairmq_machine_throttled", Gauge, "1 while the processor is made slower, against heat", nil},
		Pressure:            {"pairmq_machine_pressure_ratio", Gauge, "How much of the last minute some program waited for a resource", []string{"resource"}},
		OnBattery:           {"pairmq_machine_on_battery", Gauge, "1 while a battery or a capacitor is all that supplies the board", nil},
		PowerFails:          {"pairmq_machine_supply_failed", Gauge, "1 while the supply that supplyFail watches has failed and nothing is stored", nil},
		ClockTrust:          {"pairmq_machine_clock_trust", Gauge, "How far the clock can be believed: 0 wrong, 1 nobody has set it, 2 kept by a battery, 3 synchronised", nil},
		ClockJumps:          {"pairmq_machine_clock_jumps_total", Counter, "Times that the clock was set while the daemon ran", nil},
		LinkUp:              {"pairmq_machine_link_up", Gauge, "1 while packets go over a link that leads out of the machine: it is switched on, and somebody is at the other end", link},
		LinkMetered:         {"pairmq_machine_link_metered", Gauge, "1 if meteredLinks names the link", link},
		LinkReceived:        {"pairmq_machine_link_received_bytes_total", Counter, "Bytes that came over a link since it was made, of every program", link},
		LinkSent:            {"pairmq_machine_link_sent_bytes_total", Counter, "Bytes that went over a link since it was made, of every program", link},
		LinkErrors:          {"pairmq_machine_link_errors_total", Counter, "Packets that were bad, or could not be sent", []string{"link", "direction"}},
		LinkDropped:         {"pairmq_machine_link_dropped_total", Counter, "Packets for which there was no room", []string{"link", "direction"}},
	}
	return all[:]
}
