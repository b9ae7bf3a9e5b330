package main

import (
	"errors"
	"fmt"
	"log/slog"
	"path/filepath"
	"strings"

	"pairmq/daemon/config"
	"pairmq/daemon/rights"
	"pairmq/internal/acl"
	"pairmq/internal/remoting"
)

// errAccounts is wrapped where the files of accounts are missing or not good.
var errAccounts = errors.New("accounts")

// usersFile has the users of 5.x, in the store's folder: as installed that of aclFile is not the daemon's to
// change.
const usersFile = "users.json"

// newAccounts reads who may do what, and who this broker is to others. Both are nil where
// the configuration has none. A file that is not good fails: without it everybody would be
// let in.
func newAccounts(cfg *config.Config, log *slog.Logger) (all *acl.Accounts, own *acl.Signer, err error) {
	log = log.With("part", "acl")
	if cfg.ACL {
		if all, err = acl.Open(cfg.ACLFile, filepath.Join(cfg.StoreRoot, usersFile), log); err != nil {
			return nil, nil, fmt.Errorf("%w: aclFile: %w", errAccounts, err)
		}
	}
	if cfg.ACLToolsFile != "" {
		if own, err = acl.NewSigner(cfg.ACLToolsFile, log); err != nil {
			return nil, nil, fmt.Errorf("%w: aclToolsFile: %w", errAccounts, err)
		}
	} else if cfg.ACL && cfg.EnableBroker && cfg.Slave() {
		log.Warn("aclToolsFile is empty: a master that serves accounts alone, as this broker does, will tell it nothing of topics and groups")
	}
	if cfg.ACL && cfg.EnableBroker && cfg.EnableNamesrv && strings.TrimSpace(cfg.NamesrvAllowed) == "" {
		log.Warn("namesrvAllowedBrokers is empty: whoever registers a broker at the name server here gets what clients sign for it, which is good for this one too")
	}
	return all, own, nil
}

// signsForHalves returns what signs this broker's own requests. It signs those alone that need
// an account, which halves ask each other once they know who is there: who hears a signature
// can use it again, and a name server, or whoever is listed as the other half and has still to prove it, may be anybody.
func signsForHalves(own *acl.Signer) func(*remoting.Command) {
	return func(cmd *remoting.Command) {
		if row, _ := rights.Of(cmd.Code); row.Right == rights.Pair {
			own.Sign(cmd)
		}
	}
}
