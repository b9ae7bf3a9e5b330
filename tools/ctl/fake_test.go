package main

import (
	"bytes"
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"strconv"
	"sync"
	"testing"

	"pairmq/discovery"
	"pairmq/internal/remoting"
	"pairmq/store/record"
	"pairmq/store/table"
)

// A fake is a name server and one broker, "box" in the cluster "Lan", in one
// server: enough of both for every command.
type fake struct {
	addr string

	mu      sync.Mutex // guards the rest
	topics  map[string]table.Topic
	groups  map[string]table.Group
	queues  map[string][]record.Message // by "topic/queueId"
	offsets map[string]int64            // by "group/topic/queueId"
	online  map[string]string           // group to client id
	held    []*remoting.Request         // pulls that wait
	codes   []int32                     // answers for the next sends; 0 stores
	refuse  map[int32]int32             // request code to response code
	others  map[string]discovery.BrokerData
	firstQ  int64             // the first queue offset that is there
	sends   []remoting.Fields // of each send that was stored
	recent  string            // what it has recorded
	heir    string            // who is master after it
	role    string            // what it is
}

// storeTime is when each message is stored, plus its queue offset in ms.
const storeTime int64 = 1_795_404_113_251

func startFake(t *testing.T) *fake {
	t.Helper()
	return startFakeOf(t, remoting.ServerOptions{})
}

// startSecureFake is startFake of one that takes nothing but TLS.
func startSecureFake(t *testing.T, config func() *tls.Config) *fake {
	t.Helper()
	return startFakeOf(t, remoting.ServerOptions{TLS: remoting.TLSEnforcing, TLSConfig: config})
}

func startFakeOf(t *testing.T, o remoting.ServerOptions) *fake {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	f := &fake{
		addr: ln.Addr().String(), topics: make(map[string]table.Topic), groups: make(map[string]table.Group),
		queues: make(map[string][]record.Message), offsets: make(map[string]int64), online: make(map[string]string),
		refuse: make(map[int32]int32), others: make(map[string]discovery.BrokerData),
	}
	f.topics[templateTopic] = table.Topic{Name: templateTopic, ReadQueueNums: 8, WriteQueueNums: 8, Perm: 7}
	o.Handler = remoting.HandlerFunc(f.serve)
	s := remoting.NewServer(o)
	done := make(chan error, 1)
	go func() { done <- s.Serve(context.Background(), ln) }()
	t.Cleanup(func() {
		f.release()
		if err := errors.Join(s.Shutdown(context.Background()), <-done); err != nil {
			t.Error(err)
		}
	})
	return f
}

// addTopic makes a topic with two queues and some messages in each.
func (f *fake) addTopic(name string, perQueue int) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.topics[name] = table.Topic{Name: name, ReadQueueNums: 2, WriteQueueNums: 2, Perm: 6, FilterType: "SINGLE_TAG"}
	for q := range int32(2) {
		for i := range perQueue {
			tag := []string{"even", "odd"}[i%2]
			f.put(name, q, fmt.Appendf(nil, "%s %d/%d", name, q, i), record.AppendProperty("", record.PropertyTags, tag))
		}
	}
}

func (f *fake) put(topic string, q int32, body []byte, props string) int64 {
	key := fmt.Sprintf("%s/%d", topic, q)
	offset := int64(len(f.queues[key]))
	f.queues[key] = append(f.queues[key], record.Message{
		Topic: topic, QueueID: q, QueueOffset: offset, PhyOffset: 1000 * offset, StoreTimestamp: storeTime + offset, BornTimestamp: storeTime,
		BornHost: netip.MustParseAddrPort("192.0.2.7:4711"), StoreHost: netip.MustParseAddrPort(f.addr), Body: bytes.Clone(body), Properties: props,
	})
	return offset
}

func (f *fake) serve(r *remoting.Request) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if code, ok := f.refuse[r.Code]; ok {
		r.ReplyError(code, "told to\nrefuse")
		return
	}
	if !f.lookUp(r) && !f.send(r) && !f.pull(r) && !f.administer(r) {
		r.ReplyError(remoting.RespRequestCodeNotSupported, "not of this fake")
	}
}

func reply(r *remoting.Request, v any) bool {
	body, err := json.Marshal(v)
	if err != nil {
		panic(err)
	}
	r.Reply(&remoting.Response{Body: body})
	return true
}

func refuse(r *remoting.Request, code int32) bool { r.ReplyError(code, "no"); return true }

func replyOffset(r *remoting.Request, n int64) bool {
	r.Reply(&remoting.Response{Fields: remoting.Fields{{Key: "offset", Value: strconv.FormatInt(n, 10)}}})
	return true
}

// lookUp serves what a name server does, and the queues' offsets.
func (f *fake) lookUp(r *remoting.Request) bool {
	topic := r.Fields.Get("topic")
	queue := topic + "/" + r.Fields.Get("queueId")
	self := discovery.BrokerData{BrokerName: "box", Cluster: "Lan", BrokerAddrs: map[int64]string{0: f.addr}}
	switch r.Code {
	case remoting.ReqGetRouteinfoByTopic:
		t, ok := f.topics[topic]
		if !ok {
			return refuse(r, remoting.RespTopicNotExist)
		}
		return reply(r, discovery.TopicRouteData{
			BrokerDatas: []discovery.BrokerData{self},
			QueueDatas:  []discovery.QueueData{{BrokerName: "box", Perm: t.Perm, ReadQueueNums: t.ReadQueueNums, WriteQueueNums: t.WriteQueueNums}},
		})
	case remoting.ReqGetBrokerClusterInfo:
		all := map[string]discovery.BrokerData{"box": self}
		for name, b := range f.others {
			all[name] = b
		}
		return reply(r, discovery.ClusterInfo{BrokerAddrTable: all})
	case remoting.ReqGetAllTopicListFromNameserver:
		names := []string{"box", "Lan", "rmq_sys_trace", "%RETRY%G"}
		for n := range f.topics {
			names = append(names, n)
		}
		return reply(r, map[string][]string{"topicList": names})
	case remoting.ReqGetMaxOffset:
		return replyOffset(r, int64(len(f.queues[queue])))
	case remoting.ReqGetMinOffset:
		return replyOffset(r, min(f.firstQ, int64(len(f.queues[queue]))))
	case remoting.ReqSearchOffsetByTimestamp:
		at, _ := r.Fields.Int64("timestamp")
		return replyOffset(r, min(max(at-storeTime, 0), int64(len(f.queues[queue]))))
	}
	return false
}

// send serves sends, 310 alone.
func (f *fake) send(r *remoting.Request) bool {
	if r.Code != remoting.ReqSendMessageV2 {
		return false
	}
	code := int32(0)
	if len(f.codes) > 0 {
		code, f.codes = f.codes[0], f.codes[1:]
	}
	if code != 0 && (code < remoting.RespFlushDiskTimeout || code > remoting.RespFlushSlaveTimeout) {
		return refuse(r, code)
	}
	topic := r.Fields.Get("b")
	if _, ok := f.topics[topic]; !ok {
		if r.Fields.Get("c") != templateTopic {
			return refuse(r, remoting.RespTopicNotExist)
		}
		f.topics[topic] = table.Topic{Name: topic, ReadQueueNums: 4, WriteQueueNums: 4, Perm: 6}
	}
	q, _ := r.Fields.Int32("e")
	f.sends = append(f.sends, r.Fields)
	offset := f.put(topic, max(q, 0), r.Body, r.Fields.Get("i"))
	resp := &remoting.Response{Code: code, Fields: remoting.Fields{{Key: "msgId", Value: "7F000001"}}}
	resp.Fields.AddInt("queueId", int64(max(q, 0)))
	resp.Fields.AddInt("queueOffset", offset)
	r.Reply(resp)
	f.wake()
	return true
}

// pull serves pulls and offsets of groups.
func (f *fake) pull(r *remoting.Request) bool {
	group := r.Fields.Get("consumerGroup") + "/" + r.Fields.Get("topic") + "/" + r.Fields.Get("queueId")
	switch r.Code {
	case remoting.ReqQueryConsumerOffset:
		n, ok := f.offsets[group]
		if !ok {
			return refuse(r, remoting.RespQueryNotFound)
		}
		return replyOffset(r, n)
	case remoting.ReqUpdateConsumerOffset:
		f.offsets[group], _ = r.Fields.Int64("commitOffset")
		r.Reply(&remoting.Response{})
		return true
	case remoting.ReqPullMessage:
		if !f.give(r, true) {
			r.Body = nil
			f.held = append(f.held, r)
		}
		return true
	}
	return false
}

// give answers a pull, two messages at a time, unless it may wait and there is nothing.
func (f *fake) give(r *remoting.Request, hold bool) bool {
	all := f.queues[r.Fields.Get("topic")+"/"+r.Fields.Get("queueId")]
	at, _ := r.Fields.Int64("queueOffset")
	flag, _ := r.Fields.Int32("sysFlag")
	end := int64(len(all))
	resp := &remoting.Response{}
	switch {
	case at > end:
		resp.Code, at = remoting.RespPullOffsetMoved, end
	case at < f.firstQ:
		resp.Code, at = remoting.RespPullOffsetMoved, f.firstQ
	case at == end && hold && flag&pullSuspend != 0:
		return false
	case at == end:
		resp.Code = remoting.RespPullNotFound
	default:
		for range min(2, end-at) {
			resp.Body = record.Append(resp.Body, &all[at])
			at++
		}
	}
	resp.Fields.AddInt("nextBeginOffset", at)
	r.Reply(resp)
	return true
}

// wake answers pulls for which there is something now.
func (f *fake) wake() {
	still := f.held[:0]
	for _, r := range f.held {
		if !f.give(r, true) {
			still = append(still, r)
		}
	}
	f.held = still
}

// release answers all pulls that wait.
func (f *fake) release() {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, r := range f.held {
		f.give(r, false)
	}
	f.held = nil
}
