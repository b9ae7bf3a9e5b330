package config

import (
	"errors"
	"reflect"
	"slices"
	"strings"
	"testing"
)

// texts is every key that takes any text, and what that is: a path, or why it can be none.
func texts() map[string]string {
	return map[string]string{
		"brokerClusterName": "name", "brokerName": "name",
		"brokerIP1": "address or link", "brokerIP2": "address or link", "bindAddress": "address",
		"tlsServerCertPath": "reads", "tlsServerKeyPath": "reads", "tlsServerTrustCertPath": "reads",
		"tlsClientTrustCertPath": "reads", "tlsClientCertPath": "reads", "tlsClientKeyPath": "reads",
		"namesrvAddr": "addresses", "namesrvAllowedBrokers": "addresses", "haMasterAddress": "address", "haSlaveAddress": "address", "meteredLinks": "links",
		"storePathRootDir": "own folder", "storeMountPoint": "looks at",
		"supplyFail": "text, of which file:PATH is read",
		"ledOk":      "names below /sys/class/leds", "ledReplicating": "names below /sys/class/leds",
		"ledDegraded": "names below /sys/class/leds", "ledFault": "names below /sys/class/leds",
		"msgTraceTopicName": "name",
		"metricsListen":     "address", "metricsTextfile": "writes", "watchdogDevice": "device", "adminSocket": "socket", "aclFile": "rewrites", "aclToolsFile": "reads", "haSecretFile": "reads",
	}
}

// A key that is new fails here until somebody has said whether it names something in the
// file system. What a file to write may be called is in TestWhatIsWrittenCannotBeAnyFile.
func TestWhatKeysNameInTheFileSystem(t *testing.T) {
	use := map[string]Use{"reads": ReadsFile, "own folder": KeepsFolder, "looks at": LooksAt, "writes": WritesFile, "device": FeedsDevice, "socket": MakesSocket, "rewrites": RewritesFile}
	known := texts()
	for _, k := range keys() {
		c := Default()
		meaning, listed := known[k.name]
		takes := k.set(&c, "/some/path") == nil && strings.Contains(k.value(&c), "/some/path")
		if takes != listed {
			t.Errorf("%s takes a path as its value: %v; listed among those that do: %v. Say in texts what it is, and mark it with at if the daemon opens it", k.name, takes, listed)
		}
		if k.use != use[meaning] {
			t.Errorf("%s has the use %d, want %d: %q", k.name, k.use, use[meaning], meaning)
		}
		delete(known, k.name)
	}
	if len(known) > 0 {
		t.Errorf("no keys any more: %v", known)
	}
}

// Neither updateBrokerConfig (CVE-2023-33246, CVE-2023-37582) nor a signal changes them.
func TestNoPathChangesWhileTheDaemonRuns(t *testing.T) {
	n := 0
	for _, k := range keys() {
		if k.use == NoPath && k.name != "supplyFail" && !strings.HasPrefix(k.name, "led") {
			continue
		}
		n++
		if k.live || k.online {
			t.Errorf("%s can change while the daemon runs (SIGHUP: %v, updateBrokerConfig: %v)", k.name, k.live, k.online)
		}
		files := Default()
		_, _, err := Change(&files, nil, []byte(k.name+"=/etc/cron.d/x.prom"))
		if !errors.Is(err, ErrChange) || !strings.Contains(err.Error(), "cannot change while the broker runs") {
			t.Errorf("changing %s: %v, want it refused", k.name, err)
		}
		if c, dropped := (Overrides{k.name: {Value: "/etc/cron.d/x.prom", File: k.value(&files)}}).Over(&files); k.value(&c) != k.value(&files) || !slices.Equal(dropped, []string{k.name}) {
			t.Errorf("a change of %s that a store has kept counts: %q, dropped %v", k.name, k.value(&c), dropped)
		}
	}
	if n != 19 {
		t.Errorf("%d keys that name something, want 19", n)
	}
}

func TestWhatIsWrittenCannotBeAnyFile(t *testing.T) {
	for _, tt := range []struct {
		setting string
		ok      bool
	}{
		{"metricsTextfile=/run/x.prom", true},
		{"metricsTextfile=/etc/passwd", false},
		{"metricsTextfile=x.prom", false},
		{"metricsTextfile=/etc/cron.d/x", false},
	} {
		if _, _, err := Load("", []string{"enableNamesrv=true", tt.setting}); (err == nil) != tt.ok {
			t.Errorf("%s: %v, want it taken: %v", tt.setting, err, tt.ok)
		}
	}
}

func TestPaths(t *testing.T) {
	c, _, err := Load("", []string{"enableNamesrv=true", "metricsTextfile=/run/x.prom", "storePathRootDir=/s", "watchdogDevice=/dev/watchdog"})
	if err != nil {
		t.Fatal(err)
	}
	want := []Path{{"aclFile", RewritesFile, "/etc/pairmq/plain_acl.yml"}, {"storePathRootDir", KeepsFolder, "/s"}, {"metricsTextfile", WritesFile, "/run/x.prom"}, {"watchdogDevice", FeedsDevice, "/dev/watchdog"}}
	if got := c.Paths(); !reflect.DeepEqual(got, want) {
		t.Errorf("paths %v, want %v", got, want)
	}
}
