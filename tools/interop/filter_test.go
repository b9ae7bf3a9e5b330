package interop

import (
	"bytes"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"pairmq/tools/interop/agents"
	"pairmq/tools/interop/expressions"
	"pairmq/tools/interop/peers"
	"pairmq/tools/interop/wire"
)

// filterSeed begins the series of expressions, of which each version judges another.
const filterSeed = 20417

// TestFilterVerdicts has the SQL92 filters of Apache's releases judge expressions
// that are made up, and pairmq's hold its own verdicts against theirs: package
// sql92 has a test that reads them from a file.
func TestFilterVerdicts(t *testing.T) {
	const n = 12_000
	for i, version := range []string{peers.V4, peers.V5} {
		t.Run("apache-"+version, func(t *testing.T) {
			ctx := within(t, 5*time.Minute)
			peer, err := peers.Fetch(ctx, version)
			if err != nil {
				t.Fatal(err)
			}
			dir := workDir(t)
			if err := peer.Compile(ctx, dir); err != nil {
				t.Fatal(err)
			}
			cases := expressions.Cases(filterSeed+uint64(i), n)
			verdicts, err := peer.Judge(ctx, dir, cases)
			if err != nil {
				t.Fatal(err)
			}
			count := map[string]int{}
			text := fmt.Appendf(nil, "# apache %s\n", version)
			for i, c := range cases {
				text = fmt.Appendf(text, "%s\t%q\t%q\n", verdicts[i], c.Expression, c.Properties)
				count[verdicts[i]]++
			}
			for _, verdict := range []string{"true", "false", "null", "failed", "refused"} {
				if count[verdict] < n/100 {
					t.Errorf("%d of %d verdicts are %s: these expressions show little", count[verdict], n, verdict)
				}
			}
			file := filepath.Join(dir, "verdicts.txt")
			if err := os.WriteFile(file, text, 0o644); err != nil {
				t.Fatal(err)
			}
			cmd := exec.CommandContext(ctx, "go", "test", "-count=1", "-v", "-run", "^TestApacheVerdicts$", "./daemon/broker/sql92")
			cmd.Dir, cmd.Env = filepath.Join("..", ".."), append(os.Environ(), "SQL92_VERDICTS="+file)
			out, err := cmd.CombinedOutput()
			if err != nil || !bytes.Contains(out, []byte("PASS: TestApacheVerdicts/given")) {
				t.Errorf("pairmq's verdicts: %v\n%s", err, out)
			}
			t.Logf("%v\n%s", count, out)
		})
	}
}

// byExpression has consumers subscribe by SQL92 expressions while messages come:
// the broker gives out exactly what an expression is true for, and the rest does
// not hold it up. A wrong expression is refused when the Java client starts.
func byExpression(t *testing.T, w *world, client *agents.Agent) {
	const queues, n = 4, 200
	topic := name(t)
	w.topic(t, topic, queues)
	subscriptions := []struct {
		name, expr string
		wants      func(i int) bool
	}{
		{"numbers", "i >= 50 AND i < 100 OR i = 150", func(i int) bool { return i >= 50 && i < 100 || i == 150 }},
		{"texts", texts, areTexts},
		{"tags", "TAGS = '温度' AND NOT (region = 'EU')", func(i int) bool { return i%5 == 0 && i%3 > 0 }},
		{"fractions", "part BETWEEN 0.25 AND 0.5", func(i int) bool { return i >= 25 && i <= 50 }},
	}
	consumers := map[string]*agents.Consumer{}
	for _, s := range subscriptions {
		group := "C_" + topic + "_" + s.name
		c, err := client.Push(within(t, time.Minute), agents.Subscription{Group: group, Topic: topic, Expr: s.expr, SQL: true, Instance: group})
		if err != nil {
			t.Fatal(err)
		}
		consumers[s.name] = c
	}
	for i := range n {
		props := judged(i)
		if i%5 == 0 {
			props["TAGS"] = "温度"
		}
		if _, err := w.conn.Send(within(t, 10*time.Second), wire.Message{Topic: topic, QueueID: int32(i % queues), Body: []byte("filtered"), Properties: props}); err != nil {
			t.Fatal(err)
		}
	}
	for _, s := range subscriptions {
		var want []int
		for i := range n {
			if s.wants(i) {
				want = append(want, i)
			}
		}
		c := consumers[s.name]
		waited := c.Wait(within(t, time.Minute), distinct(len(want)))
		if err := c.Stop(within(t, 30*time.Second)); err != nil {
			t.Error(err)
		}
		if got := slices.Sorted(maps.Keys(indexes(c.Got()))); !slices.Equal(got, want) || len(c.Got()) != len(want) {
			t.Errorf("%q: %d deliveries of %v, want %v (%v)", s.expr, len(c.Got()), got, want, waited)
		}
	}
	if client.Java {
		group := "C_" + topic + "_wrong"
		_, err := client.Push(within(t, time.Minute), agents.Subscription{Group: group, Topic: topic, Expr: "i >", SQL: true, Instance: group})
		if err == nil || !strings.Contains(err.Error(), "CODE: 23") {
			t.Errorf("a consumer with a wrong expression starts: %v", err)
		}
	}
}

// judged is the properties of message i that expressions are about.
func judged(i int) map[string]string {
	props := map[string]string{"n": fmt.Sprint(i), "i": fmt.Sprint(i), "region": []string{"EU", "US", "it's"}[i%3], "part": fmt.Sprintf("%.2f", float64(i)/100)}
	if i%2 == 0 {
		props["half"] = fmt.Sprint(i / 2)
	}
	return props
}

// texts is an expression, and areTexts says of which messages it is true.
const texts = "region IN ('US', 'it''s') AND half IS NOT NULL"

func areTexts(i int) bool { return i%3 > 0 && i%2 == 0 }
