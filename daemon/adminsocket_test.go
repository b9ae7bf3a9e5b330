package main

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"pairmq/daemon/config"
	"pairmq/internal/remoting"
)

// atSocket has d listen at a socket of its own, and returns its path and a client of it.
func (d *daemonUnderTest) atSocket() (path string, c *remoting.Client) {
	d.t.Helper()
	dir, err := os.MkdirTemp("", "sock") // t.TempDir's may be too long for a socket
	if err != nil {
		d.t.Fatal(err)
	}
	path = filepath.Join(dir, "admin.sock")
	d.settings = append(d.settings, "adminSocket="+path)
	c = clientOf(path)
	d.t.Cleanup(func() { c.Close(); os.RemoveAll(dir) })
	return path, c
}

func clientOf(path string) *remoting.Client {
	return remoting.NewClient(remoting.ClientOptions{Dial: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, "unix", path)
	}})
}

// asked asks over a socket until the answer is not that the broker does not serve.
func (d *daemonUnderTest) overSocket(c *remoting.Client, req *remoting.Command) (resp *remoting.Command) {
	d.t.Helper()
	eventually(d.t, "an answer over the socket", func() (yes bool) {
		var err error
		resp, err = c.Call(d.t.Context(), "socket", req)
		return err == nil && resp.Code != remoting.RespServiceNotAvailable
	})
	return resp
}

// TestTheAdminSocket asks what only this host may, of broker and name server, before and
// after the broker changes its role, and sends and reads a message.
func TestTheAdminSocket(t *testing.T) {
	d := newDaemon(t)
	path, c := d.atSocket()
	d.start()
	d.routed("TBW102")
	if r := d.overSocket(c, &remoting.Command{Code: remoting.ReqGetGoroutines}); r.Code != remoting.RespSuccess || !strings.Contains(string(r.Body), "adminSocket") {
		t.Errorf("goroutines: %d %q %.100q", r.Code, r.Remark, r.Body)
	}
	for _, code := range []int32{remoting.ReqGetBrokerConfig, remoting.ReqGetBrokerClusterInfo, remoting.ReqGetAllTopicListFromNameserver, remoting.ReqGetRecent} {
		if r := d.overSocket(c, &remoting.Command{Code: code}); r.Code != remoting.RespSuccess && code != remoting.ReqGetRecent || r.Code == remoting.RespNoPermission {
			t.Errorf("%s is answered %d %q", remoting.RequestName(code), r.Code, r.Remark)
		}
	}
	if r := d.overSocket(c, &remoting.Command{Code: 4711}); r.Code != remoting.RespRequestCodeNotSupported {
		t.Errorf("an unknown request is answered %d", r.Code)
	}
	sendOverSocket := func(n string) {
		t.Helper()
		r := d.overSocket(c, &remoting.Command{Code: remoting.ReqSendMessageV2, Body: []byte("over the socket " + n), Fields: remoting.Fields{
			{Key: "a", Value: "P"}, {Key: "b", Value: "Orders"}, {Key: "c", Value: "TBW102"}, {Key: "d", Value: "4"}, {Key: "e", Value: "0"},
			{Key: "f", Value: "0"}, {Key: "g", Value: "0"}, {Key: "h", Value: "0"}, {Key: "i", Value: ""}, {Key: "j", Value: "0"}}})
		if r.Code != remoting.RespSuccess {
			t.Errorf("a message over the socket is answered %d %q", r.Code, r.Remark)
		}
	}
	sendOverSocket("1")
	if r := d.overSocket(c, &remoting.Command{Code: remoting.ReqDemoteBroker, Fields: remoting.Fields{{Key: "force", Value: "true"}}}); r.Code != remoting.RespSuccess {
		t.Fatalf("a demotion over the socket is answered %d %q", r.Code, r.Remark)
	}
	eventually(t, "it is a slave, by the socket", func() bool {
		return strings.Contains(string(d.overSocket(c, &remoting.Command{Code: remoting.ReqGetBrokerRuntimeInfo}).Body), `"brokerRole":"SLAVE"`)
	})
	if r := d.overSocket(c, &remoting.Command{Code: remoting.ReqPromoteBroker, Fields: remoting.Fields{{Key: "force", Value: "true"}}}); r.Code != remoting.RespSuccess {
		t.Fatalf("a promotion over the socket is answered %d %q", r.Code, r.Remark)
	}
	eventually(t, "it is a master again, by the socket", func() bool {
		return strings.Contains(string(d.overSocket(c, &remoting.Command{Code: remoting.ReqGetBrokerRuntimeInfo}).Body), `"brokerRole":"ASYNC_MASTER"`)
	})
	sendOverSocket("2")
	if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o660 {
		t.Errorf("the socket has %v, %v; want 0660", info.Mode(), err)
	}
	if err := d.stop(); err != nil {
		t.Error(err)
	}
	if _, err := os.Stat(path); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("after a stop the socket is there: %v", err)
	}
}

// TestTheCommandLineUsesTheSocket of a broker whose ports let nobody in that speaks plain text,
// and with whatever the ports are.
func TestTheCommandLineUsesTheSocket(t *testing.T) {
	for _, names := range []string{"true", "false"} {
		d := newDaemon(t)
		path, c := d.atSocket()
		d.settings = append(d.settings, "enableNamesrv="+names, "namesrvAddr="+d.namesrv)
		d.start()
		d.overSocket(c, &remoting.Command{Code: remoting.ReqGetBrokerConfig})
		if names == "true" {
			d.routed("TBW102")
		}
		line := newCommandLine(t, "")
		line.expect(0, "under-test", "status", "--socket", path)
		line.expect(0, "", "topic", "create", "ByHand", "--socket", path)
		line.expect(0, "", "produce", "--topic", "ByHand", "--socket", path, "hello")
		line.expect(0, "hello", "consume", "--topic", "ByHand", "--from", "first", "--count", "1", "--socket", path)
		line.expect(2, "socket", "status", "--socket", path, "--broker", d.broker)
		if err := d.stop(); err != nil {
			t.Error(err)
		}
		line.expect(5, path, "status", "--socket", path)
	}
}

// TestTheAdminSocketWithoutABroker: that there is none now is told from that there is none
// at all, and what the process says of itself is told always.
func TestTheAdminSocketWithoutABroker(t *testing.T) {
	for _, tt := range []struct {
		settings []string
		broker   int32 // what a broker's request is answered
		names    int32 // and one of a name server's
	}{
		{[]string{"enableNamesrv=true"}, remoting.RespServiceNotAvailable, remoting.RespSuccess},
		{[]string{"enableNamesrv=false", "namesrvAddr=127.0.0.1:1"}, remoting.RespServiceNotAvailable, remoting.RespRequestCodeNotSupported},
		{[]string{"enableNamesrv=true", "enableBroker=false"}, remoting.RespRequestCodeNotSupported, remoting.RespSuccess},
	} {
		d := newDaemon(t)
		path, c := d.atSocket()
		d.settings = append(d.settings, tt.settings...)
		cfg, log := d.config(), slog.New(slog.DiscardHandler)
		s, err := newAdminSocket(&cfg, "", log)
		if err != nil {
			t.Fatal(path, err)
		}
		s.own = insight{func() []byte { return []byte("x 1\n") }, log}.requests()
		if cfg.EnableNamesrv {
			ns, err := newNameServer(&cfg, platform{open: d.disk, admin: s}, log)
			if err != nil {
				t.Fatal(err)
			}
			defer ns.close()
		}
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan error, 1)
		go func() { ended <- s.run(ctx) }()
		for code, want := range map[int32]int32{remoting.ReqGetBrokerConfig: tt.broker, remoting.ReqGetBrokerClusterInfo: tt.names, remoting.ReqGetMetrics: remoting.RespSuccess, 4711: remoting.RespRequestCodeNotSupported} {
			if r, err := c.Call(ctx, "socket", &remoting.Command{Code: code}); err != nil || r.Code != want {
				t.Errorf("%v: %s is answered %+v, %v; want %d", tt.settings, remoting.RequestName(code), r, err, want)
			}
		}
		cancel()
		if err := errors.Join(<-ended, c.Close()); err != nil {
			t.Error(err)
		}
		s.close()
	}
}

// TestASocketIsNotTaken from a daemon that lives, and is from one that does not.
func TestASocketIsNotTaken(t *testing.T) {
	path := filepath.Join(t.TempDir(), "s")
	log := slog.New(slog.DiscardHandler)
	first, err := openAdminSocket(path, log)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := openAdminSocket(path, log); !errors.Is(err, errSocketTaken) || !strings.Contains(err.Error(), path) {
		t.Errorf("a second daemon at the same path: %v", err)
	}
	cfg := &config.Config{AdminSocket: config.AutoSocket}
	auto := filepath.Join(filepath.Dir(path), socketName)
	if err := os.WriteFile(auto, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if s, err := newAdminSocket(cfg, filepath.Dir(path)+":/nonexistent", log); s != nil || err != nil {
		t.Errorf("where auto finds a file there is a socket, or no daemon: %v, %v", s, err)
	}
	cfg.AdminSocket = auto
	if _, err := newAdminSocket(cfg, "", log); err == nil || !strings.Contains(err.Error(), "is no socket") {
		t.Errorf("in place of a file: %v", err)
	}
	if text, err := os.ReadFile(auto); err != nil || len(text) != 0 {
		t.Errorf("the file is gone: %v", err)
	}
	nc, err := net.Dial("unix", path)
	if err != nil {
		t.Fatalf("the first daemon's socket after all that: %v", err)
	}
	nc.Close()
	first.ln.SetUnlinkOnClose(false) // as when it is killed, and its lock with it
	if err := first.close(); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Lstat(path); err != nil {
		t.Fatal(err)
	}
	second, err := openAdminSocket(path, log)
	if err != nil {
		t.Fatalf("where one was killed: %v", err)
	}
	if nc, err = net.Dial("unix", path); err != nil {
		t.Errorf("the socket of the second: %v", err)
	} else {
		nc.Close()
	}
	if err := second.close(); err != nil {
		t.Error(err)
	}
}

func TestWhereTheSocketIs(t *testing.T) {
	for _, tt := range []struct{ value, folders, want string }{
		{"auto", "/run/pairmq", "/run/pairmq/pairmqd.sock"},
		{"auto", "/run/pairmq-two:/run/x", "/run/pairmq-two/pairmqd.sock"},
		{"auto", "", ""},
		{"", "/run/pairmq", ""},
		{"/run/other.sock", "/run/pairmq", "/run/other.sock"},
	} {
		if got := socketPath(&config.Config{AdminSocket: tt.value}, tt.folders); got != tt.want {
			t.Errorf("adminSocket=%s in %q is %q, want %q", tt.value, tt.folders, got, tt.want)
		}
	}
}

func TestWhoIsTrusted(t *testing.T) {
	for _, tt := range []struct {
		who      string
		c        credential
		uid, gid int
		want     bool
	}{
		{"root", credential{uid: 0, gid: 0}, 990, 991, true},
		{"the daemon's user", credential{uid: 990, gid: 991}, 990, 991, true},
		{"who has its group as the first", credential{uid: 1000, gid: 991}, 990, 991, true},
		{"who has its group too", credential{uid: 1000, gid: 1000, groups: []uint32{4, 991}}, 990, 991, true},
		{"another", credential{uid: 1000, gid: 1000, groups: []uint32{4, 24}}, 990, 991, false},
		{"who the namespace cannot name, in its group", credential{uid: nobody, gid: nobody, groups: []uint32{nobody, 991}}, 990, 991, true},
		{"who the namespace cannot name", credential{uid: nobody, gid: nobody, groups: []uint32{nobody}}, nobody, nobody, false},
	} {
		if got := tt.c.trusted(tt.uid, tt.gid); got != tt.want {
			t.Errorf("%s: %t, want %t", tt.who, got, tt.want)
		}
	}
}

// TestTheKernelSaysWhoAsks starts this test again as another user, which needs root: in the
// socket's group it is let in, without it not, and is told why.
func TestTheKernelSaysWhoAsks(t *testing.T) {
	if path := os.Getenv("PAIRMQ_TEST_SOCKET"); path != "" {
		c := clientOf(path)
		defer c.Close()
		r, err := c.Call(t.Context(), "socket", &remoting.Command{Code: remoting.ReqGetBrokerClusterInfo})
		if err != nil {
			t.Fatal(err)
		}
		t.Logf("answer %d %s", r.Code, r.Remark)
		return
	}
	if os.Geteuid() != 0 {
		t.Skip("needs root")
	}
	d := newDaemon(t)
	path, c := d.atSocket()
	d.start()
	d.overSocket(c, &remoting.Command{Code: remoting.ReqGetBrokerConfig})
	if err := errors.Join(os.Chmod(path, 0o666), os.Chmod(filepath.Dir(path), 0o755)); err != nil { // somebody has opened it
		t.Fatal(err)
	}
	self := filepath.Join(filepath.Dir(path), "self")
	if text, err := os.ReadFile(os.Args[0]); err != nil || os.WriteFile(self, text, 0o755) != nil {
		t.Fatal("no copy of this program:", err)
	}
	for _, tt := range []struct {
		groups []uint32
		want   string
	}{{[]uint32{4711}, "answer 16 this socket is for root"}, {[]uint32{4711, uint32(os.Getegid())}, "answer 0"}} {
		cmd := exec.Command(self, "-test.run=TestTheKernelSaysWhoAsks", "-test.v")
		cmd.Env, cmd.Dir = append(os.Environ(), "PAIRMQ_TEST_SOCKET="+path), "/"
		cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: 4711, Gid: 4711, Groups: tt.groups}}
		if out, err := cmd.CombinedOutput(); err != nil || !strings.Contains(string(out), tt.want) {
			t.Errorf("a user of the groups %v: %v\n%s\nwant %q", tt.groups, err, out, tt.want)
		}
	}
	if err := d.stop(); err != nil {
		t.Error(err)
	}
}
