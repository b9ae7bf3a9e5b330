package acl

import (
	"bytes"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// TestOnlyWhatIsInForceIsSaid: what accounts come to is logged when they come into force, at the start, after a change
// by hand and after one by a request, and not for a request that was refused; and whoever may ask does not fill the log.
func TestOnlyWhatIsInForceIsSaid(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		path := filepath.Join(t.TempDir(), "plain_acl.yml")
		write := func(text string) {
			t.Helper()
			if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		const open = "accounts:\n- accessKey: anybody\n  secretKey: '12345678'\n  whiteRemoteAddress: '*'\n"
		write(open)
		var lines bytes.Buffer
		a, err := Open(path, filepath.Join(t.TempDir(), "users.json"), slog.New(slog.NewTextHandler(&lines, nil)))
		if err != nil {
			t.Fatal(err)
		}
		said := func(when string, accounts, warned int) {
			t.Helper()
			got := lines.String()
			if n, m := strings.Count(got, "msg=accounts "), strings.Count(got, "need sign nowhere"); n != accounts || m != warned {
				t.Errorf("%s: %d lines say what there is and %d warn, want %d and %d:\n%s", when, n, m, accounts, warned, got)
			}
			lines.Reset()
		}
		said("the start", 1, 1)
		add := Account{AccessKey: "another", SecretKey: "12345678"}
		for range 50 {
			if err := a.Update(func(*File) error { return ErrUpdate }); err == nil {
				t.Fatal("a change that fails was made")
			}
			bad := add
			bad.DefaultTopicPerm = "ALL"
			if err := a.Update(func(f *File) error { return f.Put(bad, true) }); err == nil {
				t.Fatal("a permission that is none was taken")
			}
		}
		said("refused", 0, 0)
		time.Sleep(time.Minute)
		if err := a.Update(func(f *File) error { return f.Put(add, true) }); err != nil {
			t.Fatal(err)
		}
		said("a request", 1, 1)
		write(open + "# by hand\n")
		for range 3 {
			time.Sleep(2 * lookEvery)
			a.Rules()
		}
		said("by hand", 1, 1)

		const times = 5 * sayAtOnce
		for range times {
			if err := a.Update(func(f *File) error { return f.Put(add, true) }); err != nil {
				t.Fatal(err)
			}
		}
		if n := strings.Count(lines.String(), "\n"); n > 3*sayAtOnce {
			t.Errorf("%d changes made %d lines:\n%s", times, n, lines.String())
		}
		lines.Reset()
		write("accounts: [\n")
		for range 3 {
			time.Sleep(2 * lookEvery)
			a.Rules()
		}
		lines.Reset()
		for range times {
			if err := a.Update(func(f *File) error { return f.Put(add, true) }); err == nil {
				t.Fatal("a file that is not good was changed")
			}
		}
		if n := strings.Count(lines.String(), "\n"); n < 1 || n > sayAtOnce {
			t.Errorf("a file that is not good: %d requests made %d lines", times, n)
		}
	})
}
