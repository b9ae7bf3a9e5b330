package main

import (
	"bufio"
	"fmt"
	"maps"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"

	"pairmq/daemon/rights"
	"pairmq/internal/remoting"
)

// A requestCode is one of RocketMQ's.
type requestCode struct {
	name     string
	versions []string
}

// requestCodes reads what the jars of both versions say, as make mqadmin wrote it.
func requestCodes(t *testing.T) map[int]requestCode {
	t.Helper()
	all := map[int]requestCode{}
	for _, version := range []string{"4.9.7", "5.4.0"} {
		f, err := os.Open("testdata/requestcodes-" + version + ".txt")
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		for in := bufio.NewScanner(f); in.Scan(); {
			number, name, _ := strings.Cut(in.Text(), " ")
			code, err := strconv.Atoi(number)
			if err != nil {
				t.Fatalf("%s: %v", f.Name(), err)
			}
			all[code] = requestCode{name, append(all[code].versions, version)}
		}
	}
	if len(all) < 150 {
		t.Fatalf("the lists have %d codes", len(all))
	}
	return all
}

// reason says what a code that nobody here answers is for.
func reason(code int) string {
	for _, w := range []struct {
		from, to int
		why      string
	}{
		{13, 13, "no client asks"}, {22, 23, "no client asks"}, {27, 27, "no client asks"}, {39, 39, "from brokers to clients"},
		{40, 40, "from brokers to clients"}, {47, 47, "no client asks"}, {61, 61, "timers"}, {209, 214, "no client asks"},
		{220, 221, "from brokers to clients"}, {301, 302, "filter servers of 3.x"}, {326, 326, "from brokers to clients"},
		{353, 353, "the broker has no forbidden groups"}, {355, 355, "RocksDB"}, {513, 513, "queues of a static topic live on several master groups; there is one pair"},
		{902, 903, "broker containers"}, {905, 906, "acting masters"}, {1001, 1013, "controllers"}, {2001, 2001, "no group is held back for what it reads"},
	} {
		if code >= w.from && code <= w.to {
			return w.why
		}
	}
	return "not there yet"
}

// needs is the right that a code needs, with the header fields that say what it is about.
func needs(t *testing.T, code int) string {
	row, listed := rights.Of(int32(code))
	if !listed {
		t.Errorf("request %d has no row in daemon/rights: it would be refused", code)
	}
	about := strings.Trim(row.Topic+", "+row.Group, ", ")
	switch {
	case row.Right == rights.Nobody:
		return ""
	case about != "":
		return row.Right.String() + " (" + about + ")"
	}
	return row.Right.String()
}

// asked is how a server answers a request without fields: not at all (3), that
// it refuses it on purpose (16), or anything else, which is its handler's.
func asked(d *daemonUnderTest, addr string, code int) (known bool, cell string) {
	r := d.call(addr, &remoting.Command{Code: int32(code)})
	switch r.Code {
	case remoting.RespRequestCodeNotSupported:
		return false, "-"
	case remoting.RespNoPermission:
		return true, "refused: " + strings.ReplaceAll(r.Remark, "|", "/")
	}
	return true, "yes"
}

// TestTheRequestCodesAreListed holds docs/requestcodes.md to what broker and name
// server answer; PAIRMQ_WRITE=1 writes it.
func TestTheRequestCodesAreListed(t *testing.T) {
	codes := requestCodes(t)
	d := newDaemon(t)
	d.start()
	d.routed("TBW102") // it serves, and is registered
	var b strings.Builder
	b.WriteString("# Request codes\n\nThis page is made from the program: `make generate` asks a daemon for every request code of RocketMQ 4.9.7 and 5.4.0.\n" +
		"\"yes\" is a request that is served, \"-\" one that is answered with 3 REQUEST_CODE_NOT_SUPPORTED. What a request needs is a\nright: client and register are everybody's, pair, read and admin are not (docs/operations.md, \"Who may do what\"); with that of a\nclient stand the header fields that say which topic and which group it is about. A code without a right is not served.\n\n" +
		"| code | name | versions | right | broker | name server | |\n| --- | --- | --- | --- | --- | --- | --- |\n")
	for _, code := range slices.Sorted(maps.Keys(codes)) {
		c := codes[code]
		if got := remoting.RequestName(int32(code)); got != c.name {
			t.Errorf("request %d is %s here, %s there", code, got, c.name)
		}
		broker, brokers := asked(d, d.broker, code)
		namesrv, namesrvs := asked(d, d.namesrv, code)
		why := ""
		if !broker && !namesrv {
			why = reason(code)
		}
		fmt.Fprintf(&b, "| %d | %s | %s | %s | %s | %s | %s |\n", code, c.name, strings.Join(c.versions, ", "), needs(t, code), brokers, namesrvs, why)
	}
	for code := range 6000 { // beyond are POP's, which are in the list, and ours
		if _, listed := codes[code]; listed {
			continue
		}
		if broker, _ := asked(d, d.broker, code); broker {
			t.Errorf("the broker answers request %d, which RocketMQ does not have", code)
		}
		if namesrv, _ := asked(d, d.namesrv, code); namesrv {
			t.Errorf("the name server answers request %d, which RocketMQ does not have", code)
		}
	}
	if err := d.stop(); err != nil {
		t.Error(err)
	}
	const file = "../docs/requestcodes.md"
	if os.Getenv("PAIRMQ_WRITE") != "" {
		if err := os.WriteFile(file, []byte(b.String()), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if text, err := os.ReadFile(file); err != nil || string(text) != b.String() {
		t.Errorf("%s is not what the daemon answers (%v): make generate", file, err)
	}
}
