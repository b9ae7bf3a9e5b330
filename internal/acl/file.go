package acl

import (
	"bytes"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"unicode/utf16"
	"unicode/utf8"
)

// A File is what plain_acl.yml says. Texts are as they stand there.
type File struct {
	Global   []string // globalWhiteRemoteAddresses: patterns of addresses that need no account
	Accounts []Account
	Version  Version
}

// An Account is one of a File.
type Account struct {
	AccessKey          string   `json:"accessKey"` // its name
	SecretKey          string   `json:"secretKey"`
	WhiteRemoteAddress string   `json:"whiteRemoteAddress"` // pattern of addresses from where it need not sign
	Admin              bool     `json:"admin"`
	DefaultTopicPerm   string   `json:"defaultTopicPerm"` // "" means DENY
	DefaultGroupPerm   string   `json:"defaultGroupPerm"`
	TopicPerms         []string `json:"topicPerms"` // topic=PERM
	GroupPerms         []string `json:"groupPerms"` // group=PERM
}

// A Version counts the changes of a File by requests.
type Version struct {
	Counter   int64
	Timestamp int64 // milliseconds since 1970 of the last one
}

// bounds of a file.
const (
	maxFile     = 1 << 18 // bytes
	maxAccounts = 1000
	maxName     = 255 // bytes of an accessKey, and of a secretKey
	minName     = 7   // UTF-16 units, as RocketMQ counts
)

// DecodeFile reads a plain_acl.yml. Every complaint is in the error, each with its line; none
// has a secret.
func DecodeFile(b []byte) (*File, error) {
	f, _, err := decode(b)
	return f, err
}

// decode is DecodeFile that returns what requests are judged by as well.
func decode(b []byte) (*File, *Rules, error) {
	if len(b) > maxFile {
		return nil, nil, fmt.Errorf("it has %d bytes, at most %d are read", len(b), maxFile)
	}
	if len(b) > 0 && b[len(b)-1] != '\n' {
		return nil, nil, fmt.Errorf("line %d: it does not end with a line break: if the file is whole, end it with one", 1+bytes.Count(b, []byte("\n")))
	}
	root, errs := readYAML(b)
	if len(errs) > 0 {
		return nil, nil, errors.Join(errs...)
	}
	r := reading{file: new(File), rules: &Rules{accounts: map[string]*account{}, unknown: newSigner("nobody knows of it"), nobody: &Identity{admin: true, all: true}}}
	r.root(root)
	if len(r.wrong.errs) > 0 {
		return nil, nil, errors.Join(r.wrong.errs...)
	}
	return r.file, r.rules, nil
}

// A reading makes a File and its Rules of what was read.
type reading struct {
	file  *File
	rules *Rules
	lines map[string]int // of accounts
	wrong complaints
}

func (r *reading) root(n *node) {
	if n.kind != mapping {
		r.wrong.add(n.line, "it says nothing of accounts: want accounts: [] at least, or nobody could tell it from a file that was lost")
		return
	}
	said := false
	for _, e := range n.keys {
		switch e.name {
		case "globalWhiteRemoteAddresses":
			said = true
			r.file.Global = r.texts(e)
			for i, s := range r.file.Global {
				r.rules.global = append(r.rules.global, r.pattern(e.value.items[i].line, e.name, s))
			}
		case "accounts":
			said = true
			r.accounts(e)
		case "dataVersion":
			r.version(e)
		default:
			r.wrong.add(e.line, "%s is none of globalWhiteRemoteAddresses, accounts, dataVersion", e.name)
		}
	}
	if !said {
		r.wrong.add(n.line, "it has neither accounts nor globalWhiteRemoteAddresses: nobody would be let in")
	}
}

// items are those of a list; nothing is an empty one.
func (r *reading) items(e entry) []*node {
	if e.value.kind != list && e.value.kind != null {
		r.wrong.add(e.line, "%s wants a list, each item in a line of its own behind a dash and a blank", e.name)
	}
	return e.value.items
}

// text is what n holds, where text is wanted.
func (r *reading) text(what string, n *node) string {
	switch {
	case n.kind == null:
		return ""
	case n.kind != scalar:
		r.wrong.add(n.line, "%s wants a text", what)
		return ""
	case n.plain && isTyped(n.text):
		r.wrong.add(n.line, "%s is a number, date or truth to YAML, which may come out otherwise than it is written: put it in quotes", what)
	}
	return n.text
}

func (r *reading) texts(e entry) (all []string) {
	for _, n := range r.items(e) {
		all = append(all, r.text(e.name, n))
	}
	return all
}

func (r *reading) pattern(line int, what, s string) Pattern {
	p, err := ParsePattern(s)
	if err != nil {
		r.wrong.add(line, "%s: %v", what, err)
	}
	return p
}

func (r *reading) version(e entry) {
	for i, n := range r.items(e) {
		for _, k := range n.keys {
			v, err := strconv.ParseInt(r.text("dataVersion", k.value), 10, 64)
			switch {
			case k.name != "counter" && k.name != "timestamp" && k.name != "stateVersion" || err != nil:
				r.wrong.add(k.line, "dataVersion wants counter and timestamp, two numbers")
			case i == 0 && k.name == "counter":
				r.file.Version.Counter = v
			case i == 0 && k.name == "timestamp":
				r.file.Version.Timestamp = v
			}
		}
	}
}

func (r *reading) accounts(e entry) {
	all := r.items(e)
	if len(all) > maxAccounts {
		r.wrong.add(e.line, "it has %d accounts, at most %d are taken", len(all), maxAccounts)
		return
	}
	r.lines = map[string]int{}
	for _, n := range all {
		if n.kind != mapping {
			r.wrong.add(n.line, "an account begins with - accessKey: and a name")
			continue
		}
		a, own := r.account(n)
		if other, twice := r.lines[a.AccessKey]; twice {
			r.wrong.add(n.line, "account %q is in line %d already", a.AccessKey, other)
		}
		r.lines[a.AccessKey] = n.line
		r.file.Accounts = append(r.file.Accounts, a)
		r.rules.accounts[a.AccessKey] = own
	}
}

func (r *reading) account(n *node) (a Account, own *account) {
	own = new(account)
	id := &own.signed
	var topics entry
	for _, e := range n.keys {
		switch e.name {
		case "accessKey":
			a.AccessKey = r.text(e.name, e.value)
		case "secretKey":
			a.SecretKey = r.text(e.name, e.value)
		case "whiteRemoteAddress":
			a.WhiteRemoteAddress = r.text(e.name, e.value)
			own.white = r.pattern(e.line, e.name, a.WhiteRemoteAddress)
		case "admin":
			a.Admin = r.truth(e)
		case "defaultTopicPerm":
			a.DefaultTopicPerm, id.topic = r.perm(e)
		case "defaultGroupPerm":
			a.DefaultGroupPerm, id.group = r.perm(e)
		case "topicPerms":
			topics = e
			a.TopicPerms, id.topics = r.perms(e)
		case "groupPerms":
			a.GroupPerms, id.groups = r.perms(e)
		default:
			r.wrong.add(e.line, "%s is nothing that an account has", e.name)
		}
	}
	r.retries(topics, id)
	r.name(n.line, "accessKey", a.AccessKey, true)
	r.name(n.line, "secretKey", a.SecretKey, false)
	own.signer = newSigner(a.SecretKey)
	id.name, id.admin = a.AccessKey, a.Admin
	id.all = a.Admin && len(id.topics) == 0 && len(id.groups) == 0 // else they count for admins too, as with RocketMQ
	own.named = *id
	own.named.all = true
	return a, own
}

// retries makes a topic of retries that is listed among topics what it means, its group's
// permission: RocketMQ keeps both in one list.
func (r *reading) retries(topics entry, id *Identity) {
	if topics.value == nil {
		return
	}
	for _, n := range topics.value.items {
		name, _, _ := strings.Cut(n.text, "=")
		name = strings.TrimSpace(name)
		group, ok := strings.CutPrefix(name, retryPrefix)
		p, there := id.topics[name]
		if !ok || !there {
			continue
		}
		if _, twice := id.groups[group]; twice || group == "" {
			r.wrong.add(n.line, "topicPerms has %q: want a group behind it, which groupPerms has not", short(name))
			continue
		}
		if id.groups == nil {
			id.groups = map[string]Perm{}
		}
		id.groups[group] = p
		delete(id.topics, name)
	}
}

// name checks an accessKey or secretKey; shown says whether a complaint may have it.
func (r *reading) name(line int, what, s string, shown bool) {
	switch n := len(utf16.Encode([]rune(s))); {
	case s == "":
		r.wrong.add(line, "the account has no %s", what)
	case n < minName && shown:
		r.wrong.add(line, "%s %q has %d characters, fewer than %d", what, s, n, minName)
	case n < minName:
		r.wrong.add(line, "its %s has %d characters, fewer than %d", what, n, minName)
	case len(s) > maxName:
		r.wrong.add(line, "its %s has %d bytes, more than %d", what, len(s), maxName)
	}
}

func (r *reading) truth(e entry) bool {
	if e.value.kind == scalar && e.value.plain {
		switch strings.ToLower(e.value.text) {
		case "true":
			return true
		case "false":
			return false
		}
	}
	if e.value.kind != null {
		r.wrong.add(e.line, "%s wants true or false", e.name)
	}
	return false
}

func (r *reading) perm(e entry) (string, Perm) {
	s := r.text(e.name, e.value)
	p, ok := parsePerm(s)
	if !ok && strings.TrimSpace(s) != "" {
		r.wrong.add(e.line, "%s is %q; want DENY, PUB, SUB or PUB|SUB", e.name, short(s))
	}
	return s, p
}

func (r *reading) perms(e entry) ([]string, map[string]Perm) {
	if e.value.kind == null && e.value.text == "" {
		r.wrong.add(e.line, "%s has nothing: leave it out, or write [] behind it, so that it is not taken for a file that was cut off", e.name)
	}
	texts := r.texts(e)
	all := make(map[string]Perm, len(texts))
	for i, s := range texts {
		at := e.value.items[i].line
		name, perm, ok := strings.Cut(s, "=")
		p, known := parsePerm(perm)
		if name = strings.TrimSpace(name); !ok || name == "" || !known {
			r.wrong.add(at, "%s has %q; want a name, = and DENY, PUB, SUB or PUB|SUB", e.name, short(s))
			continue
		}
		if e.name == "groupPerms" && strings.HasPrefix(name, retryPrefix) {
			r.wrong.add(at, "groupPerms has %q; want the name of the group alone", short(name))
		}
		if _, twice := all[name]; twice {
			r.wrong.add(at, "%s has %q twice", e.name, short(name))
		}
		all[name] = p
	}
	return texts, all
}

// AppendTo appends f as a plain_acl.yml that RocketMQ reads as well. Comments of the file that
// was read are not in it.
func (f *File) AppendTo(b []byte) []byte {
	b = append(b, "# Changed by a request; comments are not kept.\n"...)
	b = appendList(b, "globalWhiteRemoteAddresses", "", f.Global)
	if len(f.Accounts) == 0 {
		b = append(b, "accounts: []\n"...)
	} else {
		b = append(b, "accounts:\n"...)
	}
	for i := range f.Accounts {
		a := &f.Accounts[i]
		b = append(b, "- accessKey: "...)
		b = append(appendQuoted(b, a.AccessKey), '\n')
		b = appendText(b, "secretKey", a.SecretKey)
		b = appendText(b, "whiteRemoteAddress", a.WhiteRemoteAddress)
		b = fmt.Appendf(b, "  admin: %t\n", a.Admin)
		b = appendText(b, "defaultTopicPerm", a.DefaultTopicPerm)
		b = appendText(b, "defaultGroupPerm", a.DefaultGroupPerm)
		b = appendList(b, "topicPerms", "  ", a.TopicPerms)
		b = appendList(b, "groupPerms", "  ", a.GroupPerms)
	}
	return fmt.Appendf(b, "dataVersion:\n- counter: %d\n  timestamp: %d\n", f.Version.Counter, f.Version.Timestamp)
}

// appendText appends what an account has; nothing is left out.
func appendText(b []byte, name, s string) []byte {
	if s == "" {
		return b
	}
	return append(appendQuoted(fmt.Appendf(b, "  %s: ", name), s), '\n')
}

func appendList(b []byte, name, indent string, all []string) []byte {
	if len(all) == 0 {
		return b
	}
	b = fmt.Appendf(b, "%s%s:\n", indent, name)
	for _, s := range all {
		b = append(appendQuoted(fmt.Appendf(b, "%s- ", indent), s), '\n')
	}
	return b
}

// appendQuoted appends s in single quotes, within which only those mean anything.
func appendQuoted(b []byte, s string) []byte {
	b = append(b, '\'')
	b = append(b, strings.ReplaceAll(s, "'", "''")...)
	return append(b, '\'')
}

// isText says whether s can stand in a file.
func isText(s string) bool { return utf8.ValidString(s) && !strings.ContainsFunc(s, unprintable) }
