package main

import (
	"bytes"
	"compress/zlib"
	"context"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/binary"
	"errors"
	"io"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"pairmq/internal/remoting"
	"pairmq/store/record"
)

// TestThePagesNameEveryAttack: who adds one makes the table anew.
func TestThePagesNameEveryAttack(t *testing.T) {
	page, keys := readFile(t, "../../docs/attacks.md"), keysOf(readFile(t, "../../packaging/pairmqd.conf"))
	names := map[string]bool{}
	for _, x := range attacks() {
		if names[x.name] || x.what == "" || x.do == nil || x.time <= 0 || x.time > 12*time.Second {
			t.Errorf("%s is there twice, or says too little, or takes %v", x.name, x.time)
		}
		names[x.name] = true
		if x.needs != "" && !keys[x.needs] {
			continue // this daemon has nothing to attack there
		}
		if !strings.Contains(page, "\n| "+x.name+" | "+cell(x.what)+" |") {
			t.Errorf("docs/attacks.md does not have %s as it is: PAIRMQ_WRITE=1 make attack", x.name)
		}
	}
}

// TestSecurityNamesTestsThatAreThere: an answer without its test is a promise only.
func TestSecurityNamesTestsThatAreThere(t *testing.T) {
	page := readFile(t, "../../SECURITY.md")
	for _, s := range sayings() {
		if !strings.Contains(page, "\n| "+s.what+" |") {
			t.Errorf("SECURITY.md does not say what is answered to %s: PAIRMQ_WRITE=1 make portscan", s.what)
		}
	}
	names := map[string]bool{}
	for _, x := range attacks() {
		names[x.name] = true
	}
	var tests strings.Builder
	err := filepath.WalkDir("../..", func(path string, e os.DirEntry, err error) error {
		if err == nil && strings.HasSuffix(path, "_test.go") {
			tests.WriteString(readFile(t, path))
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	shown := regexp.MustCompile("`(attack|test) ([^`]+)`").FindAllStringSubmatch(page, -1)
	if len(shown) < 20 {
		t.Errorf("SECURITY.md names %d tests", len(shown))
	}
	for _, m := range shown {
		if m[1] == "attack" && !names[m[2]] {
			t.Errorf("SECURITY.md names the attack %s, which is none", m[2])
		}
		if m[1] == "test" && !strings.Contains(tests.String(), "func "+m[2]+"(") {
			t.Errorf("SECURITY.md names %s, which is no test", m[2])
		}
	}
}

func readFile(t *testing.T, file string) string {
	t.Helper()
	b, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// TestLiesAreLies: what is sent as a lie is refused by our own reader too, or it would
// prove nothing to send it.
func TestLiesAreLies(t *testing.T) {
	for kind, lies := range map[string]map[string][]byte{"frame": frameLies(), "binary": binaryLies(), "huge": hugeHeaders(), "deep": deepHeaders()} {
		if len(lies) < 5 {
			t.Errorf("%s: %d lies", kind, len(lies))
		}
		for what, b := range lies {
			if _, err := remoting.DecodeCommand(b, remoting.Limits{}); err == nil {
				if kind == "frame" && (strings.HasPrefix(what, "the answer to nothing") || strings.HasPrefix(what, "a code") || strings.HasPrefix(what, "JSON, and")) {
					continue // a good frame, and then a lie; or one that is refused by who serves it
				}
				t.Errorf("%s: %s is taken for a frame", kind, what)
			}
		}
	}
}

func TestABombUnfolds(t *testing.T) {
	z, err := zlib.NewReader(bytes.NewReader(bomb([]byte{0, 1, 2, 3}, 40)))
	if err != nil {
		t.Fatal(err)
	}
	n, err := io.Copy(io.Discard, z)
	if n != 40<<20 || !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Errorf("it unfolds to %d bytes: %v", n, err)
	}
	if n := len(bomb(make([]byte, 1024), 1024)); n > 4<<20 {
		t.Errorf("1 GiB is %d bytes", n)
	}
}

func TestTheTimeOfNinetyNine(t *testing.T) {
	var times []time.Duration
	for i := range 200 {
		times = append(times, time.Duration(200-i))
	}
	if got := p99(times); got != 198 {
		t.Errorf("of 200: %d, want 198", got)
	}
	if got := p99(times[:1]); got != 200 {
		t.Errorf("of one: %d, want it", got)
	}
	if got := p99(nil); got != 0 {
		t.Errorf("of none: %d", got)
	}
	for _, tt := range []struct {
		during, quiet time.Duration
		want          bool
	}{{2 * floor, 0, false}, {2*floor + 1, 0, true}, {100 * time.Millisecond, 50 * time.Millisecond, false}, {101 * time.Millisecond, 50 * time.Millisecond, true}} {
		if got := late(tt.during, tt.quiet); got != tt.want {
			t.Errorf("%v where it was %v: late is %v", tt.during, tt.quiet, got)
		}
	}
}

func TestWhatIsWrittenIsSeen(t *testing.T) {
	root := t.TempDir()
	for _, name := range []string{"etc/conf", "var/lib/pairmq/log", "proc/1"} {
		if err := os.MkdirAll(filepath.Join(root, filepath.Dir(name)), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(root, name), nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	before, err := treeOf(root, "var/lib/pairmq")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"etc/conf", "etc/cron", "var/lib/pairmq/more", "proc/2"} {
		if err := os.WriteFile(filepath.Join(root, name), []byte("x"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	after, err := treeOf(root, "var/lib/pairmq")
	if err != nil {
		t.Fatal(err)
	}
	if got := after.changed(before); !slices.Equal(got, []string{"etc/conf has changed", "etc/cron has appeared"}) {
		t.Errorf("changed: %q", got)
	}
	if got := before.changed(after); !slices.Equal(got, []string{"etc/conf has changed", "etc/cron is gone"}) {
		t.Errorf("the other way round: %q", got)
	}
}

// TestTheClientMissesWhatIsLost, and what is there twice.
func TestTheClientMissesWhatIsLost(t *testing.T) {
	nothing := func() {}
	c := &client{stopSend: nothing, stopTake: nothing, acked: map[uint64]bool{1: true, 2: false, 3: true}, consumed: map[uint64]int{1: 2, 3: 1, 9: 1}}
	if got := strings.Join(c.stop(), "; "); got != "1 messages were consumed that nobody sent; 1 messages were consumed twice" {
		t.Errorf("stop: %s", got)
	}
	c.consumed = map[uint64]int{1: 1}
	if got := c.outstanding(); got != 1 {
		t.Errorf("%d are outstanding", got)
	}
}

func TestWhatTheDaemonTells(t *testing.T) {
	page := "# HELP pairmq_connections x\npairmq_connections{server=\"broker\"} 3\npairmq_connections{server=\"namesrv\"} 4\npairmq_connections_accepted_total 99\npairmq_goroutines 12\n"
	if got := sumOf(page, "pairmq_connections"); got != 7 {
		t.Errorf("connections: %v", got)
	}
	if got := sumOf(page, "pairmq_goroutines"); got != 12 {
		t.Errorf("goroutines: %v", got)
	}
	keys := keysOf("# words, not = a key\n#listenPort=10911\nenableNamesrv=true\n")
	if !keys["listenPort"] || !keys["enableNamesrv"] || len(keys) != 2 {
		t.Errorf("keys: %v", keys)
	}
}

func TestAddressesOfTheKernel(t *testing.T) {
	inodes := map[string]bool{"77": true}
	line := func(local, state, inode string) []string {
		return strings.Fields("0: " + local + " 00000000:0000 " + state + " 00000000:00000000 00:00000000 00000000 0 0 " + inode + " 1")
	}
	for _, tt := range []struct {
		table string
		f     []string
		want  string
	}{
		{"tcp", line("0100007F:2AA3", "0A", "77"), "`127.0.0.1:10915` (TCP)"},
		{"tcp", line("0100007F:2AA3", "0A", "78"), ""},
		{"tcp", line("00000000:2AA3", "0A", "77"), ""},
		{"tcp6", line("00000000000000000000000001000000:0050", "0A", "77"), "`[::1]:80` (TCP)"},
		{"udp", line("00000000:0035", "07", "77"), "`0.0.0.0:53` (UDP)"},
		{"unix", strings.Fields("0: 00000002 00000000 00010000 0001 01 77 /run/pairmq/admin.sock"), "the Unix socket `/run/pairmq/admin.sock`"},
		{"unix", strings.Fields("0: 00000002 00000000 00000000 0001 03 77 /run/pairmq/admin.sock"), ""},
		{"tcp", []string{"sl", "local_address"}, ""},
	} {
		if got := localSocket(tt.table, tt.f, inodes); got != tt.want {
			t.Errorf("%s %v: %q, want %q", tt.table, tt.f, got, tt.want)
		}
	}
	if at, ok := kernelAddr("0100007F:0050"); !ok || at != netip.MustParseAddrPort("127.0.0.1:80") {
		t.Errorf("%v %v", at, ok)
	}
}

// TestStolenCertificatesAreNotGood for who trusts our authority alone, and for clients.
func TestStolenCertificatesAreNotGood(t *testing.T) {
	ca, err := authority("ours")
	if err != nil {
		t.Fatal(err)
	}
	all, err := stolen(ca)
	if err != nil {
		t.Fatal(err)
	}
	trust := x509.NewCertPool()
	trust.AddCert(ca.cert)
	verify := func(c *issued) error {
		_, err := c.cert.Verify(x509.VerifyOptions{Roots: trust, KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}})
		return err
	}
	for what, c := range all {
		if verify(c) == nil {
			t.Errorf("%s: it is good", what)
		}
	}
	good, err := issue(&x509.Certificate{Subject: pkix.Name{CommonName: "app"}, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}}, ca)
	if err != nil || verify(good) != nil {
		t.Errorf("and one that is good is not: %v, %v", err, verify(good))
	}
}

func TestARowSaysWhatCame(t *testing.T) {
	tr := &trial{attack: attack{name: "A", what: "b|c"}, outcome: outcome{Conns: 3, Bytes: 2048, Answers: map[string]int{"closed": 2, "SUCCESS": 1}, Longest: 5 * time.Second}, took: 2 * time.Second,
		memory: 3 << 20, lines: 1, before: 2 * time.Millisecond, during: 3 * time.Millisecond, tried: 2}
	if got, want := tr.row(), "| A | b\\|c | 3, 2 KiB | 2× closed, 1× SUCCESS, the longest after 5.0 s | 3.0 MiB | 1 in 2 s | 2.0 ms, 3.0 ms | 2 | refused |\n"; got != want {
		t.Errorf("row\n%s, want\n%s", got, want)
	}
	if got := repeats([]*trial{tr, {tried: 1}, {tried: 3}}); got != "2 of them tried again, 3 times together" {
		t.Errorf("repeats: %s", got)
	}
	tr.say("it was taken")
	if got := tr.row(); !strings.HasSuffix(got, "| **FAILED**: it was taken |\n") {
		t.Errorf("row %s", got)
	}
	tr.pending = "later"
	if got := tr.row(); !strings.HasSuffix(got, "| **not yet**: later |\n") {
		t.Errorf("row %s", got)
	}
	if got := difference("a\nb", "a\nc"); got != `"b" has become "c"` {
		t.Errorf("difference: %s", got)
	}
}

func TestArguments(t *testing.T) {
	for _, bad := range []string{"-run=(", "-limit=8", "-nothing", "more"} {
		if _, err := parse([]string{bad}, io.Discard); err == nil {
			t.Errorf("%s is taken", bad)
		}
	}
	if a, err := parse([]string{"-run", "Zip", "-v"}, io.Discard); err != nil || !a.run.MatchString("ZipBombs") || !a.verbose {
		t.Errorf("%+v, %v", a, err)
	}
}

// FuzzReadAnswer: a stranger's reader may refuse what a daemon sends, it may not panic.
func FuzzReadAnswer(f *testing.F) {
	f.Add(remoting.AppendCommand(nil, &remoting.Command{Code: 7, Opaque: 3, Flag: 1, Body: []byte("body")}))
	f.Fuzz(func(t *testing.T, in []byte) {
		if cmd, err := readAnswer(bytes.NewReader(in)); err == nil && len(cmd.Body) > len(in) {
			t.Errorf("%d bytes have a body of %d", len(in), len(cmd.Body))
		}
	})
}

// TestWhereAnAttackComesFrom: one of many has many addresses, which are those the host has.
func TestWhereAnAttackComesFrom(t *testing.T) {
	for _, tt := range []struct {
		x           attack
		n           int
		first, last string
	}{{attack{}, few, strangerIP, "198.18.2.9"}, {attack{addrs: 1}, 1, strangerIP, strangerIP}, {attack{addrs: strangers}, strangers, strangerIP, "198.18.2.65"}, {attack{peer: true}, 1, peerIP, peerIP}} {
		if got := tt.x.sources(); len(got) != tt.n || got[0].String() != tt.first || got[len(got)-1].String() != tt.last {
			t.Errorf("%+v: from %v", tt.x, got)
		}
	}
	for _, x := range attacks() {
		if strings.Contains(x.what, "64 addresses") != (x.addrs == strangers) {
			t.Errorf("%s says %q and comes from %d addresses", x.name, x.what, len(x.sources()))
		}
	}
}

// TestWhoLooksLateFindsItClosed: a stranger that had to wait for the processor.
func TestWhoLooksLateFindsItClosed(t *testing.T) {
	for _, hangsUp := range []bool{true, false} {
		ln, err := net.Listen("tcp4", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		defer ln.Close()
		mine, err := net.Dial("tcp4", ln.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		defer mine.Close()
		other, err := ln.Accept()
		if err != nil {
			t.Fatal(err)
		}
		defer other.Close()
		if hangsUp {
			other.Close()
		}
		s := &stranger{ctx: t.Context(), out: outcome{Answers: map[string]int{}}}
		s.closes(mine, "it", time.Now().Add(-time.Minute), time.Second)
		if (len(s.out.Wrong) == 0) != hangsUp {
			t.Errorf("hung up on: %v, and said to be wrong: %q", hangsUp, s.out.Wrong)
		}
	}
}

// TestAQuietMomentIsWaitedFor, but not for ever.
func TestAQuietMomentIsWaitedFor(t *testing.T) {
	for _, tt := range []struct {
		quietAfter int // moments
		want       time.Duration
		moments    int
	}{{0, time.Millisecond, 0}, {2, time.Millisecond, 2}, {99, noisy + time.Millisecond, moments}} {
		synctest.Test(t, func(t *testing.T) {
			s, begin := &scene{world: &world{}, client: &client{}, quiet: noisy + time.Millisecond}, time.Now()
			if tt.quietAfter == 0 {
				s.quiet = time.Millisecond
			}
			ctx, stop := context.WithCancel(t.Context())
			defer stop()
			go func() {
				for ctx.Err() == nil {
					took := noisy + time.Millisecond
					if time.Since(begin) > time.Duration(tt.quietAfter-1)*quietTime {
						took = time.Millisecond
					}
					s.client.mu.Lock()
					s.client.times = append(s.client.times, took)
					s.client.mu.Unlock()
					pause(ctx, 7*time.Millisecond)
				}
			}()
			s.still(ctx)
			if got := int(time.Since(begin) / quietTime); s.quiet != tt.want || got != tt.moments {
				t.Errorf("quiet after %d: %v after %d moments, want %v after %d", tt.quietAfter, s.quiet, got, tt.want, tt.moments)
			}
		})
	}
}

func TestEveryCodeWithANameIsTried(t *testing.T) {
	all := namedCodes()
	if len(all) < 150 {
		t.Errorf("%d codes", len(all))
	}
	for _, code := range []int32{remoting.ReqSendMessageV2, remoting.ReqRegisterBroker, remoting.ReqUpdateBrokerConfig, remoting.ReqPopMessage, remoting.ReqReadLog, remoting.ReqAuthCreateUser} {
		if !slices.Contains(all, code) {
			t.Errorf("%s is left out", remoting.RequestName(code))
		}
	}
	if slices.ContainsFunc(all, idle) {
		t.Error("what needs nothing said with it is among them")
	}
}

// TestLitterIsFound wherever the daemon may write, and nowhere else.
func TestLitterIsFound(t *testing.T) {
	root := t.TempDir()
	for _, name := range []string{"var/lib/pairmq/store/owned", "tmp/x", "proc/owned"} {
		if err := os.MkdirAll(filepath.Join(root, filepath.Dir(name)), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(root, name), nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	got, err := litter(t.Context(), &scene{judged: &daemon{root: root}})
	if want := filepath.Join(root, "var/lib/pairmq/store/owned"); err != nil || got != want {
		t.Errorf("litter: %q, %v, want %q", got, err, want)
	}
}

// TestWhatALyingMasterSendsIsNoLog: a slave that took it would be wrong.
func TestWhatALyingMasterSendsIsNoLog(t *testing.T) {
	for what, b := range shippedLies() {
		at, size := int64(binary.BigEndian.Uint64(b)), int32(binary.BigEndian.Uint32(b[8:]))
		if at != 0 || size < 0 || size > 1<<20 {
			continue
		}
		if int(size) != len(b)-12 {
			t.Errorf("%s: %d bytes are announced, and %d there", what, size, len(b)-12)
		}
		if _, err := record.Parse(b[12:], record.Limits{}); err == nil {
			t.Errorf("%s is a record", what)
		}
	}
}
