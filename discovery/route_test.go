package discovery

import (
	"errors"
	"reflect"
	"testing"
)

// routes are what a 4.9.7 name server sent: to a 4.9.7 client with quoted keys,
// to client-go with unquoted ones.
var routes = []struct {
	file string
	want TopicRouteData
	same bool // Encode gives the very bytes
}{
	{"v4-route-response.hex", TopicRouteData{
		BrokerDatas:       []BrokerData{{BrokerAddrs: map[int64]string{0: "127.0.0.1:20911"}, BrokerName: "broker-a", Cluster: "DefaultCluster"}},
		FilterServerTable: map[string][]string{},
		QueueDatas:        []QueueData{{BrokerName: "broker-a", Perm: 6, ReadQueueNums: 4, WriteQueueNums: 4}},
	}, true},
	{"go-route-response-unquoted.hex", TopicRouteData{
		BrokerDatas:       []BrokerData{{BrokerAddrs: map[int64]string{0: "127.0.0.1:20911"}, BrokerName: "broker-a", Cluster: "DefaultCluster"}},
		FilterServerTable: map[string][]string{},
		QueueDatas:        []QueueData{{BrokerName: "broker-a", Perm: 7, ReadQueueNums: 8, WriteQueueNums: 8}},
	}, false},
}

func TestDecodeRouteGolden(t *testing.T) {
	for _, tt := range routes {
		body := goldenBody(t, tt.file)
		got, err := DecodeRoute(body)
		if err != nil || !reflect.DeepEqual(*got, tt.want) {
			t.Errorf("DecodeRoute(%s) = %+v, %v, want %+v", body, got, err, tt.want)
			continue
		}
		if enc, err := got.Encode(); tt.same && string(enc) != string(body) {
			t.Errorf("Encode gives %s, %v, want %s", enc, err, body)
		}
	}
}

func TestDecodeRouteRefuses(t *testing.T) {
	tests := []struct {
		body string
		err  error
	}{
		{``, ErrJSON},
		{`{"brokerDatas":{}}`, ErrJSON},
		{`{"brokerDatas":[{"brokerAddrs":{"x":"127.0.0.1:1"}}]}`, ErrJSON},
		{`{"brokerDatas":[{"brokerAddrs":{0:"nowhere"}}]}`, ErrAddr},
		{`{"queueDatas":[{"readQueueNums":-1}]}`, ErrJSON},
		{`{"queueDatas":[{"readQueueNums":4294967296}]}`, ErrJSON},
	}
	for _, tt := range tests {
		if got, err := DecodeRoute([]byte(tt.body)); !errors.Is(err, tt.err) {
			t.Errorf("DecodeRoute(%s) = %+v, %v, want %v", tt.body, got, err, tt.err)
		}
	}
}

// The body is what a 4.9.7 name server answers to code 106, even to new clients.
func TestDecodeClusterInfo(t *testing.T) {
	body := `{"brokerAddrTable":{"broker-a":{"brokerAddrs":{0:"127.0.0.1:20911",1:"127.0.0.1:20921"},` +
		`"brokerName":"broker-a","cluster":"DefaultCluster"}},"clusterAddrTable":{"DefaultCluster":["broker-a"]}}`
	want := &ClusterInfo{
		BrokerAddrTable: map[string]BrokerData{"broker-a": {
			BrokerAddrs: map[int64]string{0: "127.0.0.1:20911", 1: "127.0.0.1:20921"},
			BrokerName:  "broker-a", Cluster: "DefaultCluster",
		}},
		ClusterAddrTable: map[string][]string{"DefaultCluster": {"broker-a"}},
	}
	got, err := DecodeClusterInfo([]byte(body))
	if err != nil || !reflect.DeepEqual(got, want) {
		t.Fatalf("DecodeClusterInfo = %+v, %v, want %+v", got, err, want)
	}
	enc, err := got.Encode()
	if err != nil {
		t.Fatal(err)
	}
	if again, err := DecodeClusterInfo(enc); err != nil || !reflect.DeepEqual(again, want) {
		t.Errorf("%s decodes to %+v, %v, want %+v", enc, again, err, want)
	}
	bad := `{"brokerAddrTable":{"b":{"brokerAddrs":{0:"../x"}}}}`
	if _, err := DecodeClusterInfo([]byte(bad)); !errors.Is(err, ErrAddr) {
		t.Errorf("DecodeClusterInfo(%s) gives error %v, want ErrAddr", bad, err)
	}
}

func FuzzDecodeRoute(f *testing.F) {
	for _, r := range routes {
		f.Add(goldenBody(f, r.file))
	}
	f.Fuzz(func(t *testing.T, in []byte) {
		r, err := DecodeRoute(in)
		if err != nil {
			return
		}
		enc, err := r.Encode()
		if err != nil {
			t.Fatalf("%q decodes to %+v, which does not encode: %v", in, r, err)
		}
		again, err := DecodeRoute(enc)
		if err != nil {
			t.Fatalf("%q encodes to %q, which fails with %v", in, enc, err)
		}
		if enc2, err := again.Encode(); string(enc2) != string(enc) {
			t.Errorf("%q encodes to %q, then to %q, %v", in, enc, enc2, err)
		}
	})
}
