package main

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"
)

const certSecretHelp = `Makes the secret by which the two brokers of a pair know each other: 32 random bytes in
base64, in a file that its owner alone may read. Both brokers need the same file, and
haSecretFile in their configuration names it.

  pairmq cert secret --out ha.secret

Whoever has it can be the other half: read all messages, and change them. Asks no server.`

// secretBytes is how long a secret is.
const secretBytes = 32

// secretSays is what is said of a secret that was made.
const secretSays = "%s: both brokers of the pair need it, and haSecretFile names it\n"

// A secretMade is one secret that was made.
type secretMade struct {
	File string `json:"file"`
}

func newCertSecret(e *env) *cobra.Command {
	var out string
	var replace bool
	cmd := &cobra.Command{Use: "secret", Short: "Make the secret of a pair: ha.secret", Long: certSecretHelp, Args: cobra.NoArgs}
	cmd.Flags().StringVar(&out, "out", "ha.secret", "file to write; its folder is made")
	cmd.Flags().BoolVar(&replace, "replace", false, "replace a file that is there")
	cmd.RunE = doesHere(func(context.Context, []string) error {
		if err := makeSecret(out, replace); err != nil {
			return err
		}
		if e.json {
			return e.printJSON(secretMade{out})
		}
		_, err := fmt.Fprintf(e.out, secretSays, safe(out))
		return err
	})
	return cmd
}

// secretBeside makes the secret of a pair in the folder of its certificates, if there is none.
func (e *env) secretBeside(dir string) error {
	path := filepath.Join(dir, "ha.secret")
	if _, err := os.Lstat(path); err == nil {
		return nil
	}
	if err := makeSecret(path, false); err != nil || e.json {
		return err
	}
	_, err := fmt.Fprintf(e.out, secretSays, safe(path))
	return err
}

func makeSecret(path string, replace bool) error {
	if _, err := os.Lstat(path); !replace && !errors.Is(err, fs.ErrNotExist) {
		if err != nil {
			return err
		}
		return fmt.Errorf("%s is there already", path)
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return err
	}
	b := make([]byte, secretBytes)
	_, _ = rand.Read(b) // it never fails
	return writeSecret(path, append([]byte(base64.StdEncoding.EncodeToString(b)), '\n'))
}
