package nameserver

import (
	"context"
	"net"
	"slices"
	"sync"
	"testing"

	"pairmq/discovery"
	"pairmq/internal/remoting"
	"pairmq/store/table"
)

// listen serves s on a loopback port and returns its address, and a channel on
// which each closed connection is told.
func listen(t *testing.T, s *Server) (addr string, closed chan struct{}) {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	closed = make(chan struct{}, 16)
	rs := remoting.NewServer(remoting.ServerOptions{Handler: s, OnClose: func(c *remoting.Conn) {
		s.Closed(c)
		closed <- struct{}{}
	}})
	ctx, cancel := context.WithCancel(context.Background())
	var wg sync.WaitGroup
	wg.Go(func() {
		if err := rs.Serve(ctx, ln); err != nil {
			t.Errorf("Serve gives %v", err)
		}
	})
	t.Cleanup(func() {
		if err := rs.Shutdown(ctx); err != nil {
			t.Errorf("Shutdown gives %v", err)
		}
		cancel()
		wg.Wait()
	})
	return ln.Addr().String(), closed
}

// startBroker registers a broker with the name server at addr, waits until that
// knows it, and returns its client and how to stop it.
func startBroker(t *testing.T, opts discovery.RegistrarOptions, topics []table.Topic) (*remoting.Client, func()) {
	t.Helper()
	opts.Client = remoting.NewClient(remoting.ClientOptions{})
	opts.Cluster, opts.BrokerName, opts.HAServerAddr = "C", "b", "192.0.2.1:10912"
	opts.Topics = func() ([]table.Topic, table.DataVersion) { return topics, table.DataVersion{Timestamp: 1} }
	r, err := discovery.NewRegistrar(opts)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	var wg sync.WaitGroup
	wg.Go(func() {
		if err := r.Run(ctx); err != nil {
			t.Errorf("Run gives %v", err)
		}
	})
	t.Cleanup(func() { _ = opts.Client.Close() })
	if err := r.RegisterNow(t.Context()); err != nil {
		t.Fatalf("RegisterNow gives %v", err)
	}
	return opts.Client, func() { cancel(); wg.Wait() }
}

// Registrar, Picker and Server work together over TCP: a master with a single
// topic, its slave, and a client.
func TestTogether(t *testing.T) {
	s := newServer(t, Options{})
	addr, closed := listen(t, s)
	servers := []string{addr}
	masters := make(chan string, 1)

	master, stopMaster := startBroker(t, discovery.RegistrarOptions{
		Servers: servers, BrokerAddr: "192.0.2.1:10911",
	}, []table.Topic{topic("T", 6)})
	_, stopSlave := startBroker(t, discovery.RegistrarOptions{
		Servers: servers, BrokerAddr: "192.0.2.2:10911", BrokerID: 1,
		OnMaster: func(addr, ha string) { masters <- addr + " " + ha },
	}, nil)
	if got := <-masters; got != "192.0.2.1:10911 192.0.2.1:10912" {
		t.Errorf("the slave's master is %s", got)
	}

	client := remoting.NewClient(remoting.ClientOptions{})
	defer client.Close()
	p, err := discovery.NewPicker(discovery.PickerOptions{Servers: servers, Client: client})
	if err != nil {
		t.Fatal(err)
	}
	addrs := func() []string {
		route, err := p.Route(t.Context(), "T")
		if err != nil {
			return []string{err.Error()}
		}
		b := route.BrokerDatas[0].BrokerAddrs
		return []string{b[0], b[1]}
	}
	if got, want := addrs(), []string{"192.0.2.1:10911", "192.0.2.2:10911"}; !slices.Equal(got, want) {
		t.Errorf("T is at %q, want %q", got, want)
	}
	stopSlave() // unregisters
	if got, want := addrs(), []string{"192.0.2.1:10911", ""}; !slices.Equal(got, want) {
		t.Errorf("without slave T is at %q, want %q", got, want)
	}
	_ = master.Close() // as if the power had gone: the connection ends
	<-closed
	if got, want := addrs(), []string{"discovery: no route for topic T"}; !slices.Equal(got, want) {
		t.Errorf("without master T is at %q, want %q", got, want)
	}
	stopMaster()
}
