package main

import (
	"regexp"
	"testing"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// Whoever lists the processes of a machine sees their arguments: a flag may name a file
// that holds a secret, and no more.
func TestNoFlagTakesASecret(t *testing.T) {
	secret := regexp.MustCompile(`secret|passw|passphrase|token|credential|(^|-)key$|access-?key|hmac`)
	named := map[string]string{"tls-key": "a path, as its usage says", "key": "of a message"}
	flags := 0
	var walk func(c *cobra.Command)
	walk = func(c *cobra.Command) {
		look := func(f *pflag.Flag) {
			flags++
			if _, ok := named[f.Name]; !ok && secret.MatchString(f.Name) && !regexp.MustCompile(`-(file|path)$`).MatchString(f.Name) {
				t.Errorf("%s --%s sounds like a secret: take the name of a file, --%s-file", c.CommandPath(), f.Name, f.Name)
			}
		}
		c.LocalFlags().VisitAll(look)
		for _, sub := range c.Commands() {
			walk(sub)
		}
	}
	walk(newRoot(&env{}))
	if flags < 50 {
		t.Errorf("%d flags were looked at, want all", flags)
	}
	for _, name := range []string{"secret-key", "password", "access-key", "tls-key-passphrase"} {
		if !secret.MatchString(name) {
			t.Errorf("a flag --%s would not be noticed", name)
		}
	}
}
