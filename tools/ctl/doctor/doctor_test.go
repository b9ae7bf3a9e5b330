package doctor

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"pairmq/discovery"
	"pairmq/hal/board"
	"pairmq/hal/disk"
	"pairmq/hal/link"
	"pairmq/internal/remoting"
)

// A patient is a machine with one file system on an eMMC, a configuration and a folder.
type patient struct {
	t             *testing.T
	dir, root     string
	conf, mount   string
	life, reserve string
	memory        string // KiB
	opts          Options
}

func newPatient(t *testing.T) *patient {
	t.Helper()
	dir := t.TempDir()
	p := &patient{t: t, dir: dir, root: filepath.Join(dir, "store"), mount: "f2fs rw,fsync_mode=posix", life: "0x01 0x02", reserve: "0x01", memory: "524288"}
	if err := os.Mkdir(p.root, 0o700); err != nil {
		t.Fatal(err)
	}
	ports := free(t, 3)
	p.conf = fmt.Sprintf("brokerName=plant\nenableNamesrv=true\nbindAddress=127.0.0.1\nstorePathRootDir=%s\nlistenPort=%d\nhaListenPort=%d\nnamesrvListenPort=%d\n", p.root, ports[0], ports[1], ports[2])
	links := []link.Interface{{Name: "lo"}, {Name: "eth0"}, {Name: "wwan0"}, {Name: "ppp0"}}
	p.opts = Options{Links: func() ([]link.Interface, error) { return links, nil }, Config: filepath.Join(dir, "pairmqd.conf"), Fstab: filepath.Join(dir, "fstab"), Timeout: time.Second}
	return p
}

// free are ports that nobody listens on, none of them two below another: a broker has that one too.
func free(t *testing.T, n int) (ports []int) {
	t.Helper()
	for len(ports) < n {
		ln, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		defer ln.Close()
		port := ln.Addr().(*net.TCPAddr).Port
		if !slices.Contains(ports, port-2) && !slices.Contains(ports, port+2) {
			ports = append(ports, port)
		}
	}
	return ports
}

func (p *patient) write(name, text string) {
	p.t.Helper()
	path := filepath.Join(p.dir, name)
	err := os.MkdirAll(filepath.Dir(path), 0o755)
	if err == nil {
		err = os.WriteFile(path, []byte(text), 0o600)
	}
	if err != nil {
		p.t.Fatal(err)
	}
}

// space has the disk be so large, and have so much room, in MiB.
func (p *patient) space(total, avail int64) {
	p.opts.Space = func(string) (disk.Space, error) {
		return disk.Space{Total: total << 20, Free: avail << 20, Avail: avail << 20}, nil
	}
}

// examine makes the machine and has it examined.
func (p *patient) examine() []Check {
	p.t.Helper()
	typ, options, _ := strings.Cut(p.mount, " ")
	p.write("pairmqd.conf", p.conf)
	p.write("proc/self/mountinfo", "1 0 179:0 / / rw - "+typ+" /dev/root "+options+"\n")
	p.write("proc/sys/kernel/osrelease", "6.1.21\n")
	p.write("proc/meminfo", "MemTotal: "+p.memory+" kB\n")
	p.write("sys/dev/block/mmcblk0/device/type", "MMC\n")
	p.write("sys/dev/block/mmcblk0/device/life_time", p.life+"\n")
	p.write("sys/dev/block/mmcblk0/device/pre_eol_info", p.reserve+"\n")
	p.write("sys/dev/block/mmcblk0/queue/write_cache", "write back\n")
	if err := os.Symlink("mmcblk0", filepath.Join(p.dir, "sys/dev/block/179:0")); err != nil && !errors.Is(err, os.ErrExist) {
		p.t.Fatal(err)
	}
	p.opts.Board = board.New(board.Options{Sys: filepath.Join(p.dir, "sys"), Proc: filepath.Join(p.dir, "proc"), Run: filepath.Join(p.dir, "run"), Dev: filepath.Join(p.dir, "dev")})
	p.opts.Client = remoting.NewClient(remoting.ClientOptions{})
	defer p.opts.Client.Close()
	return Examine(p.t.Context(), p.opts)
}

// expect wants a check of this name and verdict, that says both.
func (p *patient) expect(all []Check, name string, v Verdict, found, do string) {
	p.t.Helper()
	for _, c := range all {
		if c.Name == name && c.Verdict == v && strings.Contains(c.Found, found) && strings.Contains(c.Do, do) {
			return
		}
	}
	p.t.Errorf("no check %q is %s with %q and %q:\n%s", name, v, found, do, lines(all))
}

func lines(all []Check) string {
	var b strings.Builder
	for _, c := range all {
		fmt.Fprintf(&b, "%+v\n", c)
	}
	return b.String()
}

// TestEveryAilment spoils one thing after the other of a machine whose daemon does not run.
func TestEveryAilment(t *testing.T) {
	tests := []struct {
		name          string
		spoil         func(p *patient)
		check         string
		verdict       Verdict
		found, advice string
	}{
		{"nothing", func(p *patient) {}, "configuration", OK, "have no mistakes", ""},
		{"a mistake", func(p *patient) { p.conf += "brokerNmae=x\n" }, "configuration", Wrong, `did you mean "brokerName"?`, "--check-config"},
		{"a mistake in conf.d", func(p *patient) { p.write("conf.d/1.conf", "listenPort=x\n") }, "configuration", Wrong, "1.conf:1: listenPort", "--check-config"},
		{"conf.d", func(p *patient) { p.write("conf.d/1.conf", "allowUnsafeMount=true\n") }, "settings", Warning, "allowUnsafeMount=true", "remove"},
		{"a key without effect", func(p *patient) { p.conf += "deleteWhen=04\n" }, "configuration", Warning, "deleteWhen has no effect", "remove the key"},
		{"every address", func(p *patient) { p.conf += "bindAddress=\n" }, "settings", Warning, "the name server and the broker listen on every address", "bindAddress"},
		{"late flush", func(p *patient) { p.conf += "flushDiskType=ASYNC_FLUSH\n" }, "settings", OK, "within the last 500ms", ""},
		{"no folder", func(p *patient) { os.Remove(p.root) }, "folder", Warning, "does not exist", "mounted"},
		{"a file as folder", func(p *patient) { os.Remove(p.root); p.write("store", "") }, "folder", Wrong, "not a directory", "storePathRootDir"},
		{"readable by all", func(p *patient) {
			p.write("store/commitlog/0", "")
			if err := errors.Join(os.Chmod(filepath.Join(p.root, "commitlog/0"), 0o644), os.Chmod(p.root, 0o755)); err != nil {
				p.t.Fatal(err)
			}
		}, "permissions", Warning, "everybody on this machine can read messages", "chmod"},
		{"a good folder", func(p *patient) {}, "permissions", OK, "all belongs to uid", ""},
		{"an unsafe mount", func(p *patient) { p.mount = "ext4 rw,nobarrier" }, "mount", Wrong, "nobarrier", "allowUnsafeMount"},
		{"memory as disk", func(p *patient) { p.mount = "tmpfs rw" }, "mount", Warning, "tmpfs", ""},
		{"a good mount", func(p *patient) {}, "mount", OK, "f2fs at / keeps what is synced", ""},
		{"a partition that is not there", func(p *patient) { p.conf += "storeMountPoint=" + p.root + "\n" }, "mount", Wrong, "nothing is mounted at storeMountPoint", "systemctl --failed"},
		{"fstab has it", func(p *patient) { p.write("fstab", "# x\n/dev/mmcblk0p3 "+p.root+" ext4 defaults 0 2\n") }, "mount", Wrong, "and it is not mounted", "set storeMountPoint="},
		{"worn flash", func(p *patient) { p.life = "0x0b 0x01" }, "flash", Wrong, "mmcblk0", "replace the device"},
		{"good flash", func(p *patient) {}, "flash", OK, "10-20 % used", ""},
		{"little memory", func(p *patient) { p.memory = "40000" }, "memory", Warning, "39 MiB", "raise the limit"},
		{"enough memory", func(p *patient) {}, "memory", OK, "512 MiB", ""},
		{"set aside", func(p *patient) { p.write("store/quarantine/1", strings.Repeat("x", 3000)) }, "leftovers", Warning, "1 files with 2 KiB", "pairmq log quarantine list"},
		{"a reset that has begun", func(p *patient) { p.write("store/reset.begun", "") }, "leftovers", Warning, "reset.begun is there", "finishes it"},
		{"nothing set aside", func(p *patient) {}, "leftovers", OK, "nothing", ""},
		{"no daemon", func(p *patient) {}, "daemon", Warning, "does not run", "systemctl start"},
		{"only here", func(p *patient) {}, "address", Warning, "only this machine reaches that", "brokerIP1"},
		{"nobody's address", func(p *patient) { p.conf += "brokerIP1=192.0.2.1\n" }, "address", Warning, "which no link of this machine has", "brokerIP1"},
		{"no such link", func(p *patient) { p.conf += "brokerIP1=nolink0\n" }, "address", Wrong, "nolink0", "ip address"},
		{"a metered link", func(p *patient) { p.conf += "meteredLinks=wwan0;ppp*\n" }, "links", OK, "traffic over wwan0, ppp0 costs money", ""},
		{"a metered link that is not there", func(p *patient) { p.conf += "meteredLinks=wwan1\n" }, "links", Warning, "no link is called wwan1", "ip link"},
		{"a modem", func(p *patient) { p.conf += "brokerRole=SYNC_MASTER\nmeteredLinks=wwan0\n" }, "links", Warning, "ppp0 has the name of a mobile network's link", "add it to meteredLinks"},
		{"links that are not known", func(p *patient) {
			p.opts.Links = func() ([]link.Interface, error) { return nil, os.ErrPermission }
		}, "links", Warning, "permission denied", "root"},
		{"a name server that is silent", func(p *patient) { p.conf += "namesrvAddr=127.0.0.1:1\n" }, "name server 127.0.0.1:1", Warning, "does not answer", "firewall"},
		{"no slave", func(p *patient) { p.conf += "brokerRole=SYNC_MASTER\n" }, "peer", Wrong, "no slave is registered", "ASYNC_MASTER"},
		{"no master", func(p *patient) { p.conf += "brokerRole=SLAVE\nbrokerId=1\n" }, "peer", Wrong, "no master is registered", "brokerName is plant"},
		{"a disk with room", func(p *patient) { p.space(1000, 500) }, "room", OK, "500 of 1000 MiB are free", ""},
		{"a disk that fills up", func(p *patient) { p.space(1000, 140) }, "room", Warning, "the level is TIGHT", "make room"},
		{"a full disk", func(p *patient) { p.space(1000, 90) }, "room", Wrong, "the level is FULL", "make room"},
		{"a read-only disk", func(p *patient) {
			p.opts.Space = func(string) (disk.Space, error) {
				return disk.Space{Total: 100, Free: 90, Avail: 90, ReadOnly: true}, nil
			}
		}, "room", Wrong, "is read-only", "kernel's log"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			p := newPatient(t)
			tt.spoil(p)
			all := p.examine()
			p.expect(all, tt.check, tt.verdict, tt.found, tt.advice)
			for _, c := range all {
				if (c.Verdict == OK) != (c.Do == "") {
					t.Errorf("%+v: what is wrong has an advice, and nothing else", c)
				}
			}
		})
	}
}

func TestWorst(t *testing.T) {
	for _, tt := range []struct {
		all  []Verdict
		want Verdict
	}{{nil, OK}, {[]Verdict{OK, Warning, OK}, Warning}, {[]Verdict{Wrong, Warning}, Wrong}, {[]Verdict{Warning, Wrong, OK}, Wrong}} {
		var all []Check
		for _, v := range tt.all {
			all = append(all, Check{Verdict: v})
		}
		if got := Worst(all); got != tt.want {
			t.Errorf("of %v the worst is %s, want %s", tt.all, got, tt.want)
		}
	}
}

// A world is a name server and brokers in one server: it answers everything that the
// doctor asks.
type world struct {
	addr    string
	cluster discovery.ClusterInfo
	info    map[string]string
	config  string
	now     time.Time
	denies  bool // to tell how it is
}

func startWorld(t *testing.T) *world {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	w := &world{addr: ln.Addr().String()}
	s := remoting.NewServer(remoting.ServerOptions{Handler: remoting.HandlerFunc(w.serve)})
	done := make(chan error, 1)
	go func() { done <- s.Serve(context.Background(), ln) }()
	t.Cleanup(func() {
		if err := errors.Join(s.Shutdown(context.Background()), <-done); err != nil {
			t.Error(err)
		}
	})
	return w
}

func (w *world) serve(r *remoting.Request) {
	var body []byte
	var err error
	if w.denies && r.Code != remoting.ReqGetBrokerClusterInfo {
		r.ReplyError(remoting.RespNoPermission, "")
		return
	}
	switch r.Code {
	case remoting.ReqGetBrokerClusterInfo:
		body, err = w.cluster.Encode()
	case remoting.ReqGetBrokerRuntimeInfo:
		body, err = json.Marshal(map[string]any{"table": w.info})
	case remoting.ReqGetBrokerConfig:
		body = []byte(w.config)
	case remoting.ReqGetRecent:
		body, err = json.Marshal(map[string]any{"now": w.now})
	}
	if err != nil {
		r.ReplyError(remoting.RespSystemError, err.Error())
		return
	}
	r.Reply(&remoting.Response{Body: body})
}

// TestTheOtherHalf has the daemon's port and the other broker of the pair answered by
// worlds that are ill.
func TestTheOtherHalf(t *testing.T) {
	p, here, there := newPatient(t), startWorld(t), startWorld(t)
	fsys, err := disk.OS(p.root)
	if err != nil {
		t.Fatal(err)
	}
	lock, err := fsys.Lock("LOCK") // a daemon runs
	if err != nil {
		t.Fatal(err)
	}
	defer lock.Close()
	_, port, err := net.SplitHostPort(here.addr)
	if err != nil {
		t.Fatal(err)
	}
	p.conf += "listenPort=" + port + "\nnamesrvAddr=" + here.addr + "\n"
	here.info = map[string]string{"brokerRole": "ASYNC_MASTER", "epoch": "2", "readOnly": "its disk has failed", "haRival": "192.0.2.7:10911", "haRefused": "192.0.2.8 3s ago: a stranger", "haOutsider": "192.0.2.6:10911 3s ago: no half", "accounts": "users.json is not good", "namesrvs": "192.0.2.1:9876 failing for 3 s: no route"}
	here.cluster.BrokerAddrTable = map[string]discovery.BrokerData{"plant": {BrokerName: "plant", BrokerAddrs: map[int64]string{0: here.addr, 1: there.addr, 2: "192.0.2.6:10911"}}}
	there.info = map[string]string{"brokerRole": "SLAVE", "epoch": "2", "replication": "copies 192.0.2.9:10912, 0 bytes behind"}
	there.config, there.now = fmt.Sprintf("haListenPort=%d\nmappedFileSizeCommitLog=1048576\n", free(t, 1)[0]), time.Now().Add(time.Hour)
	all := p.examine()
	p.expect(all, "folder", OK, "a daemon runs there", "")
	p.expect(all, "port "+port, OK, "listenPort answers", "")
	p.expect(all, "daemon", Wrong, "readOnly: its disk has failed", "")
	p.expect(all, "daemon", Wrong, "haRival: 192.0.2.7:10911", "pairmq demote --force")
	p.expect(all, "daemon", Warning, "haRefused: 192.0.2.8 3s ago", "haSecretFile")
	p.expect(all, "daemon", Wrong, "accounts: users.json is not good", "put a copy of the file in its place")
	p.expect(all, "daemon", Wrong, "haOutsider: 192.0.2.6:10911 3s ago", "haSecretFile")
	p.expect(all, "peer 192.0.2.6:10911", Warning, "neither copies from the other", "haPeers") // whether it answers or not
	p.expect(all, "daemon", Wrong, "not registered everywhere: 192.0.2.1:9876 failing", "")
	p.expect(all, "name server "+here.addr, OK, "knows plant at "+here.addr, "")
	p.expect(all, "peer "+there.addr, OK, "SLAVE under epoch 2: copies", "")
	p.expect(all, "peer "+there.addr, Wrong, "its mappedFileSizeCommitLog is 1048576, and 67108864 here", "the same at both")
	p.expect(all, "peer "+there.addr, Warning, "off this one's", "synchronised")
	p.expect(all, "peer "+there.addr, Wrong, "by which slaves copy the log, is not reached", "firewalls")

	there.denies = true
	all = p.examine()
	p.expect(all, "peer "+there.addr, Warning, "does not tell this machine how it is", "adminAddresses")
	p.expect(all, "peer "+there.addr, Wrong, "is not reached", "firewalls")
	there.denies = false

	here.cluster.BrokerAddrTable["plant"].BrokerAddrs[0] = there.addr
	here.info = map[string]string{"brokerRole": "ASYNC_MASTER", "epoch": "2"}
	all = p.examine()
	p.expect(all, "daemon", OK, "ASYNC_MASTER of plant under epoch 2", "")
	p.expect(all, "name server "+here.addr, Wrong, "does not know plant at "+here.addr, "registration failed")

	if err := lock.Close(); err != nil {
		t.Fatal(err)
	}
	all = p.examine()
	p.expect(all, "port "+port, Wrong, "no daemon runs on the folder, and somebody listens at "+here.addr, "ss -ltnp")
}

// TestWhoIsAskedForAPassword: where everybody who connects is asked who he is, an address is
// nothing to warn of.
func TestWhoIsAskedForAPassword(t *testing.T) {
	for conf, warned := range map[string]bool{
		"bindAddress=\n":                 true,
		"bindAddress=\naclEnable=true\n": true, // the name server asks for no account
		"bindAddress=\naclEnable=true\nenableNamesrv=false\nnamesrvAddr=127.0.0.1:9876\n": false,
		"bindAddress=\ntlsServerMode=enforcing\ntlsEnable=true\ntlsClientTrustCertPath=/ca\ntlsClientCertPath=/c\ntlsClientKeyPath=/k\ntlsServerNeedClientAuth=require\ntlsServerCertPath=/c\ntlsServerKeyPath=/k\ntlsServerTrustCertPath=/ca\n": false,
		"bindAddress=\ntlsServerMode=permissive\ntlsServerNeedClientAuth=require\ntlsServerCertPath=/c\ntlsServerKeyPath=/k\ntlsServerTrustCertPath=/ca\n":                                                                                       true,
	} {
		p := newPatient(t)
		p.conf += conf
		got := false
		for _, c := range p.examine() {
			if c.Verdict == Wrong && c.Name == "configuration" {
				t.Errorf("%q: %s", conf, c.Found)
			}
			got = got || strings.Contains(c.Found, "has to say a password")
		}
		if got != warned {
			t.Errorf("%q: warned %v, want %v", conf, got, warned)
		}
	}
}
