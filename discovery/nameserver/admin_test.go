package nameserver

import (
	"errors"
	"maps"
	"strings"
	"testing"

	"pairmq/discovery"
	"pairmq/internal/remoting"
	"pairmq/store/table"
)

func TestSettings(t *testing.T) {
	var saved KV
	var fail error
	s := newServer(t, Options{MaxKV: 2, Save: func(st *State) error { saved = st.Settings; return fail }})
	kv := func(code int32, namespace, key, value string) remoting.Response {
		return ask(s, code, "namespace", namespace, "key", key, "value", value)
	}
	steps := []struct {
		code                  int32
		namespace, key, value string
		want                  int32
		answer                string // field value, or body
	}{
		{remoting.ReqGetKVConfig, "N", "k", "", remoting.RespQueryNotFound, ""},
		{remoting.ReqGetKvlistByNamespace, "N", "", "", remoting.RespQueryNotFound, ""},
		{remoting.ReqPutKVConfig, "N", "k", "v", remoting.RespSuccess, ""},
		{remoting.ReqPutKVConfig, "N", "k", "w", remoting.RespSuccess, ""},
		{remoting.ReqGetKVConfig, "N", "k", "", remoting.RespSuccess, "w"},
		{remoting.ReqPutKVConfig, "M", "k", "x", remoting.RespSuccess, ""},
		{remoting.ReqPutKVConfig, "M", "third", "x", remoting.RespSystemError, ""},
		{remoting.ReqGetKvlistByNamespace, "N", "", "", remoting.RespSuccess, `{"table":{"k":"w"}}`},
		{remoting.ReqDeleteKVConfig, "N", "k", "", remoting.RespSuccess, ""},
		{remoting.ReqDeleteKVConfig, "N", "k", "", remoting.RespSuccess, ""},
		{remoting.ReqGetKvlistByNamespace, "N", "", "", remoting.RespQueryNotFound, ""},
		{remoting.ReqPutKVConfig, "../x", "k", "v", remoting.RespSystemError, ""},
		{remoting.ReqPutKVConfig, "N", "a/b", "v", remoting.RespSystemError, ""},
		{remoting.ReqPutKVConfig, "N", "", "v", remoting.RespSystemError, ""},
		{remoting.ReqPutKVConfig, "N", "k", strings.Repeat("v", maxValue+1), remoting.RespSystemError, ""},
		{remoting.ReqPutKVConfig, "N", "k", "\xff", remoting.RespSystemError, ""},
	}
	for i, st := range steps {
		resp := kv(st.code, st.namespace, st.key, st.value)
		if got := resp.Fields.Get("value") + string(resp.Body); resp.Code != st.want || got != st.answer {
			t.Errorf("step %d: code %d of %s/%s gives %d, %q (%s), want %d, %q", i, st.code, st.namespace, st.key, resp.Code, got, resp.Remark, st.want, st.answer)
		}
	}
	if len(saved) != 1 || !maps.Equal(saved["M"], map[string]string{"k": "x"}) {
		t.Errorf("saved is %v, want M/k=x alone", saved)
	}

	fail = errors.New("disk is gone")
	if resp := kv(remoting.ReqPutKVConfig, "M", "k", "y"); resp.Code != remoting.RespSystemError {
		t.Errorf("a setting that cannot be saved is answered %d, want 1", resp.Code)
	}
	if got := kv(remoting.ReqGetKVConfig, "M", "k", ""); got.Fields.Get("value") != "x" {
		t.Errorf("after a failed change the value is %q, want x", got.Fields.Get("value"))
	}
}

func TestSettingsAreLoaded(t *testing.T) {
	s := newServer(t, Options{Load: func() (*State, error) { return &State{Settings: KV{"N": {"k": "v"}}}, nil }})
	if got := ask(s, remoting.ReqGetKVConfig, "namespace", "N", "key", "k"); got.Fields.Get("value") != "v" {
		t.Errorf("value is %q, want v", got.Fields.Get("value"))
	}
	newServer(t, Options{Load: func() (*State, error) { return &State{}, nil }})
	broken := errors.New("broken")
	if _, err := New(Options{Load: func() (*State, error) { return nil, broken }}); !errors.Is(err, broken) {
		t.Errorf("New gives %v, want %v", err, broken)
	}
}

func TestOrderSettings(t *testing.T) {
	put := []string{"namespace", orderNamespace, "key", "T", "value", "b:4"}
	for _, enabled := range []bool{false, true} {
		s := newServer(t, Options{OrderMessages: enabled})
		b := newBroker(s, "b", "h1:10911")
		b.mustRegister(t)
		mustRoute(t, s, "T")
		ask(s, remoting.ReqPutKVConfig, put...)
		want := map[bool]string{true: "b:4"}[enabled]
		if got := mustRoute(t, s, "T").OrderTopicConf; got != want {
			t.Errorf("orderMessageEnable=%t: orderTopicConf is %q, want %q", enabled, got, want)
		}
		if got := string(b.mustRegister(t).Body); got != `{"table":{"T":"b:4"}}` {
			t.Errorf("a broker is told %s, want the order settings", got)
		}
	}
}

func TestWritePerm(t *testing.T) {
	s := newServer(t, Options{})
	b := newBroker(s, "b", "h1:10911")
	b.mustRegister(t)
	newBroker(s, "other", "h2:10911").mustRegister(t)
	perms := func() (template, ordinary, other int32) {
		r, q := mustRoute(t, s, "TBW102"), mustRoute(t, s, "T")
		return r.QueueDatas[0].Perm, q.QueueDatas[0].Perm, q.QueueDatas[1].Perm
	}
	check := func(when string, template, ordinary int32) {
		t.Helper()
		if x, y, z := perms(); x != template || y != ordinary || z != 6 {
			t.Errorf("%s: perms are %d, %d and the other broker's %d, want %d, %d, 6", when, x, y, z, template, ordinary)
		}
	}
	if got := ask(s, remoting.ReqWipeWritePermOfBroker, "brokerName", "b").Fields.Get("wipeTopicCount"); got != "2" {
		t.Errorf("wipeTopicCount is %q, want 2", got)
	}
	check("wiped", 5, 4)
	b.mustRegister(t)
	check("registered with the same version", 5, 4)
	if got := ask(s, remoting.ReqAddWritePermOfBroker, "brokerName", "b").Fields.Get("addTopicCount"); got != "2" {
		t.Errorf("addTopicCount is %q, want 2", got)
	}
	check("added", 7, 6)
	ask(s, remoting.ReqWipeWritePermOfBroker, "brokerName", "b")
	b.version = b.version.Next(2)
	b.mustRegister(t)
	check("registered with a new version", 7, 6)
	if got := ask(s, remoting.ReqWipeWritePermOfBroker, "brokerName", "../x"); got.Code != remoting.RespSystemError {
		t.Errorf("brokerName ../x is answered %d, want 1", got.Code)
	}
}

func TestDeleteTopic(t *testing.T) {
	s := newServer(t, Options{})
	a, b := newBroker(s, "a", "h1:10911"), newBroker(s, "b", "h2:10911")
	b.cluster = "D"
	a.mustRegister(t)
	b.mustRegister(t)
	ask(s, remoting.ReqDeleteTopicInNamesrv, "topic", "T", "clusterName", "C")
	if got := mustRoute(t, s, "T").QueueDatas; len(got) != 1 || got[0].BrokerName != "b" {
		t.Errorf("after the deletion in C, T is on %v, want b alone", got)
	}
	ask(s, remoting.ReqDeleteTopicInNamesrv, "topic", "T")
	if routeOf(t, s, "T") != nil {
		t.Error("T has a route after its deletion")
	}
	checkCounts(t, s)
	if got := ask(s, remoting.ReqDeleteTopicInNamesrv, "topic", "../x"); got.Code != remoting.RespSystemError {
		t.Errorf("topic ../x is answered %d, want 1", got.Code)
	}
}

func TestLists(t *testing.T) {
	s := newServer(t, Options{})
	empty := ask(s, remoting.ReqGetAllTopicListFromNameserver)
	if string(empty.Body) != `{"topicList":[]}` {
		t.Errorf("no topics are listed as %s", empty.Body)
	}
	a, b := newBroker(s, "a", "h1:10911"), newBroker(s, "b", "h2:10911")
	unit, sub := topic("Unit", 6), topic("Sub", 6)
	unit.SysFlag, sub.SysFlag = unitFlag|unitSubFlag, unitSubFlag
	b.cluster, b.topics = "D", []table.Topic{topic("T", 6), unit, sub}
	a.mustRegister(t)
	b.mustRegister(t)
	tests := []struct {
		code int32
		want string
	}{
		{remoting.ReqGetAllTopicListFromNameserver, `{"topicList":["Sub","T","TBW102","Unit"]}`},
		{remoting.ReqGetTopicsByCluster, `{"topicList":["T","TBW102"]}`},
		{remoting.ReqGetUnitTopicList, `{"topicList":["Unit"]}`},
		{remoting.ReqGetHasUnitSubTopicList, `{"topicList":["Sub","Unit"]}`},
		{remoting.ReqGetHasUnitSubUnunitTopicList, `{"topicList":["Sub"]}`},
		{remoting.ReqGetBrokerClusterInfo, `{"brokerAddrTable":{"a":{"brokerAddrs":{"0":"h1:10911"},"brokerName":"a","cluster":"C"},` +
			`"b":{"brokerAddrs":{"0":"h2:10911"},"brokerName":"b","cluster":"D"}},"clusterAddrTable":{"C":["a"],"D":["b"]}}`},
		{remoting.ReqGetBrokerMemberGroup, `{"brokerMemberGroup":{"brokerAddrs":{"0":"h1:10911"},"brokerName":"a","cluster":"C"}}`},
		{remoting.ReqGetNamesrvConfig, "orderMessageEnable=false\ndeleteTopicWithBrokerRegistration=false\nscanNotActiveBrokerInterval=5000\n"},
	}
	for _, tt := range tests {
		resp := ask(s, tt.code, "cluster", "C", "clusterName", "C", "brokerName", "a")
		if resp.Code != remoting.RespSuccess || string(resp.Body) != tt.want {
			t.Errorf("code %d gives %d, %s, want %s", tt.code, resp.Code, resp.Body, tt.want)
		}
	}
	s.Closed(b.conn)
	if got := ask(s, remoting.ReqGetSystemTopicListFromNs); string(got.Body) != `{"brokerAddr":"h1:10911","topicList":["C","a"]}` {
		t.Errorf("system topics are %s", got.Body)
	}
	if got := ask(s, remoting.ReqGetBrokerMemberGroup, "clusterName", "C", "brokerName", "x"); string(got.Body) !=
		`{"brokerMemberGroup":{"brokerAddrs":{},"brokerName":"x","cluster":"C"}}` {
		t.Errorf("an unknown group is %s", got.Body)
	}
}

func TestRefusals(t *testing.T) {
	s := newServer(t, Options{})
	tests := []struct {
		code, want int32
		remark     string
	}{
		{10, remoting.RespRequestCodeNotSupported, " request type 10 not supported"},
		{-1, remoting.RespRequestCodeNotSupported, " request type -1 not supported"},
		{remoting.ReqUpdateNamesrvConfig, remoting.RespInvalidParameter, "not changed: a key is true or false, and scanNotActiveBrokerInterval 1000 to 60000 ms"},
		{remoting.ReqGetRouteinfoByTopic, remoting.RespSystemError, "topic is missing"},
		{remoting.ReqGetTopicsByCluster, remoting.RespSystemError, "cluster is missing"},
	}
	for _, tt := range tests {
		if got := ask(s, tt.code); got.Code != tt.want || got.Remark != tt.remark {
			t.Errorf("code %d is answered %d, %q, want %d, %q", tt.code, got.Code, got.Remark, tt.want, tt.remark)
		}
	}
	if got := ask(s, remoting.ReqGetRouteinfoByTopic, "topic", "../x"); got.Code != remoting.RespTopicNotExist {
		t.Errorf("the route of ../x is answered %d, want 17", got.Code)
	}
	long := ask(s, remoting.ReqGetRouteinfoByTopic, "topic", strings.Repeat("x", 10000))
	if len(long.Remark) > 400 {
		t.Errorf("the remark for a long topic has %d bytes", len(long.Remark))
	}
}

// TestRegisterTopic: 217 adds shares of registered brokers, all or none.
func TestRegisterTopic(t *testing.T) {
	s := newServer(t, Options{MaxTopics: 5})
	newBroker(s, "a", "h1:10911").mustRegister(t)
	newBroker(s, "b", "h2:10911").mustRegister(t)
	register := func(topic string, shares ...discovery.QueueData) remoting.Response {
		t.Helper()
		body, err := (&discovery.TopicRouteData{QueueDatas: shares}).Encode()
		if err != nil {
			t.Fatal(err)
		}
		return s.handle(new(remoting.Conn), &remoting.Command{Code: remoting.ReqRegisterTopicInNamesrv, Fields: remoting.Fields{{Key: "topic", Value: topic}}, Body: body})
	}
	share := func(broker string, perm int32) discovery.QueueData {
		return discovery.QueueData{BrokerName: broker, Perm: perm, ReadQueueNums: 3, WriteQueueNums: 3}
	}
	for _, bad := range []struct {
		topic  string
		shares []discovery.QueueData
	}{
		{"New", []discovery.QueueData{share("a", 6), share("nobody", 6)}},
		{"New", []discovery.QueueData{share("a", 6), share("b", 99)}},
		{"no/name", []discovery.QueueData{share("a", 6)}},
		{"New", []discovery.QueueData{share("a", 6), share("b", 6)}}, // one too many: each broker has two
	} {
		if resp := register(bad.topic, bad.shares...); resp.Code != remoting.RespSystemError {
			t.Errorf("%s, %+v is answered %d %q", bad.topic, bad.shares, resp.Code, resp.Remark)
		}
		if routeOf(t, s, "New") != nil {
			t.Errorf("%+v left something behind", bad.shares)
		}
	}
	if resp := register("New", share("b", 4)); resp.Code != remoting.RespSuccess {
		t.Fatalf("answered %d %q", resp.Code, resp.Remark)
	}
	if got := mustRoute(t, s, "New").QueueDatas; len(got) != 1 || got[0] != share("b", 4) {
		t.Errorf("the route has %+v", got)
	}
	checkCounts(t, s)
}
