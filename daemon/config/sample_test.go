package config_test

import (
	"os"
	"reflect"
	"regexp"
	"strings"
	"testing"

	"pairmq/daemon/config"
)

// TestTheInstalledFileIsUpToDate keeps packaging/pairmqd.conf the file that the
// code has; `make generate` writes it.
func TestTheInstalledFileIsUpToDate(t *testing.T) {
	b, err := os.ReadFile("../../packaging/pairmqd.conf")
	if err != nil {
		t.Fatal(err)
	}
	if string(b) != config.Sample() {
		t.Errorf("packaging/pairmqd.conf is not what `pairmqd --print-config` prints:\n%s", config.Sample())
	}
}

func TestTheSampleSaysTheDefaults(t *testing.T) {
	want, _, err := config.Load("", []string{"enableNamesrv=true"})
	if err != nil {
		t.Fatal(err)
	}
	set := regexp.MustCompile(`(?m)^#(\w+=)`).ReplaceAllString(config.Sample(), "$1")
	set = strings.Replace(set, "\nenableNamesrv=false\n", "\n", 1) // the head has set it
	for name, text := range map[string]string{"as it is": config.Sample(), "with every key set": set} {
		got, notes, err := config.Load(write(t, t.TempDir(), "pairmqd.conf", text), nil)
		if err != nil || len(notes) > 0 || !reflect.DeepEqual(got, want) {
			t.Errorf("%s it loads as\n%+v, %q, %v\nwant\n%+v", name, got, notes, err, want)
		}
	}
	if n := strings.Count(set, "="); n < strings.Count(config.Markdown(), "\n")-2 {
		t.Errorf("the sample has %d keys, the table has %d", n, strings.Count(config.Markdown(), "\n")-2)
	}
}
