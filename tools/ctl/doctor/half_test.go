package doctor

import (
	"testing"

	"pairmq/daemon/config"
)

// listing is a configuration with these haPeers.
func listing(t *testing.T, list string) (c config.Config) {
	all, err := config.ParseHosts(list)
	if err != nil {
		t.Fatal(err)
	}
	c.HAPeers = all
	return c
}

func TestWhoMayBeTheOtherHalf(t *testing.T) {
	for _, tt := range []struct {
		name string
		cfg  config.Config
		addr string
		may  bool
	}{
		{"nothing is configured", config.Config{}, "10.0.0.2:10911", false}, {"on this host", config.Config{}, "127.0.0.1:10921", true}, {"at its own address", config.Config{}, "10.0.0.1:10921", true},
		{"listed", listing(t, "10.0.0.0/24"), "10.0.0.2:10911", true}, {"not listed", listing(t, "10.0.1.0/24"), "10.0.0.2:10911", false},
		{"a secret", config.Config{HASecretFile: "/etc/pairmq/ha.secret"}, "10.0.0.2:10911", true}, {"the configured master", config.Config{HAMasterAddress: "10.0.0.2:10912"}, "10.0.0.2:10911", true},
		{"another than the configured master", config.Config{HAMasterAddress: "10.0.0.3:10912"}, "10.0.0.2:10911", false}, {"a name", config.Config{HASlaveAddress: "gw-b:10912"}, "10.0.0.2:10911", true},
	} {
		if got := mayBeHalf(&tt.cfg, tt.addr, "10.0.0.1:10911"); got != tt.may {
			t.Errorf("%s: %t", tt.name, got)
		}
	}
}
