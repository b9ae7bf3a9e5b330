package loadgen

import (
	"context"
	"errors"
	"net"
	"testing"

	"pairmq/internal/remoting"
)

// startServer serves requests with h on loopback until the test ends.
func startServer(t *testing.T, h remoting.HandlerFunc) Target {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := remoting.NewServer(remoting.ServerOptions{Handler: h})
	done := make(chan error, 1)
	go func() { done <- s.Serve(context.Background(), ln) }()
	t.Cleanup(func() {
		if err := errors.Join(s.Shutdown(context.Background()), <-done); err != nil {
			t.Error(err)
		}
	})
	return Target{Addr: ln.Addr().String()}
}

func TestTopicsAreMadeCountedAndDeleted(t *testing.T) {
	topics := make(map[string]int64) // name to queues; the handler runs for one request at a time
	target := startServer(t, func(r *remoting.Request) {
		topic := r.Fields.Get("topic")
		queueID, _ := r.Fields.Int64("queueId")
		queues, known := topics[topic]
		resp := &remoting.Response{}
		switch {
		case r.Code == remoting.ReqUpdateAndCreateTopic && r.Fields.Get("perm") == "6":
			topics[topic], _ = r.Fields.Int64("writeQueueNums")
		case !known || queueID >= queues:
			resp.Code, resp.Remark = remoting.RespTopicNotExist, "no topic "+topic
		case r.Code == remoting.ReqDeleteTopicInBroker:
			delete(topics, topic)
		case r.Code == remoting.ReqGetMaxOffset:
			resp.Fields.AddInt("offset", 100+queueID)
		case r.Code == remoting.ReqGetMinOffset:
			resp.Fields.AddInt("offset", 10)
		}
		r.Reply(resp)
	})
	if err := CreateTopic(t.Context(), target, "T", 3); err != nil {
		t.Fatal(err)
	}
	if n, err := Stored(t.Context(), target, "T", 3); n != 273 || err != nil {
		t.Errorf("Stored = %d, %v; want 90 + 91 + 92 = 273", n, err)
	}
	if err := DeleteTopic(t.Context(), target, "T"); err != nil {
		t.Error(err)
	}
	if _, err := Stored(t.Context(), target, "T", 3); !errors.Is(err, ErrRefused) {
		t.Errorf("Stored of a deleted topic fails with %v, want ErrRefused", err)
	}
	if err := CreateTopic(t.Context(), target, "a b", 3); !errors.Is(err, ErrOptions) {
		t.Errorf("CreateTopic of %q fails with %v, want ErrOptions", "a b", err)
	}
	if err := CreateTopic(t.Context(), Target{Addr: "192.0.2.1:10911"}, "T", 3); !errors.Is(err, ErrRemote) {
		t.Errorf("CreateTopic on another machine fails with %v, want ErrRemote", err)
	}
}
