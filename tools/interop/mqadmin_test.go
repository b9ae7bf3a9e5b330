package interop

import (
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"pairmq/tools/interop/line"
	"pairmq/tools/interop/mqadmin"
	"pairmq/tools/interop/peers"
	"pairmq/tools/interop/target"
)

// writeEnv has the answers recorded, and with them docs/mqadmin.md and the lists
// of request codes written.
const writeEnv = "PAIRMQ_WRITE"

// TestMQAdmin runs every command of mqadmin, of both versions, against pairmq:
// each has to answer what it answered when docs/mqadmin.md was made, a failure and a refusal too. PAIRMQ_WRITE=1 runs them
// against Apache's broker and name server too and makes the page; PAIRMQ_WRITE=pairmq
// takes Apache's answers as they were recorded.
func TestMQAdmin(t *testing.T) {
	t.Parallel() // it waits more than it works
	for _, version := range []string{peers.V4, peers.V5} {
		t.Run(version, func(t *testing.T) {
			p, dir := adminPeer(t, version)
			everyCommandIsListed(t, p, dir)
			everyCodeIsListed(t, p, dir)
			if os.Getenv(writeEnv) != "" {
				record(t, p)
				return
			}
			t.Run("pairmq", func(t *testing.T) { stillWorks(t, p) })
		})
	}
	if os.Getenv(writeEnv) != "" && !t.Failed() {
		writePage(t)
	}
}

// tell runs the driver in a mode that prints what is in the jars.
func tell(t *testing.T, p *peers.Peer, dir, mode string) (all []line.Line) {
	t.Helper()
	for l := range newAdminShell(t, p, dir, "127.0.0.1:1", mode).lines {
		all = append(all, l)
	}
	return all
}

// everyCommandIsListed compares MQAdminStartup's commands with the list.
func everyCommandIsListed(t *testing.T, p *peers.Peer, dir string) {
	there, listed := map[string]bool{}, map[string]bool{}
	for _, l := range tell(t, p, dir, "commands") {
		there[l.Get("name")] = true
	}
	for _, c := range mqadmin.Of(p.Version) {
		listed[c.Name] = true
	}
	if !maps.Equal(there, listed) {
		t.Errorf("mqadmin %s has the commands\n%v, package mqadmin lists\n%v", p.Version, slices.Sorted(maps.Keys(there)), slices.Sorted(maps.Keys(listed)))
	}
	t.Logf("mqadmin %s has %d commands", p.Version, len(there))
}

// everyCodeIsListed compares RequestCode with the list that the product's test of
// docs/requestcodes.md reads, or writes that.
func everyCodeIsListed(t *testing.T, p *peers.Peer, dir string) {
	var b strings.Builder
	for _, l := range tell(t, p, dir, "codes") {
		fmt.Fprintf(&b, "%s %s\n", l.Get("code"), l.Get("name"))
	}
	file := filepath.Join("..", "..", "daemon", "testdata", "requestcodes-"+p.Version+".txt")
	if os.Getenv(writeEnv) != "" {
		if err := os.WriteFile(file, []byte(b.String()), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if text, err := os.ReadFile(file); err != nil || string(text) != b.String() {
		t.Errorf("%s is not what the jars of %s say (%v): make mqadmin", file, p.Version, err)
	}
}

// stillWorks runs the commands against pairmq and compares with what was recorded.
func stillWorks(t *testing.T, p *peers.Peer) {
	recorded, err := mqadmin.Recorded("mqadmin", p.Version)
	if err != nil {
		t.Fatal(err)
	}
	if recorded == nil {
		t.Fatalf("make mqadmin has not recorded the answers to mqadmin %s", p.Version)
	}
	commands := mqadmin.Of(p.Version)
	if len(recorded) != len(commands) {
		t.Fatalf("%d answers are recorded for %d commands: make mqadmin", len(recorded), len(commands))
	}
	for i, now := range newAdminSite(t, p, target.Pairmq).round(t, p.Version) {
		if why := commands[i].Broken(recorded[i], now); why != "" {
			t.Errorf("mqadmin %s %s: %s\nIf it should: make mqadmin", commands[i].Name, commands[i].Args, why)
		}
	}
}

func record(t *testing.T, p *peers.Peer) {
	var apache, pairmq []string
	commands := mqadmin.Of(p.Version)
	if os.Getenv(writeEnv) == "pairmq" {
		apache = asRecorded(t, p.Version, commands)
	} else {
		t.Run("apache", func(t *testing.T) { apache = newAdminSite(t, p, "apache-"+p.Version).round(t, p.Version) })
	}
	t.Run("pairmq", func(t *testing.T) { pairmq = newAdminSite(t, p, target.Pairmq).round(t, p.Version) })
	if t.Failed() {
		return
	}
	var all []mqadmin.Answer
	for i, c := range commands {
		a := mqadmin.Answer{Command: c.Name, Args: c.Args, Apache: apache[i], Pairmq: pairmq[i]}
		if class := c.Classify(a.Apache, a.Pairmq); class != mqadmin.Same && c.Reason(class) == "" {
			t.Errorf("mqadmin %s %s: %s, and package mqadmin does not say why; Apache:\n%s\npairmq:\n%s", c.Name, c.Args, class, a.Apache, a.Pairmq)
		}
		all = append(all, a)
	}
	if err := mqadmin.Write("mqadmin", p.Version, all); err != nil {
		t.Fatal(err)
	}
}

// asRecorded returns Apache's answers as they were recorded.
func asRecorded(t *testing.T, version string, commands []mqadmin.Command) (apache []string) {
	t.Helper()
	recorded, err := mqadmin.Recorded("mqadmin", version)
	if err != nil {
		t.Fatal(err)
	}
	for i, c := range commands {
		if i >= len(recorded) || recorded[i].Command != c.Name || recorded[i].Args != c.Args {
			t.Fatalf("Apache's answers to mqadmin %s are not recorded: make mqadmin", version)
		}
		apache = append(apache, recorded[i].Apache)
	}
	return apache
}

func writePage(t *testing.T) {
	page, err := mqadmin.Markdown("mqadmin")
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join("..", "..", "docs", "mqadmin.md"), []byte(page), 0o644); err != nil {
		t.Fatal(err)
	}
}
