package replica_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"pairmq/replica"
	"pairmq/store/table"
)

// modesOf is an answer to 402 as 5.4.0 makes it, of "topic group mode" each.
func modesOf(all ...string) string {
	byTopic := map[string][]string{}
	for _, one := range all {
		f := strings.Fields(one)
		byTopic[f[0]] = append(byTopic[f[0]], fmt.Sprintf(`%q:{"consumerGroup":%q,"mode":%q,"popShareQueueNum":-1,"topic":%q}`, f[1], f[1], f[2], f[0]))
	}
	var topics []string
	for topic, groups := range byTopic {
		topics = append(topics, fmt.Sprintf("%q:{%s}", topic, strings.Join(groups, ",")))
	}
	return `{"messageRequestModeMap":{` + strings.Join(topics, ",") + "}}"
}

// popping returns the modes that a slave has, as modesOf takes them, sorted.
func (r *copying) popping() string {
	all, err := r.meta.RequestModes()
	if err != nil {
		r.t.Fatal(err)
	}
	var list []string
	for topic, groups := range all {
		for group, m := range groups {
			if m.Topic != topic || m.Group != group || m.Others != -1 {
				r.t.Errorf("mode %+v of %s in %s", m, group, topic)
			}
			list = append(list, topic+" "+group+" "+m.Mode)
		}
	}
	slices.Sort(list)
	return strings.Join(list, ", ")
}

// TestASlaveCopiesWhoPops: from a master that knows of it. It is asked again as soon as
// a group has changed, and what it does not have goes only while the logs are the same.
func TestASlaveCopiesWhoPops(t *testing.T) {
	watchTest(t, func(t *testing.T, m *watchedMaster) {
		change := func(all ...string) {
			m.answer(402, modesOf(all...))
			m.change(func(v *replica.TableVersions) { v.Groups++ })
			synctest.Wait()
		}
		if m.popping() != "" {
			t.Fatalf("a slave begins with %s", m.popping())
		}
		m.answer(402, modesOf("T g POP"))
		m.copying.now()
		if got := m.popping(); got != "T g POP" {
			t.Errorf("copied %q", got)
		}
		change("T g PULL", "T h POP", "U g POP")
		if got := m.popping(); got != "T g PULL, T h POP, U g POP" {
			t.Errorf("after changes: %q", got)
		}
		m.set(func() { m.same = false })
		change("T g POP")
		if got := m.popping(); got != "T g POP, T h POP, U g POP" {
			t.Errorf("of another log: %q, want what was there besides", got)
		}
		m.set(func() { m.same = true })
		change("T g POP", "T h PUSH", "../x g POP", "V "+strings.Repeat("g", 256)+" POP")
		if got := m.popping(); got != "T g POP" {
			t.Errorf("of the same log: %q", got)
		}
		if n := m.logged("level=WARN", `what="request modes"`, "left=3"); n != 1 {
			t.Errorf("what is wrong was logged %d times", n)
		}
		writes := m.meta.counts()
		m.copying.now()
		if got := m.meta.counts(); got != writes {
			t.Errorf("nothing has changed, and it was written: %s, then %s", writes, got)
		}
	})
}

// TestAMasterThatKnowsNoModes is 4.9.7: it is asked once, and again when it may be
// another program.
func TestAMasterThatKnowsNoModes(t *testing.T) {
	copyTest(t, func(t *testing.T, r *copying) {
		if err := r.meta.SetRequestModes(table.RequestModes{"T": {"g": {Group: "g", Mode: table.ModePop, Others: -1, Topic: "T"}}}); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Minute)
		synctest.Wait()
		if r.refused != 1 || r.logged("level=WARN") > 0 {
			t.Errorf("asked %d times, want once; the log is\n%s", r.refused, r.log)
		}
		if got := r.popping(); got != "T g POP" {
			t.Errorf("it has taken away what the slave had: %q", got)
		}
		r.answer(402, modesOf("T g PULL"))
		r.now()
		if got := r.popping(); got != "T g PULL" {
			t.Errorf("of 5.4.0: %q", got)
		}
	})
}
