package auth

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"sort"
	"strings"
)

// A Table is all users, by their names.
type Table struct {
	Users []*User `json:"users"`
}

// bounds of a Table.
const (
	MaxFile  = 1 << 18 // bytes, as text
	maxUsers = 1000
	maxDepth = 8 // of values within others: so deep is an action
)

// A file is a Table with a checksum of its text, which tells what a flash has lost from what somebody has
// said: a name with a wrong bit is a good one. Who changes the file by hand takes the checksum out.
const (
	sumKey = `{"crc32":"`
	sumLen = 8 // digits
)

// DecodeFile reads a Table, whole and with nothing more. Its errors have no password.
func DecodeFile(b []byte) (*Table, error) {
	if len(b) > MaxFile {
		return nil, Refuse("it has %d bytes, at most %d are read", len(b), MaxFile)
	}
	rest, summed := bytes.CutPrefix(b, []byte(sumKey))
	if summed && (len(rest) < sumLen || string(rest[:sumLen]) != sum(rest[sumLen:])) {
		return nil, Refuse("it is not as it was written, by its checksum: put a copy in its place; who has changed it by hand takes crc32 out")
	}
	var f struct {
		Sum string `json:"crc32"`
		Table
	}
	if err := decode(b, " crc32 users username password userType userStatus policies policyType entries resource actions sourceIps decision ", &f); err != nil {
		return nil, err
	}
	if f.Sum != "" && !summed {
		return nil, Refuse("crc32 is elsewhere than at the beginning: take it out")
	}
	return &f.Table, f.check()
}

func sum(b []byte) string { return fmt.Sprintf("%08x", crc32.ChecksumIEEE(b)) }

// Encode returns t as DecodeFile reads it, and fails with Refused if that would not.
func (t *Table) Encode() ([]byte, error) {
	if err := t.check(); err != nil {
		return nil, err
	}
	if t.Users == nil {
		t.Users = []*User{}
	}
	b, err := json.MarshalIndent(t, "", " ")
	if err != nil {
		return nil, err
	}
	b[0] = ',' // instead of the brace
	text := `"` + string(b) + "\n"
	return []byte(sumKey + sum([]byte(text)) + text), nil
}

// check puts all into its own words and order.
func (t *Table) check() error {
	if len(t.Users) > maxUsers {
		return Refuse("there are %d users, at most %d are taken", len(t.Users), maxUsers)
	}
	for _, u := range t.Users {
		if u == nil {
			return Refuse("username can not be blank")
		}
		if err := u.check(); err != nil {
			return err
		}
	}
	sort.Slice(t.Users, func(i, k int) bool { return t.Users[i].Name < t.Users[k].Name })
	for i := 1; i < len(t.Users); i++ {
		if t.Users[i].Name == t.Users[i-1].Name {
			return Refuse("the user %.64q is there twice", t.Users[i].Name)
		}
	}
	return nil
}

// DecodeUser reads the body of a request about the user name, which it has to have, too: clients send both, and
// parts of another request could be one of them. Other values that are missing are "".
func DecodeUser(b []byte, name string) (*User, error) {
	u := new(User)
	if err := decode(b, " username password userType userStatus ", u); err != nil {
		return nil, err
	}
	if u.Name != name {
		return nil, Refuse("header and body name different users")
	}
	return u, nil
}

// DecodeACL reads the body of a request about subject, which it has to have, too.
func DecodeACL(b []byte, subject string) (*ACL, error) {
	a := new(ACL)
	if err := decode(b, " subject policies policyType entries resource actions sourceIps decision ", a); err != nil {
		return nil, err
	}
	if a.Subject != subject {
		return nil, Refuse("header and body name different subjects")
	}
	return a, nil
}

// decode reads JSON into v: one value, of which objects have no keys but those, between blanks, and each once.
// package json would overlook both, and how they are written.
func decode(b []byte, keys string, v any) error {
	d := json.NewDecoder(bytes.NewReader(b))
	d.UseNumber() // errors would have those that are no float64, and they could be a password
	err := walk(d, keys, 0)
	if err == nil {
		if _, err = d.Token(); errors.Is(err, io.EOF) {
			d = json.NewDecoder(bytes.NewReader(b))
			d.DisallowUnknownFields()
			err = d.Decode(v)
		} else {
			err = Refuse("something follows it")
		}
	}
	if err != nil {
		return Refuse("it is not understood: %v", err)
	}
	return nil
}

// walk reads one value, so many deep within others.
func walk(d *json.Decoder, keys string, depth int) error {
	if depth > maxDepth {
		return Refuse("it nests deeper than %d levels", maxDepth)
	}
	t, err := d.Token()
	open, ok := t.(json.Delim)
	if err != nil || !ok {
		return err
	}
	seen := " "
	for d.More() {
		if open == '{' {
			if t, err = d.Token(); err != nil {
				return err
			}
			key := fmt.Sprint(" ", t, " ")
			if strings.Contains(key[1:len(key)-1], " ") || !strings.Contains(keys, key) { // where a colon is missing it may be a password
				return Refuse("the key that ends at byte %d is none of%s", d.InputOffset(), keys)
			}
			if strings.Contains(seen, key) {
				return Refuse("%s is there twice", t)
			}
			seen += key
		}
		if err = walk(d, keys, depth+1); err != nil {
			return err
		}
	}
	_, err = d.Token()
	return err
}
