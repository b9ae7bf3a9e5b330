package nameserver

import (
	"testing"

	"pairmq/internal/javajson"
	"pairmq/internal/remoting"
	"pairmq/store/table"
)

// A 4.9.7 broker's registration is taken over; the answer to a master has
// neither fields nor body.
func TestGoldenRegistration(t *testing.T) {
	s := newServer(t, Options{})
	resp := s.handle(new(remoting.Conn), golden(t, "v4-register-broker-request.hex"))
	if resp.Code != remoting.RespSuccess || len(resp.Fields) != 0 || resp.Body != nil {
		t.Fatalf("registration gives %+v, want success without fields and body", resp)
	}
	checkCounts(t, s)

	// The name server sent client-go this route of the same broker with its
	// integer keys unquoted; ours are quoted for all.
	want, err := javajson.QuoteKeys(golden(t, "go-route-response-unquoted.hex").Body)
	if err != nil {
		t.Fatal(err)
	}
	if got := ask(s, remoting.ReqGetRouteinfoByTopic, "topic", "TBW102"); string(got.Body) != string(want) {
		t.Errorf("route of TBW102 is %s, want %s", got.Body, want)
	}
}

// The route of a topic is, byte for byte, what a 4.9.7 name server sends.
func TestGoldenRoute(t *testing.T) {
	s := newServer(t, Options{})
	b := newBroker(s, "broker-a", "127.0.0.1:20911")
	b.cluster = "DefaultCluster"
	b.topics = []table.Topic{topic("TopicTest", 6), topic("TBW102", 7)}
	b.mustRegister(t)
	want := golden(t, "v4-route-response.hex")
	for _, how := range []string{"new", "kept"} {
		got := s.handle(new(remoting.Conn), golden(t, "v4-route-request.hex"))
		if got.Code != want.Code || string(got.Body) != string(want.Body) {
			t.Errorf("the %s route is %d, %s, want %d, %s", how, got.Code, got.Body, want.Code, want.Body)
		}
	}
}
