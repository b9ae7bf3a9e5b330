package main

import (
	"cmp"
	"os"
	"path/filepath"

	"pairmq/daemon/config"
	"pairmq/internal/acl"
	"pairmq/internal/remoting"
)

// accountCredential is the name of systemd's credential with an account.
const accountCredential = "pairmq-tools.yml"

// sign is what adds the account to requests, for remoting.ClientOptions; nil: they have none. A
// secret comes from a file alone: a command line is shown to everybody on the machine.
func (e *env) sign() (func(*remoting.Command), error) {
	path := cmp.Or(e.account, e.getenv("PAIRMQ_ACCOUNT"))
	if dir := e.getenv("CREDENTIALS_DIRECTORY"); path == "" && dir != "" {
		if in := filepath.Join(dir, accountCredential); exists(in) {
			path = in
		}
	}
	if path == "" {
		return nil, nil
	}
	c, err := acl.ReadCredentials(path)
	if err != nil {
		return nil, usage("account: %w", err)
	}
	return c.Sign, nil
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}

// asAccount is e that signs as the daemon of this machine does, unless it was told how.
func (e *env) asAccount(cfg *config.Config) *env {
	if e.account != "" || e.getenv("PAIRMQ_ACCOUNT") != "" || cfg.ACLToolsFile == "" {
		return e
	}
	own := *e
	own.account = cfg.ACLToolsFile
	return &own
}
