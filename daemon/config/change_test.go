package config_test

import (
	"encoding/json"
	"errors"
	"maps"
	"strings"
	"testing"

	"pairmq/daemon/config"
)

// loaded is the configuration of files that set next to nothing.
func loaded(t *testing.T) config.Config {
	t.Helper()
	c, _, err := config.Load("", []string{"enableNamesrv=true", "brokerName=box"})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func TestChangeTakesAllKeysOrNone(t *testing.T) {
	files := loaded(t)
	for _, tt := range []struct{ name, text, want string }{
		{"two keys", "brokerPermission=4\nautoCreateTopicEnable=false\n", "autoCreateTopicEnable=false brokerPermission=4"},
		{"what the files have already", "brokerPermission=6\n", ""},
		{"the last of one key counts", "maxMessageSize=2048\nmaxMessageSize=4096\n", "maxMessageSize=4096"},
	} {
		c, all, err := config.Change(&files, nil, []byte(tt.text))
		if err != nil || all.String() != tt.want {
			t.Errorf("%s: Change(%q) = %q, %v; want %q", tt.name, tt.text, all, err, tt.want)
		}
		if again, dropped := all.Over(&files); again.Text() != c.Text() || dropped != nil {
			t.Errorf("%s: laid over the files again it makes\n%s\nand drops %q; want\n%s", tt.name, again.Text(), dropped, c.Text())
		}
	}
	for _, tt := range []struct{ text, want string }{
		{"brokerPermission=4\nlistenPort=10\n", "listenPort cannot change while the broker runs: set it in the configuration file and restart; these can: maxMessageSize, autoCreateTopicEnable"},
		{"brokerPermission=7\nmaxMessageSize=x", "brokerPermission is 7; want 2 to 6; maxMessageSize is \"x\""},
		{"maxMessageSize=13m", "maxMessageSize is 13631488"},
		{"brokerPermision=4", `unknown key "brokerPermision"; did you mean "brokerPermission"?`},
		{"deleteWhen=04", "deleteWhen has no effect: old segments go all day"},
		{"brokerPermission", `change:1: "brokerPermission" is not key=value`},
		{"", "no key is named"},
		{strings.Repeat("#\n", 600<<10), "at most 1048576 are read"},
	} {
		if _, _, err := config.Change(&files, nil, []byte(tt.text)); !errors.Is(err, config.ErrChange) || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("Change(%.80q) fails with %v, want %q", tt.text, err, tt.want)
		}
	}
}

func TestChangesAddUp(t *testing.T) {
	files := loaded(t)
	var all config.Overrides
	for _, step := range []struct{ text, want string }{
		{"brokerPermission=4", "brokerPermission=4"},
		{"longPollingEnable=false", "brokerPermission=4 longPollingEnable=false"},
		{"brokerPermission=6", "longPollingEnable=false"}, // as the files have it: nothing is left of that change
	} {
		var err error
		if _, all, err = config.Change(&files, all, []byte(step.text)); err != nil || all.String() != step.want {
			t.Fatalf("after %s: %q, %v; want %q", step.text, all, err, step.want)
		}
	}
}

// TestAFileThatChangedLaterWins: a person wanted that after what updateBrokerConfig did.
func TestAFileThatChangedLaterWins(t *testing.T) {
	files := loaded(t)
	_, all, err := config.Change(&files, nil, []byte("brokerPermission=4\nautoCreateTopicEnable=false\nmaxMessageSize=2m"))
	if err != nil {
		t.Fatal(err)
	}
	files.AutoCreateTopic, files.MaxMessageSize = false, 1<<20
	c, dropped := all.Over(&files)
	if got := strings.Join(dropped, " "); got != "autoCreateTopicEnable maxMessageSize" || c.BrokerPermission != 4 || c.MaxMessageSize != 1<<20 {
		t.Errorf("dropped %q, brokerPermission is %d, maxMessageSize %d; want autoCreateTopicEnable and maxMessageSize, 4, %d", got, c.BrokerPermission, c.MaxMessageSize, 1<<20)
	}
	if got := all.Without(dropped).String(); got != "brokerPermission=4" {
		t.Errorf("%q is left, want brokerPermission=4", got)
	}
}

func FuzzDecodeOverrides(f *testing.F) {
	f.Add([]byte(`{"brokerPermission":{"value":"4","file":"6"},"listenPort":{"value":"1","file":"10911"},"none":{}}`))
	f.Add([]byte(`null`))
	f.Add([]byte(``))
	f.Fuzz(func(t *testing.T, in []byte) {
		o, err := config.DecodeOverrides(in)
		if err != nil {
			return
		}
		files := loaded(t)
		c, dropped := o.Over(&files)
		if c.ListenPort != files.ListenPort || c.MaxMessageSize > files.MaxMessageSize {
			t.Errorf("%q changes what cannot change: %s", in, c.Text())
		}
		kept := o.Without(dropped)
		b, err := kept.AppendTo(nil)
		if err != nil {
			t.Fatal(err)
		}
		again, err := config.DecodeOverrides(b)
		if err != nil || !maps.Equal(again, kept) {
			t.Errorf("%q is kept as %s, which is read as %v, %v", in, b, again, err)
		}
	})
}

// FuzzChange: whatever a client sends, what is taken is good and can be kept.
func FuzzChange(f *testing.F) {
	f.Add([]byte("brokerPermission=4\nshortPollingTimeMills=5s\n"))
	f.Add([]byte("maxMessageSize=12m\nlistenPort=1\n!x\n=\n"))
	f.Fuzz(func(t *testing.T, in []byte) {
		files := loaded(t)
		c, all, err := config.Change(&files, nil, in)
		if err != nil {
			return
		}
		b, err := json.Marshal(all)
		if err != nil {
			t.Fatal(err)
		}
		kept, err := config.DecodeOverrides(b)
		if err != nil {
			t.Fatal(err)
		}
		if again, dropped := kept.Over(&files); again.Text() != c.Text() || len(dropped) > 0 {
			t.Errorf("%q makes\n%s\nand after a restart\n%s\nwithout %q", in, c.Text(), again.Text(), dropped)
		}
	})
}
