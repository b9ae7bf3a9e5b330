package discovery

import (
	"encoding/json"
	"fmt"
)

// MasterID is the brokerId of the master; slaves have higher ones.
const MasterID = 0

// TopicRouteData says who serves a topic: the answer to a look-up, code 105.
// Its fields stand in the order in which Java peers write them.
type TopicRouteData struct {
	BrokerDatas       []BrokerData        `json:"brokerDatas"`
	FilterServerTable map[string][]string `json:"filterServerTable"`        // brokerAddr to filter servers; always empty today
	OrderTopicConf    string              `json:"orderTopicConf,omitempty"` // "brokerName:queues;…" of an ordered topic
	QueueDatas        []QueueData         `json:"queueDatas"`
}

// BrokerData is one broker group: the master and slaves of one brokerName.
type BrokerData struct {
	BrokerAddrs        map[int64]string `json:"brokerAddrs"` // brokerId to host:port
	BrokerName         string           `json:"brokerName"`
	Cluster            string           `json:"cluster"`
	EnableActingMaster bool             `json:"enableActingMaster,omitempty"` // 5.x only
}

// QueueData is one broker group's share of a topic. Perm has the bits of
// table.PermRead and the like.
type QueueData struct {
	BrokerName     string `json:"brokerName"`
	Perm           int32  `json:"perm"`
	ReadQueueNums  int32  `json:"readQueueNums"`
	TopicSysFlag   int32  `json:"topicSysFlag"`
	WriteQueueNums int32  `json:"writeQueueNums"`
}

// ClusterInfo lists all brokers and clusters: the answer to code 106.
type ClusterInfo struct {
	BrokerAddrTable  map[string]BrokerData `json:"brokerAddrTable"`  // by brokerName
	ClusterAddrTable map[string][]string   `json:"clusterAddrTable"` // cluster to brokerNames
}

// Encode returns the route as compact JSON with quoted keys, the one dialect
// that all clients read: RocketMQ 4.x and 5.x in Java, and client-go, which
// needs brokerAddrs without blanks.
func (r *TopicRouteData) Encode() ([]byte, error) { return json.Marshal(r) }

// Encode returns the cluster information as compact JSON with quoted keys.
func (c *ClusterInfo) Encode() ([]byte, error) { return json.Marshal(c) }

// DecodeRoute reads the body of an answer to code 105 from any name server,
// with integer keys quoted or not. It fails with ErrJSON, or with ErrAddr if a
// broker's address is none.
func DecodeRoute(body []byte) (*TopicRouteData, error) {
	r := new(TopicRouteData)
	if err := decodeJava(body, r); err != nil {
		return nil, fmt.Errorf("route: %w", err)
	}
	for i := range r.BrokerDatas {
		if err := r.BrokerDatas[i].check(); err != nil {
			return nil, fmt.Errorf("route: %w", err)
		}
	}
	for i := range r.QueueDatas {
		if q := &r.QueueDatas[i]; q.ReadQueueNums < 0 || q.WriteQueueNums < 0 {
			return nil, fmt.Errorf("route: %w: broker %q has %d read and %d write queues", ErrJSON, q.BrokerName, q.ReadQueueNums, q.WriteQueueNums)
		}
	}
	return r, nil
}

// DecodeClusterInfo reads the body of an answer to code 106 from any name
// server, with the errors of DecodeRoute.
func DecodeClusterInfo(body []byte) (*ClusterInfo, error) {
	c := new(ClusterInfo)
	if err := decodeJava(body, c); err != nil {
		return nil, fmt.Errorf("cluster info: %w", err)
	}
	for _, b := range c.BrokerAddrTable {
		if err := b.check(); err != nil {
			return nil, fmt.Errorf("cluster info: %w", err)
		}
	}
	return c, nil
}

// check refuses addresses that cannot be dialled.
func (b *BrokerData) check() error {
	for id, addr := range b.BrokerAddrs {
		if _, err := ParseAddr(addr); err != nil {
			return fmt.Errorf("broker %q, brokerId %d: %w", b.BrokerName, id, err)
		}
	}
	return nil
}
