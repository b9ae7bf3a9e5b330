package mqadmin

const (
	withCRC      = "records have the property `__CRC32#`, keep `WAIT` as 5.4.0's do, and have not the `MSG_REGION` and `TRACE_ON` that the broker of 5.4.0 adds: sizes and positions differ"
	ownKeys      = "pairmq answers its own keys, and those of RocketMQ's that it has"
	ownState     = "pairmq has no thread pools, dispatch buffers and mapped files to tell of, and tells of the machine and the pair besides"
	sampled      = "RocketMQ looks at its counts every ten seconds, and misses what came before the first look; pairmq counts up to the moment"
	unread       = "mqadmin of 5.4.0 does not understand what its own broker answers"
	ownTopics    = "pairmq makes no topics for what it does without: BenchmarkTest, and the one in which Apache keeps what was popped"
	counted      = "the broker has other topics of its own, and the answer counts them"
	noController = "the controller of 5.x"
	noContainer  = "the broker container of 5.x"
	noRocksDB    = "RocksDB"
	acl4         = "neither broker has accounts in this test, and each says so in its way; with `aclEnable=true` pairmq answers as RocketMQ does, but for secrets, which it shows nobody"
	onePair      = "queues of a static topic live on several master groups, and move between them: a gateway has one pair"
	noThreshold  = "no group is held back for reading what memory does not have: there is no threshold"
	onlySome     = "nine keys can change while the broker runs; this one is set in its owner's file"
	inFile       = "three keys can change while the name server runs; any other is set in its owner's file"
)

// machine are keys of brokerStatus that only some machines have, or only at times.
var machine = []string{"storeFileSystem", "storeDevice", "flash", "disk", "temperature", "throttled", "pressure", "supplies", "onBattery",
	"powerFails", "clockJump", "light", "ownWritten", "wearBudget", "recentTimes", "haBytes", "haBehindMillis", "links", "sandbox"}

// commands is every command of 4.9.7 and 5.4.0, in the order in which they are tried.
func commands() []Command {
	return []Command{
		// Topics.
		{Name: "updateTopic", Args: "-b {broker} -t AdminMade -r 6 -w 6"},
		{Name: "updateTopicPerm", Args: "-b {broker} -t AdminMade -p 4"},
		{Name: "updateTopicList", Args: "-b {broker} -f {dir}/topics.json", Only: v5},
		{Name: "updateOrderConf", Args: "-t AdminMade -v {name}:6 -m put"},
		{Name: "topicRoute", Args: "-t {topic}"},
		{Name: "topicList", Args: "", Sort: true, Why: ownTopics},
		{Name: "topicClusterList", Args: "-t {topic}"},
		{Name: "topicStatus", Args: "-t {topic}"},
		{Name: "allocateMQ", Args: "-t {topic} -i 192.0.2.1,192.0.2.2"},
		{Name: "updateStaticTopic", Args: "-t AdminStatic -qn 2 -c {cluster}", Only: v5, Refused: onePair},
		{Name: "remappingStaticTopic", Args: "-t AdminStatic -c {cluster}", Only: v5, Refused: onePair},

		// Groups and offsets.
		{Name: "updateSubGroup", Args: "-b {broker} -g AdminMadeGroup"},
		{Name: "updateSubGroupList", Args: "-b {broker} -f {dir}/groups.json", Only: v5},
		{Name: "getConsumerConfig", Args: "-g {group}"},
		{Name: "setConsumeMode", Args: "-b {broker} -t {topic} -g {group} -m PULL -q 0", Only: v5},
		{Name: "consumerProgress", Args: "-g {group}", Sort: true},
		{Name: "consumerConnection", Args: "-g {group}", Sort: true},
		{Name: "consumerStatus", Args: "-g {group}", Numbers: true},
		{Name: "producerConnection", Args: "-g {producers} -t {topic}"},
		{Name: "producer", Args: "-b {broker}", Sort: true},
		{Name: "brokerConsumeStats", Args: "-b {broker}", Sort: true},
		{Name: "cloneGroupOffset", Args: "-s {group} -d AdminMadeGroup -t {topic} -o true"},
		{Name: "resetOffsetByTime", Args: "-g {group} -t {topic} -s now -f true", Sort: true},
		{Name: "skipAccumulatedMessage", Args: "-g {group} -t {topic} -f true", Sort: true},

		// Messages.
		{Name: "sendMessage", Args: "-t {topic} -p one -k sent -c red -b {name} -i 0"},
		{Name: "queryMsgById", Args: "-i {msgid}", Only: v4, Why: withCRC},
		{Name: "queryMsgById", Args: "-t {topic} -i {msgid}", Only: v5, Why: withCRC},
		{Name: "queryMsgByKey", Args: "-t {topic} -k key1", Sort: true, Why: withCRC},
		{Name: "queryMsgByUniqueKey", Args: "-t {topic} -i {unique}", Sort: true, Why: withCRC},
		{Name: "queryMsgByOffset", Args: "-b {name} -t {topic} -i 1 -o 2", Why: withCRC},
		{Name: "queryMsgTraceById", Args: "-i {unique}"},
		{Name: "queryCq", Args: "-t {topic} -q 1 -i 0 -c 3 -b {broker}", Why: withCRC},
		{Name: "printMsg", Args: "-t {topic} -d true", Sort: true, Why: withCRC},
		{Name: "printMsgByQueue", Args: "-t {topic} -a {name} -i 1 -p true -d true", Why: withCRC},
		{Name: "consumeMessage", Args: "-t {topic} -b {name} -i 1 -o 0 -c 2 -g AdminReaders", Why: withCRC},
		{Name: "checkMsgSendRT", Args: "-t {topic} -a 3 -s 16", Numbers: true},
		{Name: "sendMsgStatus", Args: "-b {name} -s 16 -c 3", Numbers: true},
		{Name: "dumpCompactionLog", Args: "-f {dir}/none", Only: v5},

		// Brokers and clusters.
		{Name: "clusterList", Args: "", Numbers: true, Why: "pairmq says that it is 4.9.7, so that 5.x clients use nothing that is negotiated by other means"},
		{Name: "clusterRT", Args: "-a 3 -s 16 -i 600", Seconds: 15},
		{Name: "brokerStatus", Args: "-b {broker}", Numbers: true, Sort: true, Keys: true, Moves: machine, Why: ownState},
		{Name: "statsAll", Args: "-t {topic}", Settled: true, Hide: `(?m)\d+$`, Why: sampled},
		{Name: "getBrokerConfig", Args: "-b {broker}", Sort: true, Why: ownKeys},
		{Name: "updateBrokerConfig", Args: "-b {broker} -k maxMessageSize -v 524288"},
		{Name: "updateBrokerConfig", Args: "-b {broker} -k fileReservedTime -v 48", Refused: onlySome},
		{Name: "haStatus", Args: "-b {broker}", Only: v5, Places: true},
		{Name: "haStatus", Args: "-b {slave}", Only: v5, Places: true, Why: "the slave knows how far its master has flushed, where Apache's says 0"},
		{Name: "brokerStatus", Args: "-b {slave}", Numbers: true, Sort: true, Keys: true, Moves: machine, Why: ownState + "; of timers its master tells, which delivers them"},
		{Name: "getBrokerEpoch", Args: "-b {name}", Only: v5, NotHere: noController},
		{Name: "resetMasterFlushOffset", Args: "-b {broker} -o 0", Only: v5},
		{Name: "resetMasterFlushOffset", Args: "-b {slave} -o 0", Only: v5, Refused: "a slave hears from its master how far that has flushed, with all that it copies"},
		{Name: "cleanExpiredCQ", Args: "-b {broker}"},
		{Name: "cleanUnusedTopic", Args: "-b {broker}"},
		{Name: "deleteExpiredCommitLog", Args: "-b {broker}"},
		{Name: "exportConfigs", Args: "-c {cluster} -f {dir}", File: "configs.json",
			Why: "pairmq lets slaves be read and traces nobody's messages until it is told to, and has refused the `fileReservedTime` of above"},
		{Name: "exportMetadata", Args: "-c {cluster} -f {dir}", Only: v4, File: "metadata.json",
			Why: "RocketMQ's broker marks a topic as ordered once a name server has an order setting for it, as of `updateOrderConf` above"},
		{Name: "exportMetadata", Args: "-c {cluster} -f {dir}", Only: v5, File: "metadata.json", Why: unread},
		{Name: "exportMetrics", Args: "-c {cluster} -f {dir}", Only: v4, File: "metrics.json", Hide: `Tps": \S+`,
			Why: "the number of processors is that of RocketMQ's key `clientCallbackExecutorThreads`, which pairmq has not"},
		{Name: "exportMetrics", Args: "-c {cluster} -f {dir}", Only: v5, File: "metrics.json", Hide: `Tps": \S+`, Why: unread},
		{Name: "exportPopRecord", Args: "-b {broker} -d true", Only: v5},
		{Name: "wipeWritePerm", Args: "-b {name}", Why: counted},
		{Name: "addWritePerm", Args: "-b {name}", Why: counted},
		{Name: "setCommitLogReadAheadMode", Args: "-b {broker} -m 1", Only: v5, Refused: "read-ahead of the log is left to the kernel, which is mode 0"},
		{Name: "setCommitLogReadAheadMode", Args: "-b {broker} -m 0", Only: v5},
		{Name: "getColdDataFlowCtrInfo", Args: "-b {broker}", Only: v5, Why: noThreshold + ", and so none to show"},
		{Name: "updateColdDataFlowCtrGroupConfig", Args: "-b {broker} -g {group} -v 1048576", Only: v5, Refused: noThreshold},
		{Name: "removeColdDataFlowCtrGroupConfig", Args: "-b {broker} -g {group}", Only: v5},
		{Name: "switchTimerEngine", Args: "-b {broker} -e F", Only: v5},
		{Name: "switchTimerEngine", Args: "-b {broker} -e R", Only: v5, Refused: "there is no RocksDB: timed messages wait in the log"},
		{Name: "checkRocksdbCqWriteProgress", Args: "-c {cluster} -n {namesrv} -t {topic}", Only: v5},
		{Name: "exportMetadataInRocksDB", Args: "-p {dir}/none -t topics", Only: v5, NotHere: noRocksDB, NoServer: true},
		{Name: "rocksDBConfigToJson", Args: "-t topics -n {namesrv} -b {broker}", Only: v5, NotHere: noRocksDB},

		// Name servers.
		{Name: "updateKvConfig", Args: "-s AdminSpace -k key -v value"},
		{Name: "deleteKvConfig", Args: "-s AdminSpace -k key"},
		{Name: "getNamesrvConfig", Args: "", Sort: true, Why: ownKeys},
		{Name: "updateNamesrvConfig", Args: "-k orderMessageEnable -v true"},
		{Name: "updateNamesrvConfig", Args: "-k productEnvName -v other", Refused: inFile},

		// The controller and the container.
		{Name: "addBroker", Args: "-c {broker} -b {dir}/none", Only: v5, NotHere: noContainer},
		{Name: "removeBroker", Args: "-c {broker} -b {cluster}:{name}:0", Only: v5, NotHere: noContainer},
		{Name: "getControllerConfig", Args: "-a {namesrv}", Only: v5, NotHere: noController},
		{Name: "updateControllerConfig", Args: "-a {namesrv} -k key -v value", Only: v5, NotHere: noController},
		{Name: "getControllerMetaData", Args: "-a {namesrv}", Only: v5, NotHere: noController},
		{Name: "getSyncStateSet", Args: "-a {namesrv} -b {name}", Only: v5, NotHere: noController},
		{Name: "electMaster", Args: "-a {namesrv} -b 0 -bn {name} -c {cluster}", Only: v5, NotHere: noController},
		{Name: "cleanBrokerMetadata", Args: "-a {namesrv} -b 1 -bn {name} -c {cluster}", Only: v5, NotHere: noController},

		// Access control.
		{Name: "clusterAclConfigVersion", Args: "-b {broker}", Only: v4, Why: acl4},
		{Name: "getAclConfig", Args: "-b {broker}", Only: v4, Why: acl4},
		{Name: "updateAclConfig", Args: "-b {broker} -a AdminUser -s 12345678", Only: v4, Why: acl4},
		{Name: "deleteAclConfig", Args: "-b {broker} -a AdminUser", Only: v4, Why: acl4},
		{Name: "updateGlobalWhiteAddr", Args: "-b {broker} -g 192.0.2.1", Only: v4, Why: acl4},
		{Name: "createUser", Args: "-b {broker} -u admin -p 12345678", Only: v5},
		{Name: "updateUser", Args: "-b {broker} -u admin -p 87654321", Only: v5},
		{Name: "getUser", Args: "-b {broker} -u admin", Only: v5},
		{Name: "listUser", Args: "-b {broker}", Only: v5},
		{Name: "copyUser", Args: "-f {broker} -t {broker}", Only: v5},
		{Name: "createAcl", Args: "-b {broker} -s User:admin -r Topic:{topic} -a Pub -d Allow", Only: v5},
		{Name: "updateAcl", Args: "-b {broker} -s User:admin -r Topic:{topic} -a Sub -d Allow", Only: v5},
		{Name: "getAcl", Args: "-b {broker} -s User:admin", Only: v5},
		{Name: "listAcl", Args: "-b {broker}", Only: v5},
		{Name: "copyAcl", Args: "-f {broker} -t {broker}", Only: v5},
		{Name: "deleteAcl", Args: "-b {broker} -s User:admin", Only: v5},
		{Name: "deleteUser", Args: "-b {broker} -u admin", Only: v5},

		// What takes away.
		{Name: "deleteSubGroup", Args: "-b {broker} -g AdminMadeGroup"},
		{Name: "deleteTopic", Args: "-c {cluster} -t AdminMade"},

		// What goes on beside the next command. Its first round is after 20 s.
		{Name: "startMonitoring", Args: "", Logs: "[MONITOR]", LogsEnd: "endRound", Sort: true, Hide: `undoneMsgsDelayTimeMills=\d+`},
	}
}
