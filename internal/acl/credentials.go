package acl

import (
	"errors"
	"fmt"
	"log/slog"
	"slices"

	"pairmq/internal/remoting"
)

// Credentials are who we are to others.
type Credentials struct {
	name   string
	signer *signer
}

// ReadCredentials reads a file with accessKey and secretKey, as RocketMQ's tools.yml is. Its
// errors have no secret.
func ReadCredentials(path string) (*Credentials, error) {
	b, err := readFile(path)
	if err != nil {
		return nil, err
	}
	c, err := decodeCredentials(b)
	if err != nil {
		return nil, fmt.Errorf("acl: %s: %w", path, err)
	}
	return c, nil
}

// A Signer signs with the Credentials of a file, read again once it has changed.
type Signer struct{ *watched[*Credentials] }

// NewSigner reads the file for the first time; see ReadCredentials.
func NewSigner(path string, log *slog.Logger) (*Signer, error) {
	w, err := watch(path, "credentials", decodeCredentials, log)
	if err != nil {
		return nil, err
	}
	return &Signer{w}, nil
}

// Sign is that of the Credentials; a nil Signer adds nothing.
func (s *Signer) Sign(cmd *remoting.Command) {
	if s != nil {
		s.get().Sign(cmd)
	}
}

func decodeCredentials(b []byte) (*Credentials, error) {
	root, errs := readYAML(b)
	if len(errs) > 0 {
		return nil, errors.Join(errs...)
	}
	var r reading
	var name, secret string
	for _, e := range root.keys {
		switch e.name {
		case "accessKey":
			name = r.text(e.name, e.value)
		case "secretKey":
			secret = r.text(e.name, e.value)
		default:
			r.wrong.add(e.line, "%s is neither accessKey nor secretKey", e.name)
		}
	}
	for what, s := range map[string]string{"accessKey": name, "secretKey": secret} { // users of 5.x may have short ones
		if s == "" || len(s) > maxName {
			r.wrong.add(root.line, "want an %s of 1 to %d bytes", what, maxName)
		}
	}
	if len(r.wrong.errs) > 0 {
		return nil, errors.Join(r.wrong.errs...)
	}
	return &Credentials{name, newSigner(secret)}, nil
}

// Sign adds to cmd who makes it, and the signature; it does not change the memory of its
// fields.
func (c *Credentials) Sign(cmd *remoting.Command) {
	cmd.Fields = append(slices.Clip(cmd.Fields), remoting.Field{Key: fieldAccessKey, Value: c.name})
	sig := c.signer.sign(cmd.Fields, cmd.Body, "")
	cmd.Fields = append(cmd.Fields, remoting.Field{Key: fieldSignature, Value: string(sig[:])})
}
