package main

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"pairmq/daemon/config"
	"pairmq/discovery"
	"pairmq/internal/remoting"
	"pairmq/store/table"
)

// TestTheBoundsAreListed keeps docs/operations.md's table of bounds true: every key that is a
// bound is in it with the default that it has, and every test that it names is there.
func TestTheBoundsAreListed(t *testing.T) {
	doc, err := os.ReadFile("../docs/operations.md")
	if err != nil {
		t.Fatal(err)
	}
	_, text, ok := strings.Cut(string(doc), "\n## Bounds\n")
	if !ok {
		t.Fatal("there is no section of bounds")
	}
	text, _, _ = strings.Cut(text, "\n## ")
	tests := map[string]bool{}
	err = filepath.WalkDir("..", func(path string, d os.DirEntry, err error) error {
		if err != nil || !strings.HasSuffix(path, "_test.go") {
			return err
		}
		b, err := os.ReadFile(path)
		for _, m := range regexp.MustCompile(`(?m)^func (Test\w+)\(`).FindAllSubmatch(b, -1) {
			tests[string(m[1])] = true
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	named := regexp.MustCompile(`Test[A-Z]\w+`).FindAllString(text, -1)
	for _, name := range named {
		if !tests[name] {
			t.Errorf("the table names %s, and there is no such test", name)
		}
	}
	if len(named) < 50 {
		t.Errorf("the table names %d tests, want one for each bound", len(named))
	}
	c := config.Default()
	bound := regexp.MustCompile(`^(max[A-Z].*|.*Max[A-Z]\w*|.*Timeout|popPollingSize|popInflightMessageThreshold)$`)
	other := regexp.MustCompile(`^(ha|slave|transaction|syncFlush|diskMaxUsed|maxHaTransfer|quarantine|storeMax|timerMaxDelay|topicMaxBytes|timerMaxBytes)`) // bound what the broker does itself, or have no number
	for line := range strings.Lines(c.Text()) {
		name, value, _ := strings.Cut(strings.TrimSpace(line), "=")
		if !bound.MatchString(name) || other.MatchString(name) {
			continue
		}
		said := ""
		for _, rest := range strings.Split(text, "`"+name+"`")[1:] {
			rest, _, _ = strings.Cut(rest, " |")
			said += rest + "; "
		}
		if said == "" {
			t.Errorf("the table does not have %s", name)
			continue
		}
		for unit, short := range map[string]string{"12582912": "12 MiB", "4194304": "4 MiB"} {
			if value == unit {
				value = short
			}
		}
		if !strings.Contains(said, value) {
			t.Errorf("the table does not say that %s is %s", name, value)
		}
	}
}

// The name server takes the registration of as many topics as it keeps, whoever sends it.
func TestTheNameServersFrames(t *testing.T) {
	for _, topics := range []int{100, 20_000} {
		cfg := config.Default()
		cfg.NamesrvMaxTopics = topics
		var body discovery.RegisterBody
		for i := range topics {
			body.Topics = append(body.Topics, table.Topic{Name: fmt.Sprintf("%%RETRY%%a-group-of-a-gateway-with-a-long-name-%05d", i), ReadQueueNums: 16, WriteQueueNums: 16, Perm: 6, FilterType: "SINGLE_TAG"})
		}
		b, err := body.Encode()
		if err != nil {
			t.Fatal(err)
		}
		frame := len(remoting.AppendCommand(nil, &remoting.Command{Code: remoting.ReqRegisterBroker, Body: b}))
		if most := namesrvLimits(&cfg).Frame; frame > most || most > 12<<20 {
			t.Errorf("with %d topics a frame may have %d bytes; their registration has %d", topics, most, frame)
		}
	}
}

// At both ports what is too large is refused before it comes: before anybody looks at
// what is asked for, which there is not.
func TestTooLargeAtBothPorts(t *testing.T) {
	d := newDaemon(t)
	d.start()
	for _, addr := range []string{d.broker, d.namesrv} {
		resp := d.call(addr, &remoting.Command{Code: 31999, Body: make([]byte, 2<<20)})
		if resp.Code != remoting.RespSystemError || !strings.Contains(resp.Remark, "the body has 2097152 bytes") {
			t.Errorf("%s answers %d %q", addr, resp.Code, resp.Remark)
		}
	}
}
