package flight

import (
	"bytes"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

func TestItRecordsWhatIsNotLogged(t *testing.T) {
	var logged bytes.Buffer
	r := New()
	log := r.Logger(slog.NewTextHandler(&logged, &slog.HandlerOptions{Level: slog.LevelError}))
	log.Debug("detail")
	log.With("part", "store").Info("store open", "maxPhyOffset", 7)
	log.WithGroup("g").Error("failed", "err", "disk on fire")
	all := r.Entries()
	if len(all) != 2 || all[0].Text != `msg="store open" part=store maxPhyOffset=7` || all[0].Level != "INFO" || all[1].Text != `msg=failed g.err="disk on fire"` || all[1].Level != "ERROR" {
		t.Errorf("recorded %+v", all)
	}
	if n := strings.Count(logged.String(), "\n"); n != 1 || !strings.Contains(logged.String(), "msg=failed") {
		t.Errorf("logged\n%s", &logged)
	}
	if Of(log.With("a", 1)) != r || Of(slog.New(slog.DiscardHandler)) != nil {
		t.Error("Of does not find the recorder of a logger")
	}
}

func TestWhatComesAgainIsCounted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := New()
		log := r.Logger(slog.DiscardHandler)
		begin := time.Now()
		for range 1000 {
			log.Info("slave joined")
			log.Info("slave left")
			time.Sleep(time.Second)
		}
		all := r.Entries()
		if len(all) != 2 || all[0].Count != 1000 || !all[0].Time.Equal(begin) || !all[1].Last.Equal(begin.Add(999*time.Second)) {
			t.Errorf("recorded %+v", all)
		}
		for i := range 20 {
			log.Warn("something else", "n", i)
		}
		log.Info("slave joined")
		all = r.Entries()
		if last := all[len(all)-1]; last.Message != "slave joined" || last.Count != 1 || last.Up != 1000*time.Second {
			t.Errorf("long after the others, %+v", last)
		}
	})
}

// TestItIsBounded: one message that comes in thousands does not push out the others,
// and there is never more than fits.
func TestItIsBounded(t *testing.T) {
	r := New()
	log := r.Logger(slog.DiscardHandler)
	log.Info("master", "epoch", 7)
	for i := range 10_000 {
		log.Warn("registration failed", "n", i)
	}
	all := r.Entries()
	if len(all) != 1+maxAlike || all[0].Message != "master" || all[len(all)-1].Text != `msg="registration failed" n=9999` {
		t.Errorf("%d entries, the first %+v", len(all), all[0])
	}
	for i := range 5000 {
		log.Info(fmt.Sprintf("message %d", i), "long", strings.Repeat("é", i%1000))
	}
	all, size := r.Entries(), 0
	for _, e := range all {
		size += len(e.Text)
		if len(e.Text) > maxText+len("…") || strings.ContainsRune(e.Text, '\uFFFD') {
			t.Fatalf("a text of %d bytes: %q", len(e.Text), e.Text)
		}
	}
	if len(all) > maxEntries || size > maxBytes || len(all) < 100 || size != r.bytes {
		t.Errorf("%d entries of %d bytes, counted as %d", len(all), size, r.bytes)
	}
}

// TestAProcessThatIsKilled leaves what it recorded to the next.
func TestAProcessThatIsKilled(t *testing.T) {
	path := filepath.Join(t.TempDir(), "recent")
	first := New()
	log := first.Logger(slog.DiscardHandler)
	log.Info("before the file")
	if err := first.KeepIn(path); err != nil {
		t.Fatal(err)
	}
	for i := range 5000 { // the file is written anew meanwhile
		log.Info(fmt.Sprintf("line %d", i), "x", strings.Repeat("x", 50))
	}
	b, err := os.ReadFile(path)
	if err != nil || len(b) > maxFile {
		t.Fatalf("the file has %d bytes, %v", len(b), err)
	}
	if err := os.WriteFile(path, append(b, `{"text":"torn`...), 0o600); err != nil {
		t.Fatal(err)
	}
	second := New()
	second.Logger(slog.DiscardHandler).Info("line 4999", "x", strings.Repeat("x", 50))
	if err := second.KeepIn(path); err != nil {
		t.Fatal(err)
	}
	was, now := first.Entries(), second.Entries()
	if len(now) < 100 || now[len(now)-1].Earlier || !now[len(now)-2].Earlier || now[len(now)-2].Text != was[len(was)-1].Text || now[len(now)-2].Count != 1 {
		t.Errorf("%d entries, the last two %+v", len(now), now[max(0, len(now)-2):])
	}
	if err := New().KeepIn(filepath.Join(path, "x")); err == nil {
		t.Error("a folder that is a file is no error")
	}
}

func FuzzDecode(f *testing.F) {
	f.Add([]byte(`{"text":"a","count":-1}` + "\n" + `{"text":""}` + "\nnonsense\n"))
	f.Fuzz(func(t *testing.T, b []byte) {
		for _, e := range decode(b) {
			if e.Text == "" || e.Count < 1 || !e.Earlier {
				t.Errorf("%q holds %+v", b, e)
			}
		}
	})
}
