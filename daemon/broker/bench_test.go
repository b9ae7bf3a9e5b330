package broker

import (
	"testing"

	"pairmq/internal/remoting"
	"pairmq/store"
	"pairmq/store/record"
)

// A quickStore answers at once with what it has, so that what is measured is
// the broker's own work.
type quickStore struct {
	*fakeStore
	result store.Result
}

func (s *quickStore) Put(ms []record.Message, done func(error)) error {
	for i := range ms {
		ms[i].StoreHost, ms[i].PhyOffset, ms[i].QueueOffset = fakeHost, 1<<33, 1<<20
	}
	done(nil)
	return nil
}

func (s *quickStore) Get(string, int32, int64, int, int, store.Filter) (store.Result, error) {
	return s.result, nil
}

func (s *quickStore) GetWithin(_ string, _ int32, _ int64, _, _ int, _ store.Filter, room store.Room) (store.Result, error) {
	return s.result, room.Reserve(len(s.result.Body))
}

// served calls f with a request as a connection's goroutine would. The request
// may be served again and again: only its first answer leaves.
func served(tb testing.TB, cmd *remoting.Command, f func(b *Broker, st *quickStore, req *remoting.Request)) {
	tb.Helper()
	st := &quickStore{fakeStore: newFakeStore()}
	st.topics["TopicTest"] = groupTopic("TopicTest", 4)
	b, err := New(Options{Store: st, Name: "broker-a"})
	if err != nil {
		tb.Fatal(err)
	}
	ln := newPipeListener()
	done := make(chan struct{})
	srv := remoting.NewServer(remoting.ServerOptions{Handler: remoting.HandlerFunc(func(req *remoting.Request) {
		f(b, st, req)
		close(done)
	})})
	go func() { _ = srv.Serve(tb.Context(), ln) }()
	near := ln.connect("192.0.2.7:40404")
	go func() { _, _ = near.Write(remoting.AppendCommand(nil, cmd)) }()
	<-done
	_ = near.Close()
}

func record1K() []byte {
	m := record.Message{Topic: "TopicTest", Body: make([]byte, 1024), BornHost: fakeHost, StoreHost: fakeHost}
	return record.Append(nil, &m)
}

func BenchmarkSend(b *testing.B) {
	for _, name := range []string{"v4-send-v2-request", "v4-send-batch-request"} {
		b.Run(name, func(b *testing.B) {
			served(b, golden(b, name), func(br *Broker, _ *quickStore, req *remoting.Request) {
				b.ReportAllocs()
				for b.Loop() {
					br.Serve(req)
				}
			})
		})
	}
}

func BenchmarkPull(b *testing.B) {
	served(b, golden(b, "v5-lite-pull-request"), func(br *Broker, st *quickStore, req *remoting.Request) {
		st.result = store.Result{Status: store.Found, NextBeginOffset: 1 << 20, MinOffset: 1 << 10, MaxOffset: 1 << 21, Count: 1, Body: record1K()}
		b.ReportAllocs()
		for b.Loop() {
			br.Serve(req)
		}
	})
}

// BenchmarkFilter is what a pull does with each record that an SQL92 subscription may
// want: it parses the record's bytes, as they are in the log, and evaluates the
// expression on their 8 properties, of which the client set four.
func BenchmarkFilter(b *testing.B) {
	const expression = "(region = 'eu' AND price BETWEEN 10 AND 20) OR tag IN ('a','b','c')"
	f, err := (&Broker{clients: &clients{expressions: newExpressions(func() bool { return true })}}).filterBy("G", "TopicTest", "SQL92", expression)
	if err != nil {
		b.Fatal(err)
	}
	filter := f.(store.PropertyFilter)
	for _, tt := range []struct {
		name, region, price, tag string
		want                     bool
	}{
		{"by its first half", "eu", "14", "x", true},
		{"by its last word", "us", "14", "c", true},
		{"not at all", "eu", "99", "x", false},
	} {
		b.Run(tt.name, func(b *testing.B) {
			m := record.Message{Topic: "TopicTest", Body: make([]byte, 128), BornHost: fakeHost, StoreHost: fakeHost}
			for _, p := range [][2]string{
				{"KEYS", "order-20417"}, {"region", tt.region}, {"price", tt.price}, {"tag", tt.tag},
				{"UNIQ_KEY", "AC110001269451E4A4E18B4AAC270000"}, {"CLUSTER", "DefaultCluster"}, {"WAIT", "true"}, {"TAGS", "TagA"},
			} {
				m.Properties = record.AppendProperty(m.Properties, p[0], p[1])
			}
			bytes := record.Append(nil, &m)
			b.ReportAllocs()
			for b.Loop() {
				v, err := record.Parse(bytes, record.Limits{})
				if err != nil || filter.MatchProperties(v.Properties()) != tt.want {
					b.Fatalf("the filter does not say %v, or %v", tt.want, err)
				}
			}
		})
	}
}

// BenchmarkHoldAndWake is a pull that is held and the arrival that wakes it.
func BenchmarkHoldAndWake(b *testing.B) {
	p := newLongPoll(20_000)
	for i := range 10_000 {
		p.add(&heldPull{reading: reading{topic: "T", queueID: int32(i)}})
	}
	arrivals := []store.Arrival{{Topic: "T", QueueID: 77}}
	b.ReportAllocs()
	for b.Loop() {
		p.arrived(arrivals)
		h := p.next()
		p.leave(&h.place)
		p.add(h)
	}
}

// BenchmarkHoldWhereAllIsTaken is a pull that comes where 64 addresses have all places in one
// queue, and has one of them give up its own.
func BenchmarkHoldWhereAllIsTaken(b *testing.B) {
	p := newLongPoll(20_000)
	hold := func(i int) { p.add(&heldPull{reading: reading{topic: "T"}, from: addressOf(i % 64)}) }
	for i := range 20_000 {
		hold(i)
	}
	b.ReportAllocs()
	for b.Loop() {
		h := &heldPull{reading: reading{topic: "T"}, from: addressOf(64)}
		if kept, _ := p.add(h); !kept {
			b.Fatal("it was not held")
		}
		ended := p.next()
		p.leave(&ended.place)
		p.take(h)
		p.leave(&h.place)
		p.add(ended)
	}
}
