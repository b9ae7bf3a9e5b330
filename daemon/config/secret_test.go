package config_test

import (
	"regexp"
	"strings"
	"testing"

	"pairmq/daemon/config"
)

// What getBrokerConfig and --print-config show, who may ask for it and the journal are no
// places for a secret: a key may name a file that holds one, and no more.
func TestNoKeyHoldsASecret(t *testing.T) {
	secret := regexp.MustCompile(`(?i)secret|passw|passphrase|token|credential|privatekey|secretkey|accesskey|keypath|signature|hmac`)
	file := regexp.MustCompile(`(Path|File|Dir)$`)
	c := config.Default()
	keys := 0
	for line := range strings.Lines(c.Shown()) {
		name, _, ok := strings.Cut(line, "=")
		if !ok {
			t.Errorf("the configuration shows %q, which is no key=value", line)
		}
		keys++
		if secret.MatchString(name) && !file.MatchString(name) {
			t.Errorf("the key %s is shown to everybody and sounds like a secret: name a file that holds it, %sPath", name, name)
		}
	}
	if keys < 100 {
		t.Errorf("%d keys are shown, want all", keys)
	}
	for _, name := range []string{"haSecret", "aclAdminPassword", "secretKey", "tlsServerKeyPassword"} {
		if !secret.MatchString(name) || file.MatchString(name) {
			t.Errorf("a key %s would not be noticed", name)
		}
	}
}

// Nor does a file that a key names show up: a key takes a path, and its text is the path.
func TestNamesOfFilesAreShownAndNotWhatTheyHold(t *testing.T) {
	dir := t.TempDir()
	held := "-----BEGIN PRIVATE KEY-----\nc2VjcmV0\n-----END PRIVATE KEY-----\n"
	path := write(t, dir, "key.pem", held)
	c, _, err := config.Load("", []string{"enableNamesrv=true", "tlsServerMode=permissive", "tlsServerCertPath=" + path, "tlsServerKeyPath=" + path})
	if err != nil {
		t.Fatal(err)
	}
	if text := c.Shown(); !strings.Contains(text, "tlsServerKeyPath="+path+"\n") || strings.Contains(text, "c2VjcmV0") {
		t.Errorf("getBrokerConfig says\n%s\nwant the path of the key and nothing of it", text)
	}
}
