package config_test

import (
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"pairmq/daemon/config"
)

// write makes a configuration file and returns its path.
func write(t *testing.T, dir, name, text string) string {
	t.Helper()
	path := filepath.Join(dir, name)
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestLoadTakesRocketMQsKeys(t *testing.T) {
	path := write(t, t.TempDir(), "broker.conf", `
# as shipped with RocketMQ
brokerClusterName = DefaultCluster
brokerName = broker-a
brokerId = 0
deleteWhen = 04
fileReservedTime = 48
brokerRole = ASYNC_MASTER
flushDiskType = ASYNC_FLUSH
namesrvAddr = 10.0.0.1:9876;10.0.0.2:9876
mappedFileSizeCommitLog = 16m
`)
	c, notes, err := config.Load(path, []string{"listenPort=30911"})
	if err != nil {
		t.Fatal(err)
	}
	if c.BrokerName != "broker-a" || c.SyncFlush || c.FileReserved != 48*time.Hour || c.SegmentSize != 16<<20 ||
		c.ListenPort != 30911 || c.HAListenPort != 30912 || c.NamesrvAddr != "10.0.0.1:9876;10.0.0.2:9876" {
		t.Errorf("Load(%s) = %+v", path, c)
	}
	if len(notes) != 1 || !strings.Contains(notes[0], "deleteWhen has no effect") {
		t.Errorf("notes are %q, want one about deleteWhen", notes)
	}
}

func TestLoadReportsEveryComplaintWithItsPlace(t *testing.T) {
	path := write(t, t.TempDir(), "pairmq.conf", "enableNamesrv=true\nbrokerNmae=x\nlistenPort=70000\nflushDiskType=SOMETIMES\nnonsense\nbrokerIP1=eth0\n")
	_, _, err := config.Load(path, []string{"fileReservedTime"})
	if err == nil {
		t.Fatal("Load took a file full of mistakes")
	}
	for _, want := range []string{
		path + `:2: unknown key "brokerNmae"; did you mean "brokerName"?`,
		path + ":3: listenPort is 70000; want 3 to 65535",
		path + `:4: flushDiskType is "SOMETIMES"; want one of SYNC_FLUSH, ASYNC_FLUSH`,
		path + `:5: "nonsense" is not key=value`,
		"command line: --fileReservedTime has no value",
	} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("the error lacks %q:\n%v", want, err)
		}
	}
}

func TestValidateFindsWhatDoesNotFitTogether(t *testing.T) {
	tests := []struct {
		name, want string
		args       []string
	}{
		{"nothing to run", "nothing to run", []string{"enableBroker=false"}},
		{"nobody to register with", "namesrvAddr is empty", nil},
		{"two listeners on a port", "listenPort and namesrvListenPort are both port 10911", []string{"enableNamesrv=true", "namesrvListenPort=10911"}},
		{"a message larger than a segment", "needs 4259840", []string{"enableNamesrv=true", "mappedFileSizeCommitLog=1m"}},
		{"an odd segment", "multiple of 4096", []string{"enableNamesrv=true", "mappedFileSizeCommitLog=67108865"}},
		{"a host name as address", "want an IP address", []string{"enableNamesrv=true", "brokerIP1=localhost"}},
		{"no role", "want one of ASYNC_MASTER", []string{"enableNamesrv=true", "brokerRole=master"}},
		{"a slave without an id", "give each slave another number", []string{"enableNamesrv=true", "brokerRole=SLAVE"}},
		{"metrics without a port", "metricsListen is \"127.0.0.1\"; want host:port", []string{"enableNamesrv=true", "metricsListen=127.0.0.1"}},
		{"metrics on no port", "metricsListen is \"127.0.0.1:0\"; want host:port", []string{"enableNamesrv=true", "metricsListen=127.0.0.1:0"}},
		{"metrics on the port of clients", "listenPort and metricsListen are both port 10911", []string{"enableNamesrv=true", "metricsListen=127.0.0.1:10911"}},
		{"a textfile somewhere", "metricsTextfile is \"pairmq.prom\"; want an absolute path", []string{"enableNamesrv=true", "metricsTextfile=pairmq.prom"}},
		{"a textfile that is not read", "metricsTextfile is \"/run/x/pairmq.txt\"; want an absolute path that ends in .prom", []string{"enableNamesrv=true", "metricsTextfile=/run/x/pairmq.txt"}},
		{"half an address of the master", "want host:port", []string{"enableNamesrv=true", "brokerRole=SLAVE", "brokerId=1", "haMasterAddress=10.0.0.1"}},
		{"no time for heartbeats", "at least twice", []string{"enableNamesrv=true", "haHousekeepingInterval=6000"}},
		{"a class that is none", `has "often" for Debug`, []string{"enableNamesrv=true", "topicFlush=Debug:often"}},
		{"a star in the middle", "its beginning and *", []string{"enableNamesrv=true", "topicFlush=De*bug:lazy"}},
		{"no class", "a colon", []string{"enableNamesrv=true", "topicFlush=Debug"}},
		{"no quota", "a colon", []string{"enableNamesrv=true", "topicMaxBytes=Debug=32m"}},
		{"a quota for nobody", "the name of a topic", []string{"enableNamesrv=true", "topicMaxBytes=:32m"}},
		{"a star in the middle of a quota", "its beginning and *", []string{"enableNamesrv=true", "topicMaxBytes=De*bug:32m"}},
		{"a quota that is no size", `for Debug is "much"`, []string{"enableNamesrv=true", "topicMaxBytes=Debug:much"}},
		{"a quota of nothing", "at least 65536", []string{"enableNamesrv=true", "topicMaxBytes=Debug:0"}},
		{"a quota below nothing", "at least 65536", []string{"enableNamesrv=true", "topicMaxBytes=Debug:-1g"}},
		{"a quota that no number holds", "too large", []string{"enableNamesrv=true", "topicMaxBytes=Debug:9223372036854775807g"}},
		{"too small a budget", "four segments", []string{"enableNamesrv=true", "storeMaxBytes=128m"}},
		{"watermarks out of order", "follow each other upwards", []string{"enableNamesrv=true", "diskSpaceWarningLevelRatio=96"}},
		{"a slave that names itself", "its master's name", []string{"enableNamesrv=true", "brokerRole=SLAVE", "brokerId=1", "brokerName=auto"}},
		{"no pattern of links", "meteredLinks", []string{"enableNamesrv=true", "meteredLinks=ppp["}},
		{"two links without a semicolon", "a blank or a slash", []string{"enableNamesrv=true", "meteredLinks=wwan0 ppp0"}},
		{"too slow to live", "at least 1024", []string{"enableNamesrv=true", "haMeteredBytesPerSecond=100"}},
		{"TLS of some kind", "want one of disabled, permissive, enforcing", []string{"enableNamesrv=true", "tlsServerMode=on"}},
		{"TLS without a certificate", "needs tlsServerCertPath and tlsServerKeyPath", []string{"enableNamesrv=true", "tlsServerMode=permissive", "tlsServerKeyPath=/k"}},
		{"clients that nobody signs for", "tlsServerTrustCertPath names nobody", []string{"enableNamesrv=true", "tlsServerMode=permissive", "tlsServerCertPath=/c", "tlsServerKeyPath=/k", "tlsServerNeedClientAuth=optional"}},
		{"servers that nobody signs for", "tlsClientTrustCertPath names nobody", []string{"enableNamesrv=true", "tlsEnable=true"}},
		{"half a certificate", "are needed together", []string{"enableNamesrv=true", "tlsEnable=true", "tlsClientAuthServer=none", "tlsClientCertPath=/c"}},
		{"a name server that lets nobody in", "could not register", []string{"enableNamesrv=true", "tlsServerMode=enforcing", "tlsServerCertPath=/c", "tlsServerKeyPath=/k"}},
		{"a host by its name", "haPeers has \"gw-b\"", []string{"enableNamesrv=true", "haPeers=10.0.0.1;gw-b"}},
		{"half a network", "haPeers", []string{"enableNamesrv=true", "haPeers=10.0.0.0/33"}},
		{"hosts without a semicolon", "haPeers", []string{"enableNamesrv=true", "haPeers=10.0.0.1,10.0.0.2"}},
		{"nobody's address", "haPeers", []string{"enableNamesrv=true", "haPeers=0.0.0.0"}},
		{"a broker without its address", "namesrvAllowedBrokers", []string{"enableNamesrv=true", "namesrvAllowedBrokers=gw-a@"}},
		{"an address without its broker", "no brokerName", []string{"enableNamesrv=true", "namesrvAllowedBrokers=@10.0.0.1"}},
		{"a master with a slave's id", "brokerId is 1", []string{"enableNamesrv=true", "brokerId=1"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, _, err := config.Load("", tt.args)
			if err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("Load(%q) says %v, want it to say %q", tt.args, err, tt.want)
			}
		})
	}
}

func TestConfDIsLaidOverTheFile(t *testing.T) {
	dir := t.TempDir()
	path := write(t, dir, "pairmq.conf", "enableNamesrv=true\nbrokerName=a\nlistenPort=20911\n")
	write(t, dir, "conf.d/10-site.conf", "brokerName=b\n")
	write(t, dir, "conf.d/20-unit.conf", "brokerName=c\n")
	write(t, dir, "conf.d/notes.txt", "not read\n")
	c, _, err := config.Load(path, nil)
	if err != nil {
		t.Fatal(err)
	}
	if c.BrokerName != "c" || c.ListenPort != 20911 {
		t.Errorf("brokerName %q, listenPort %d; want c and 20911", c.BrokerName, c.ListenPort)
	}
}

func TestSizesAndDurations(t *testing.T) {
	tests := []struct {
		arg  string
		want func(config.Config) bool
	}{
		{"mappedFileSizeCommitLog=128M", func(c config.Config) bool { return c.SegmentSize == 128<<20 }},
		{"mappedFileSizeCommitLog=1g", func(c config.Config) bool { return c.SegmentSize == 1<<30 }},
		{"flushIntervalCommitLog=250", func(c config.Config) bool { return c.FlushInterval == 250*time.Millisecond }},
		{"flushIntervalCommitLog=2s", func(c config.Config) bool { return c.FlushInterval == 2*time.Second }},
		{"flushLinger=1500", func(c config.Config) bool { return c.FlushLinger == 1500*time.Microsecond }},
		{"topicFlush=Alarms:sync; Debug*:lazy;Telemetry:200ms", func(c config.Config) bool {
			return c.FlushWithin("Alarms") == 0 && c.FlushWithin("Debug7") == 30*time.Second && c.FlushWithin("Debug") == 30*time.Second &&
				c.FlushWithin("Telemetry") == 200*time.Millisecond && c.FlushWithin("Telemetry2") == 0
		}},
		{"topicFlush=*:1s", func(c config.Config) bool { return c.FlushWithin("Any") == time.Second }},
		{"topicMaxBytes=Telemetry:256m; Debug*:1G;Debug7:64k;", func(c config.Config) bool {
			return c.Quota("Telemetry") == 256<<20 && c.Quota("Telemetry2") == 0 && c.Quota("Debug") == 1<<30 && c.Quota("Debug7") == 1<<30 &&
				c.Quota("%RETRY%Debug") == 0 && c.Quota("") == 0
		}},
		{"topicMaxBytes=Debug7:128m;%DLQ%*:256m;*:512m", func(c config.Config) bool {
			return c.Quota("Debug7") == 128<<20 && c.Quota("%DLQ%g") == 256<<20 && c.Quota("Any") == 512<<20
		}},
		{"topicMaxBytes=", func(c config.Config) bool { return c.Quota("Any") == 0 }},
		{"fileReservedTime=3h", func(c config.Config) bool { return c.FileReserved == 3*time.Hour }},
	}
	for _, tt := range tests {
		c, _, err := config.Load("", []string{"enableNamesrv=true", tt.arg})
		if err != nil || !tt.want(c) {
			t.Errorf("%s: %v, %+v", tt.arg, err, c)
		}
	}
}

// TestSmallQuotasAreSaid: with less than two segments a topic may never have room
// again while nobody else sends.
func TestSmallQuotasAreSaid(t *testing.T) {
	_, notes, err := config.Load("", []string{"enableNamesrv=true", "mappedFileSizeCommitLog=16m", "topicMaxBytes=Telemetry:32m;Debug*:33554431"})
	if err != nil {
		t.Fatal(err)
	}
	if len(notes) != 1 || !strings.Contains(notes[0], "Debug*:33554431") || !strings.Contains(notes[0], "(33554432)") {
		t.Errorf("quotas of two segments and one byte less have the notes %q, want one for the latter", notes)
	}
}

func TestReloadAppliesWhatItCanAndNamesTheRest(t *testing.T) {
	now, _, err := config.Load("", []string{"enableNamesrv=true"})
	if err != nil {
		t.Fatal(err)
	}
	next, _, err := config.Load("", []string{"enableNamesrv=true", "logLevel=debug", "listenPort=20911"})
	if err != nil {
		t.Fatal(err)
	}
	changed, restart := now.Reload(&next)
	if got := strings.Join(changed, " "); got != "logLevel" || now.LogLevel != "debug" {
		t.Errorf("changed %q, logLevel %q", got, now.LogLevel)
	}
	if got := strings.Join(restart, " "); got != "listenPort haListenPort" || now.ListenPort != 10911 {
		t.Errorf("restart for %q, listenPort %d", got, now.ListenPort)
	}
}

// TestEveryKeyIsDocumented keeps docs/configuration.md the table that the
// code has; `go run ./daemon --print-keys` prints it.
func TestEveryKeyIsDocumented(t *testing.T) {
	doc, err := os.ReadFile("../../docs/configuration.md")
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(string(doc), config.Markdown()) {
		t.Errorf("docs/configuration.md does not hold the table of keys; it should be:\n%s", config.Markdown())
	}
}

func FuzzLoad(f *testing.F) {
	f.Add("enableNamesrv=true\nlistenPort=1\n# x\nmappedFileSizeCommitLog=9223372036854775807g\n")
	f.Add("flushIntervalCommitLog=-9223372036854775808\nfileReservedTime=1e9h")
	f.Fuzz(func(t *testing.T, text string) {
		path := write(t, t.TempDir(), "f.conf", text)
		c, _, err := config.Load(path, nil)
		if err != nil {
			return
		}
		again := write(t, t.TempDir(), "again.conf", c.Text())
		c.HostNamed = false // its Text has the name
		c2, _, err := config.Load(again, nil)
		if err != nil || !reflect.DeepEqual(c2, c) {
			t.Errorf("%q loads as\n%+v\nits Text as\n%+v (%v)", text, c, c2, err)
		}
	})
}
