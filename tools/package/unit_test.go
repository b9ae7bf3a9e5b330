package main

import (
	"cmp"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
)

const recipes = "../../packaging"

func readRecipe(t *testing.T, name string) string {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(recipes, name))
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// readUnit reads the settings of a unit: "Service.Type" → all of its values.
func readUnit(t *testing.T, name string) map[string][]string {
	t.Helper()
	unit, section := map[string][]string{}, ""
	for line := range strings.Lines(readRecipe(t, "systemd/"+name)) {
		line = strings.TrimSpace(line)
		if line == "" || line[0] == '#' {
			continue
		}
		if line[0] == '[' {
			section = strings.Trim(line, "[]")
			continue
		}
		key, value, ok := strings.Cut(line, "=")
		if !ok || section == "" {
			t.Fatalf("%s: %q is no setting", name, line)
		}
		unit[section+"."+key] = append(unit[section+"."+key], value)
	}
	return unit
}

func TestTheUnitStartsWhatIsInstalled(t *testing.T) {
	unit := readUnit(t, "pairmqd.service")
	want := map[string]string{
		"Service.Type":                     "notify",
		"Service.ExecStart":                "/usr/bin/pairmqd -c /etc/pairmq/pairmqd.conf",
		"Service.User":                     "pairmq",
		"Service.StateDirectory":           "pairmq", // the default of storePathRootDir is /var/lib/pairmq
		"Service.Restart":                  "on-failure",
		"Service.RestartPreventExitStatus": "2 3", // exitUsage and exitSurroundings of the daemon
		"Unit.StartLimitIntervalSec":       "0",   // it never gives up
		"Install.WantedBy":                 "multi-user.target",
	}
	for key, value := range want {
		if got := unit[key]; !slices.Equal(got, []string{value}) {
			t.Errorf("%s is %q, want %q", key, got, value)
		}
	}
	// The daemon gives an answer a third of it, and one sync of a slow card has to fit into that.
	watchdog, err := time.ParseDuration(strings.Join(unit["Service.WatchdogSec"], " "))
	if err != nil || watchdog/3 <= 30*time.Second {
		t.Errorf("WatchdogSec is %q, %v; a card that stands still for 30 s would have the daemon killed", unit["Service.WatchdogSec"], err)
	}
	if got := unit["Service.WatchdogSignal"]; got != nil {
		t.Errorf("WatchdogSignal is %q, not SIGABRT, which has Go write every stack", got)
	}
	contents := readRecipe(t, "nfpm.yaml")
	for _, installed := range []string{"dst: /usr/bin/pairmqd,", "dst: /etc/pairmq/pairmqd.conf, type: config|noreplace", "dst: /etc/pairmq/conf.d, type: dir"} {
		if !strings.Contains(contents, installed) {
			t.Errorf("nfpm.yaml does not have %q", installed)
		}
	}
	if user := readRecipe(t, "sysusers.d/pairmq.conf"); !strings.HasPrefix(user, "u pairmq ") {
		t.Errorf("sysusers.d makes %q", user)
	}
	if state := readRecipe(t, "tmpfiles.d/pairmq.conf"); state != "d /var/lib/pairmq 0750 pairmq pairmq -\n" {
		t.Errorf("tmpfiles.d makes %q", state)
	}
	if file := readRecipe(t, "pairmqd.conf"); !regexp.MustCompile(`(?m)^#storePathRootDir=/var/lib/pairmq$`).MatchString(file) {
		t.Error("the daemon's store is not in the unit's StateDirectory")
	}
}

// TestAnInstanceDiffersInItsNamesAlone holds the two units together.
func TestAnInstanceDiffersInItsNamesAlone(t *testing.T) {
	unit, instance := readUnit(t, "pairmqd.service"), readUnit(t, "pairmqd@.service")
	for key, values := range instance {
		for i, v := range values {
			v = strings.NewReplacer(" --storePathRootDir=/var/lib/pairmq-%i", "", "-%i", "", " %i", "").Replace(v)
			values[i] = v
		}
		if !slices.Equal(values, unit[key]) {
			t.Errorf("%s is %q in the instance, %q in the unit", key, values, unit[key])
		}
	}
	if len(instance) != len(unit) {
		t.Errorf("the instance has %d settings, the unit %d", len(instance), len(unit))
	}
	if raw := readUnit(t, "pairmqd@.service")["Service.ExecStart"][0]; !strings.Contains(raw, "--storePathRootDir=/var/lib/pairmq-%i") {
		t.Errorf("an instance is started as %q: two would have one store", raw)
	}
}

func TestTheManPageHasEveryKeyOfTheFile(t *testing.T) {
	file := readRecipe(t, "pairmqd.conf")
	page, err := configPage(file)
	if err != nil {
		t.Fatal(err)
	}
	keys := regexp.MustCompile(`(?m)^#(\w+)=`).FindAllStringSubmatch(file, -1)
	if n := strings.Count(string(page), "\n.TP\n"); n != len(keys) || n < 50 {
		t.Errorf("the page has %d keys, the file %d", n, len(keys))
	}
	const want = ".TP\n.BR logLevel\" = \"\\fIinfo\\fR\nleast important line that is logged\n"
	if !strings.Contains(string(page), want) {
		t.Errorf("the page lacks %q:\n%s", want, page)
	}
	if _, err := configPage("enableNamesrv=true\n"); err == nil {
		t.Error("a file without comments makes a page")
	}
}

// TestTheSocketHasThePortsOfTheFile as it is installed: one that nobody listens on has
// clients wait for ever.
func TestTheSocketHasThePortsOfTheFile(t *testing.T) {
	file := readRecipe(t, "pairmqd.conf")
	port := func(key string) int {
		m := regexp.MustCompile(`(?m)^#?` + key + `=(\d+)$`).FindStringSubmatch(file)
		if m == nil {
			t.Fatalf("pairmqd.conf has no %s", key)
		}
		n, err := strconv.Atoi(m[1])
		if err != nil {
			t.Fatal(err)
		}
		return n
	}
	client := port("listenPort")
	var want []string
	for _, p := range []int{client, client - 2, cmp.Or(port("haListenPort"), client+1), port("namesrvListenPort")} {
		want = append(want, strconv.Itoa(p))
	}
	socket := readUnit(t, "pairmqd.socket")
	if got := socket["Socket.ListenStream"]; !slices.Equal(got, want) {
		t.Errorf("pairmqd.socket listens on %v, the daemon on %v", got, want)
	}
	for _, script := range []string{"deb-postinst", "rpm-post"} {
		if strings.Contains(readRecipe(t, "scripts/"+script), "pairmqd.socket") {
			t.Errorf("%s does something with the socket, which is not enabled unless its owner does it", script)
		}
	}
}
