package nameserver

import (
	"errors"
	"fmt"
	"net/netip"
	"strings"

	"pairmq/discovery"
	"pairmq/internal/remoting"
	"pairmq/store/table"
)

// errForeign is of a broker that somebody else has registered.
var errForeign = errors.New("a broker that registered from another address")

// kvList is the body that lists a namespace: RocketMQ's KVTable.
type kvList struct {
	Table map[string]string `json:"table"`
}

// settings serves 100, 101, 102 and 219.
func (s *Server) settings(c *remoting.Command) remoting.Response {
	namespace, key := c.Fields.Get("namespace"), c.Fields.Get("key")
	switch c.Code {
	case remoting.ReqGetKVConfig:
		value, ok := s.kv.load()[namespace][key]
		if !ok {
			return refuse(remoting.RespQueryNotFound, "No config item, Namespace: "+shorten(namespace)+" Key: "+shorten(key))
		}
		resp := success()
		resp.Fields.Add("value", value)
		return resp
	case remoting.ReqGetKvlistByNamespace:
		list, ok := s.kv.load()[namespace]
		if !ok {
			return refuse(remoting.RespQueryNotFound, "No config item, Namespace: "+shorten(namespace))
		}
		return encoded(kvList{list})
	}
	if err := s.changeSetting(c, strings.Clone(namespace), strings.Clone(key)); err != nil {
		return failed(err)
	}
	return success()
}

func (s *Server) changeSetting(c *remoting.Command, namespace, key string) error {
	var err error
	if c.Code == remoting.ReqPutKVConfig {
		err = s.kv.put(namespace, key, strings.Clone(c.Fields.Get("value")))
	} else {
		err = s.kv.remove(namespace, key)
	}
	if err == nil && namespace == orderNamespace {
		s.routes.forget(key)
	}
	return err
}

// wipeWritePerm serves 205: clients stop sending to a broker, until its table
// changes.
func (s *Server) wipeWritePerm(c *remoting.Command) remoting.Response {
	return s.setPerm(c, "wipeTopicCount", func(perm int32) int32 { return perm &^ table.PermWrite })
}

// addWritePerm serves 327. Unlike RocketMQ it keeps the inherit bit, without
// which a template topic is none.
func (s *Server) addWritePerm(c *remoting.Command) remoting.Response {
	return s.setPerm(c, "addTopicCount", func(perm int32) int32 { return perm | table.PermRead | table.PermWrite })
}

func (s *Server) setPerm(c *remoting.Command, count string, perm func(int32) int32) remoting.Response {
	brokerName := c.Fields.Get("brokerName")
	if err := checkName("brokerName", brokerName); err != nil {
		return failed(err)
	}
	n := s.routes.setPerm(brokerName, perm)
	s.opts.Log.Info("write permission changed", "brokerName", brokerName, "request", c.Code, "topics", n)
	resp := success()
	resp.Fields.AddInt(count, int64(n))
	return resp
}

// setPerm returns how many topics the broker has.
func (r *routes) setPerm(brokerName string, perm func(int32) int32) int {
	n := 0
	r.mu.Lock()
	defer r.mu.Unlock()
	for topic, shares := range r.topics {
		if q, ok := shares[brokerName]; ok {
			q.Perm = perm(q.Perm)
			r.putEntry(topic, q)
			n++
		}
	}
	return n
}

// registerTopic serves 217, of 5.x: shares of a topic, of brokers that are
// registered from where the request comes. They stay until a table of such a broker says
// something else.
func (s *Server) registerTopic(conn *remoting.Conn, c *remoting.Command) remoting.Response {
	topic := strings.Clone(c.Fields.Get("topic"))
	if err := checkName("topic", topic); err != nil {
		return failed(err)
	}
	route, err := discovery.DecodeRoute(c.Body)
	if err != nil {
		return failed(err)
	}
	for i := range route.QueueDatas {
		if name := route.QueueDatas[i].BrokerName; !s.allowed(conn, name) {
			return notAllowed(shorten(name))
		}
	}
	err = s.routes.addTopic(topic, route.QueueDatas, sourceOf(conn), s.shareOf(conn))
	if errors.Is(err, errForeign) {
		s.refused.Log("a topic of a broker that registered from elsewhere was refused", "topic", topic, "remote", conn.RemoteAddr().String())
		return refuse(remoting.RespNoPermission, err.Error())
	}
	if err != nil {
		return failed(err)
	}
	return success()
}

// addTopic takes over shares of a topic, all or none: from an address, those of brokers
// that registered from there, and as many as what it counts for may have.
func (r *routes) addTopic(topic string, shares []discovery.QueueData, from, counts netip.Addr) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, q := range shares {
		t := table.Topic{Name: topic, Perm: q.Perm, ReadQueueNums: q.ReadQueueNums, WriteQueueNums: q.WriteQueueNums}
		if r.groups[q.BrokerName] == nil {
			return fmt.Errorf("%w: %.64q is not registered", errBroker, q.BrokerName)
		}
		if !r.speaks(q.BrokerName, from) {
			return fmt.Errorf("%w: %.64q", errForeign, q.BrokerName)
		}
		if !plausible(&t) {
			return fmt.Errorf("%w: %.64q", errTopics, topic)
		}
	}
	if len(shares) > r.room(counts) {
		return fmt.Errorf("%w: at most %d are kept of all brokers, and half of that of brokers from one other address", errTopics, r.maxEntries)
	}
	for _, q := range shares {
		q.BrokerName = strings.Clone(q.BrokerName)
		r.putEntry(topic, q)
	}
	return nil
}

// deleteTopic serves 216. A broker that still has the topic brings it back with
// its next whole registration.
func (s *Server) deleteTopic(c *remoting.Command) remoting.Response {
	topic := c.Fields.Get("topic")
	if err := checkName("topic", topic); err != nil {
		return failed(err)
	}
	s.routes.deleteTopic(topic, c.Fields.Get("clusterName"))
	return success()
}

// deleteTopic drops topic from the brokers of cluster, or of all if that is "".
func (r *routes) deleteTopic(topic, cluster string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	var brokers []string
	for brokerName := range r.topics[topic] {
		if cluster == "" || r.groups[brokerName].cluster == cluster {
			brokers = append(brokers, brokerName)
		}
	}
	for _, brokerName := range brokers {
		r.dropEntry(topic, brokerName)
	}
}
