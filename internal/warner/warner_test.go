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
