package main

import (
	"errors"
	"fmt"
	"log/slog"

	"pairmq/daemon/config"
	"pairmq/internal/acl"
)

// errAccounts is wrapped where the files of accounts are missing or not good.
var errAccounts = errors.New("accounts")

// newAccounts reads who may do what, and who this broker is to others. Both are nil where
// the configuration has none. A file that is not good fails: without it everybody would be
// let in.
func newAccounts(cfg *config.Config, log *slog.Logger) (all *acl.Accounts, own *acl.Signer, err error) {
	log = log.With("part", "acl")
	if cfg.ACL {
		if all, err = acl.Open(cfg.ACLFile, log); err != nil {
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
	return all, own, nil
}
