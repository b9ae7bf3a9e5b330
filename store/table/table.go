// Package table holds the entries of RocketMQ's configuration tables: topics,
// subscription groups, and the version a table carries.
//
// They are plain values. The JSON names are those of RocketMQ 4.9.7 and 5.4.0
// on the wire (topics.json, subscriptionGroup.json, codes 21, 103 and 201); the
// msgp names are ours, in the index file. Who may have which topic, and where
// the tables are kept, is the business of packages broker and index.
package table

//go:generate go tool -modfile=../../tools/toolchain/go.mod msgp -file table.go -o table_gen.go -tests=false

// What a damaged value announces must not become memory.
//msgp:limit arrays:1024 maps:1024

// Permission bits of a topic, as in RocketMQ's PermName.
const (
	PermInherit int32 = 1 << 0 // a template: topics made from it take its settings
	PermWrite   int32 = 1 << 1
	PermRead    int32 = 1 << 2
)

// Topic is one topic's configuration on one broker.
type Topic struct {
	Name           string            `json:"topicName" msg:"name"`
	ReadQueueNums  int32             `json:"readQueueNums" msg:"read"`
	WriteQueueNums int32             `json:"writeQueueNums" msg:"write"`
	Perm           int32             `json:"perm" msg:"perm"`
	FilterType     string            `json:"topicFilterType" msg:"filter"` // SINGLE_TAG or MULTI_TAG
	SysFlag        int32             `json:"topicSysFlag" msg:"sys"`
	Order          bool              `json:"order" msg:"order"`
	Attributes     map[string]string `json:"attributes,omitempty" msg:"attr,omitempty"` // 5.x only
}

// Group is one subscription group's configuration on one broker.
type Group struct {
	Name                           string            `json:"groupName" msg:"name"`
	ConsumeEnable                  bool              `json:"consumeEnable" msg:"consume"`
	ConsumeFromMinEnable           bool              `json:"consumeFromMinEnable" msg:"frommin"`
	ConsumeBroadcastEnable         bool              `json:"consumeBroadcastEnable" msg:"broadcast"`
	ConsumeMessageOrderly          bool              `json:"consumeMessageOrderly" msg:"orderly"`
	RetryQueueNums                 int32             `json:"retryQueueNums" msg:"retryq"`
	RetryMaxTimes                  int32             `json:"retryMaxTimes" msg:"retrymax"`
	BrokerID                       int64             `json:"brokerId" msg:"broker"`
	WhichBrokerWhenConsumeSlowly   int64             `json:"whichBrokerWhenConsumeSlowly" msg:"slow"`
	NotifyConsumerIDsChangedEnable bool              `json:"notifyConsumerIdsChangedEnable" msg:"notify"`
	GroupSysFlag                   int32             `json:"groupSysFlag" msg:"sys"`
	ConsumeTimeoutMinute           int32             `json:"consumeTimeoutMinute" msg:"timeout"`
	Attributes                     map[string]string `json:"attributes,omitempty" msg:"attr,omitempty"` // 5.x only
}

// DefaultGroup is what RocketMQ assumes of a group nobody has configured.
func DefaultGroup(name string) Group {
	return Group{
		Name: name, ConsumeEnable: true, ConsumeFromMinEnable: true, ConsumeBroadcastEnable: true,
		RetryQueueNums: 1, RetryMaxTimes: 16, WhichBrokerWhenConsumeSlowly: 1,
		NotifyConsumerIDsChangedEnable: true, ConsumeTimeoutMinute: 15,
	}
}

// DataVersion tells two states of one table apart. Timestamp is in
// milliseconds since 1970; Counter grows by one with each change.
type DataVersion struct {
	StateVersion int64 `json:"stateVersion" msg:"state"`
	Timestamp    int64 `json:"timestamp" msg:"time"`
	Counter      int64 `json:"counter" msg:"count"`
}

// Next returns the version of the table after one more change at now (ms). The
// timestamp never runs backwards although the wall clock may.
func (v DataVersion) Next(now int64) DataVersion {
	return DataVersion{StateVersion: v.StateVersion, Timestamp: max(now, v.Timestamp), Counter: v.Counter + 1}
}
