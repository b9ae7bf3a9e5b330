package rights

import (
	"bytes"
	"log/slog"
	"net/netip"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// TestOneWhoIsRefusedDoesNotHideAnother: nor do many addresses fill the log.
func TestOneWhoIsRefusedDoesNotHideAnother(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var out bytes.Buffer
		var r refusals
		r.to(slog.New(slog.NewTextHandler(&out, nil)))
		loud, quiet := netip.MustParseAddr("203.0.113.2"), netip.MustParseAddr("203.0.113.3")
		for range 1000 {
			r.log(loud, "refused", "from", loud)
		}
		r.log(quiet, "refused", "from", quiet)
		if text := out.String(); strings.Count(text, "\n") != 3 || strings.Count(text, "from=203.0.113.3") != 1 {
			t.Errorf("logged\n%s", text)
		}
		out.Reset()
		from := loud
		for range 10_000 { // in a second
			from = from.Next()
			r.log(from, "refused", "from", from)
			time.Sleep(100 * time.Microsecond)
		}
		if n := strings.Count(out.String(), "\n"); n > lastSources+2 {
			t.Errorf("10,000 addresses are %d lines", n)
		}
	})
}
