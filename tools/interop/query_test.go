package interop

import (
	"fmt"
	"regexp"
	"strings"
	"testing"
	"time"

	"pairmq/tools/interop/peers"
	"pairmq/tools/interop/wire"
)

// TestQuery has mqadmin of both versions look for messages by key and by unique key.
func TestQuery(t *testing.T) {
	tg := startTarget(t, map[string]string{"flushDiskType": "ASYNC_FLUSH"})
	ctx, c := within(t, time.Minute), dial(t, tg)
	const topic, id = "Queries", "7F0000010001816C0D1C18B4AAC20001"
	if err := c.CreateTopic(ctx, topic, 4); err != nil {
		t.Fatal(err)
	}
	for i, m := range []map[string]string{
		{"KEYS": "Aa order-1", "UNIQ_KEY": id}, {"KEYS": "order-1 order-2"}, {"KEYS": "BB"}, // Aa and BB have one hash
	} {
		if _, err := c.Send(ctx, wire.Message{Topic: topic, QueueID: int32(i), Properties: m, Body: fmt.Appendf(nil, "query %d", i)}); err != nil {
			t.Fatal(err)
		}
	}
	for _, version := range []string{peers.V4, peers.V5} {
		t.Run("mqadmin-"+version, func(t *testing.T) {
			p, err := peers.Fetch(t.Context(), version)
			if err != nil {
				t.Fatal(err)
			}
			dir := workDir(t)
			const end = `\s*(\d\d:\d\d:\d\d\.\d+ WARN (?s:.*))?$` // 5.4.0 logs to where it answers
			for _, tt := range []struct {
				command string
				want    string // of what is printed, line by line
			}{
				{"queryMsgByKey -t " + topic + " -k order-1", `(?s)` + id + ` +0 +0.*\n\S+ +1 +0`},
				{"queryMsgByKey -t " + topic + " -k Aa", id + ` +0 +0 *\S*` + end},
				{"queryMsgByKey -t " + topic + " -k BB", `#.*\n\S+ +2 +0 *\S*` + end},
				{"queryMsgByKey -t " + topic + " -k none", `no message`},
				{"queryMsgByUniqueKey -t " + topic + " -i " + id, `Queue ID: +0\n(?s).*UNIQ_KEY=` + id},
			} {
				out, err := p.Admin(t.Context(), dir, tg.Namesrv, strings.Fields(tt.command)...)
				if err != nil {
					t.Fatal(err)
				}
				if !regexp.MustCompile(tt.want).MatchString(out) {
					t.Errorf("mqadmin %s: nothing matches %q in:\n%s", tt.command, tt.want, out)
				}
			}
		})
	}
}
