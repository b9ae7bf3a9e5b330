package warner_test

import (
	"bytes"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"pairmq/internal/warner"
)

func TestOneLineInAWhile(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var out bytes.Buffer
		w := warner.Warner{To: slog.New(slog.NewTextHandler(&out, nil)), Level: slog.LevelWarn, Every: 10 * time.Second}
		for range 25 { // one a second
			w.Log("a stranger", "remote", "192.0.2.1")
			time.Sleep(time.Second)
		}
		lines := strings.Split(strings.TrimSpace(out.String()), "\n")
		if len(lines) != 3 || !strings.HasSuffix(lines[0], "suppressed=0") || !strings.HasSuffix(lines[1], "suppressed=9") || !strings.Contains(lines[2], "level=WARN msg=\"a stranger\" remote=192.0.2.1") {
			t.Errorf("logged\n%s", out.String())
		}
	})
}

// What happens in bursts, and seldom, is all said; a flood is not.
func TestAFewLinesAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var out bytes.Buffer
		w := warner.Warner{To: slog.New(slog.NewTextHandler(&out, nil)), Burst: 5}
		count := func(n int) int {
			out.Reset()
			for range n {
				w.Log("a topic was made")
			}
			return strings.Count(out.String(), "\n")
		}
		if got := count(5); got != 5 || strings.Contains(out.String(), "suppressed") {
			t.Errorf("5 lines after a silence became %d: %s", got, out.String())
		}
		if got := count(1000); got != 0 {
			t.Errorf("%d more lines were logged at once", got)
		}
		time.Sleep(2 * time.Second)
		if got := count(1000); got != 2 || !strings.Contains(out.String(), "suppressed=1000") {
			t.Errorf("after 2 s %d lines were logged, want 2 that say what was left out: %s", got, out.String())
		}
		time.Sleep(time.Minute)
		if got := count(1000); got != 5 {
			t.Errorf("after a minute %d lines were logged at once, want 5", got)
		}
	})
}
