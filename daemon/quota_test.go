package main

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"pairmq/internal/remoting"
)

// TestATopicThatRunsWildIsRefused sends to one topic until it is at its quota: its
// producers are told to go elsewhere, the others' are not, also after a restart, and
// it is taken again when others' messages have gone round.
func TestATopicThatRunsWildIsRefused(t *testing.T) {
	d := newDaemon(t)
	const quota = 256 << 10
	d.settings = append(d.settings, "mappedFileSizeCommitLog=128k", "maxMessageSize=16k", "flushDiskType=ASYNC_FLUSH", "storeMaxBytes=34m", fmt.Sprintf("topicMaxBytes=Wild*:%d", quota))
	d.start()
	body := strings.Repeat("x", 12<<10)
	var r *remoting.Command
	sent := 0
	for r = d.send("Wild", body); r.Code == remoting.RespSuccess && sent < 100; r = d.send("Wild", body) {
		sent++
	}
	if r.Code != remoting.RespServiceNotAvailable || !strings.Contains(r.Remark, "topicMaxBytes") || sent != quota/(12<<10) {
		t.Errorf("after %d messages answered %d %q, want 14 after %d", sent, r.Code, r.Remark, quota/(12<<10))
	}
	if r := d.send("Free", body); r.Code != remoting.RespSuccess {
		t.Errorf("another topic is answered %d %q", r.Code, r.Remark)
	}
	held := d.heldOf("Wild")
	if err := d.stop(); err != nil {
		t.Fatal(err)
	}
	d.start()
	if r := d.send("Wild", body); r.Code != remoting.RespServiceNotAvailable {
		t.Errorf("after a restart answered %d %q, want 14", r.Code, r.Remark)
	}
	if again := d.heldOf("Wild"); again != held {
		t.Errorf("after a restart it holds %q, %q before", again, held)
	}
	others := 0
	for d.heldOf("Wild") == held && others < 4000 {
		for range 10 {
			if r := d.send("Free", body); r.Code != remoting.RespSuccess {
				t.Fatalf("another topic is answered %d %q", r.Code, r.Remark)
			}
			others++
		}
	}
	if r := d.send("Wild", body); r.Code != remoting.RespSuccess {
		t.Errorf("after %d messages of another topic answered %d %q", others, r.Code, r.Remark)
	}
	t.Logf("%d messages, then refused; %d of another topic later taken again", sent, others)
	if err := d.stop(); err != nil {
		t.Fatal(err)
	}
}

// heldOf is what the broker says of a topic with a quota.
func (d *daemonUnderTest) heldOf(topic string) string {
	d.t.Helper()
	var info struct{ Table map[string]string }
	if err := json.Unmarshal(d.call(d.broker, &remoting.Command{Code: remoting.ReqGetBrokerRuntimeInfo}).Body, &info); err != nil {
		d.t.Fatal(err)
	}
	return info.Table["topicBytes "+topic]
}
