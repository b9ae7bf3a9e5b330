package nameserver

import (
	"encoding/json"
	"maps"
	"slices"

	"pairmq/discovery"
	"pairmq/internal/remoting"
)

// Bits of a topic's topicSysFlag.
const (
	unitFlag    = 1 << 0
	unitSubFlag = 1 << 1
)

// route serves 105.
func (s *Server) route(c *remoting.Command) remoting.Response {
	topic, ok := c.Fields.Lookup("topic")
	if !ok {
		return refuse(remoting.RespSystemError, "topic is missing")
	}
	enc, ok := s.routes.lookup(topic)
	if !ok {
		return refuse(remoting.RespTopicNotExist, "No topic route info in name server for the topic: "+shorten(topic))
	}
	return remoting.Response{Code: remoting.RespSuccess, Body: enc, Release: nothing}
}

// shorten bounds what is echoed of a request.
func shorten(s string) string { return s[:min(len(s), maxName)] }

func (s *Server) orderConf(topic string) string {
	if s.tuning.Load()[orderMessages] == 0 {
		return ""
	}
	return s.kv.load()[orderNamespace][topic]
}

// clusterInfo serves 106.
func (s *Server) clusterInfo() remoting.Response {
	info := s.routes.clusterInfo()
	enc, err := info.Encode()
	if err != nil {
		return failed(err)
	}
	return remoting.Response{Code: remoting.RespSuccess, Body: enc, Release: nothing}
}

func (r *routes) clusterInfo() discovery.ClusterInfo {
	info := discovery.ClusterInfo{
		BrokerAddrTable:  make(map[string]discovery.BrokerData),
		ClusterAddrTable: make(map[string][]string),
	}
	r.mu.RLock()
	defer r.mu.RUnlock()
	for _, brokerName := range slices.Sorted(maps.Keys(r.groups)) {
		b := r.brokerData(brokerName)
		info.BrokerAddrTable[brokerName] = b
		info.ClusterAddrTable[b.Cluster] = append(info.ClusterAddrTable[b.Cluster], brokerName)
	}
	return info
}

// memberGroup serves 901.
func (s *Server) memberGroup(c *remoting.Command) remoting.Response {
	brokerName, cluster := c.Fields.Get("brokerName"), c.Fields.Get("clusterName")
	s.routes.mu.RLock()
	b := s.routes.brokerData(brokerName)
	s.routes.mu.RUnlock()
	if b.Cluster != cluster {
		b = discovery.BrokerData{BrokerName: shorten(brokerName), Cluster: shorten(cluster), BrokerAddrs: map[int64]string{}}
	}
	return encoded(map[string]discovery.BrokerData{"brokerMemberGroup": b})
}

// topicListJSON is RocketMQ's TopicList.
type topicListJSON struct {
	BrokerAddr string   `json:"brokerAddr,omitempty"`
	TopicList  []string `json:"topicList"`
}

// topicList serves 206, 224, 304 and 311 to 313.
func (s *Server) topicList(c *remoting.Command) remoting.Response {
	list := topicListJSON{}
	switch c.Code {
	case remoting.ReqGetTopicsByCluster:
		cluster, ok := c.Fields.Lookup("cluster")
		if !ok {
			return refuse(remoting.RespSystemError, "cluster is missing")
		}
		list.TopicList = s.routes.topicsOfCluster(cluster)
	case remoting.ReqGetSystemTopicListFromNs:
		list.TopicList, list.BrokerAddr = s.routes.names()
	case remoting.ReqGetUnitTopicList:
		list.TopicList = s.routes.topicsWith(func(flag int32) bool { return flag&unitFlag != 0 })
	case remoting.ReqGetHasUnitSubTopicList:
		list.TopicList = s.routes.topicsWith(func(flag int32) bool { return flag&unitSubFlag != 0 })
	case remoting.ReqGetHasUnitSubUnunitTopicList:
		list.TopicList = s.routes.topicsWith(func(flag int32) bool { return flag&(unitFlag|unitSubFlag) == unitSubFlag })
	default:
		list.TopicList = s.routes.topicsWith(func(int32) bool { return true })
	}
	return encoded(list)
}

// count is how many topics and brokers there are.
func (r *routes) count() int {
	r.mu.RLock()
	defer r.mu.RUnlock()
	return r.entries + r.members
}

// topicsWith returns the topics with a share whose topicSysFlag is wanted,
// sorted and never nil.
func (r *routes) topicsWith(wanted func(sysFlag int32) bool) []string {
	return r.topicsWhere(func(q discovery.QueueData) bool { return wanted(q.TopicSysFlag) })
}

func (r *routes) topicsOfCluster(cluster string) []string {
	return r.topicsWhere(func(q discovery.QueueData) bool { return r.groups[q.BrokerName].cluster == cluster })
}

func (r *routes) topicsWhere(wanted func(discovery.QueueData) bool) []string {
	list := []string{}
	r.mu.RLock()
	for topic, shares := range r.topics {
		for _, q := range shares {
			if wanted(q) {
				list = append(list, topic)
				break
			}
		}
	}
	r.mu.RUnlock()
	slices.Sort(list)
	return list
}

// names returns the names of all clusters and brokers, which are names of
// topics as well, and an address of one broker, "" if there is none.
func (r *routes) names() (list []string, addr string) {
	seen := make(map[string]bool)
	r.mu.RLock()
	for brokerName, g := range r.groups {
		seen[brokerName], seen[g.cluster] = true, true
		for _, m := range g.members {
			addr = m.addr
		}
	}
	r.mu.RUnlock()
	list = slices.AppendSeq([]string{}, maps.Keys(seen))
	slices.Sort(list)
	return list, addr
}

// encoded answers with v as JSON.
func encoded(v any) remoting.Response {
	body, err := json.Marshal(v)
	if err != nil {
		return failed(err)
	}
	return remoting.Response{Code: remoting.RespSuccess, Body: body, Release: nothing}
}
