package auth

import (
	"net/netip"
	"strconv"
	"strings"
	"unicode/utf8"
)

// A Kind is what a resource is, in RocketMQ's words.
type Kind string

// The kinds. "" stands in entries alone, for all of them.
const (
	Cluster Kind = "Cluster"
	Topic   Kind = "Topic"
	Group   Kind = "Group"
)

// An Action is what is done with a resource; several are a set.
type Action uint8

// The actions.
const (
	Pub Action = 1 << iota
	Sub
	Create
	Update
	Delete
	Get
	List
	all = 1<<iota - 1
)

// actionWords are those of an Action's bits, from the lowest, and that of all.
const actionWords = "Pub Sub Create Update Delete Get List All"

// A rule is an Entry as requests are judged by it.
type rule struct {
	kind    Kind
	name    string // or how it begins
	weight  int    // of two that are about a resource the heavier one decides
	actions Action
	deny    bool
	from    []netip.Prefix
}

// Weights: of a rule about everything, about all of a kind, and about a name; one about a prefix has its length
// besides that of all.
const (
	ofKind = 1
	ofName = 1 << 16
)

// bounds of what is said of one user.
const (
	maxName    = 255 // bytes: of a user's name, a password, and what a resource is called
	maxEntries = 200 // each request looks at all of them
	maxSources = 32  // of one entry
)

func (r *rule) same(o *rule) bool {
	return r.kind == o.kind && r.weight == o.weight && r.name == o.name
}

// check makes e's rule, and puts e into its own words.
func (e *Entry) check() (err error) {
	if e.Resource, err = e.read(e.Resource); err != nil {
		return err
	}
	if e.actions, err = parseActions(e.Actions); err != nil {
		return err
	}
	if len(e.Sources) > maxSources {
		return Refuse("an entry has %d addresses, at most %d are taken", len(e.Sources), maxSources)
	}
	for _, s := range e.Sources {
		p, err := netip.ParsePrefix(s)
		if a, bad := netip.ParseAddr(s); bad == nil {
			a = a.Unmap()
			p, err = a.Prefix(a.BitLen()) // which has no zone
			if a.Zone() != "" {
				return Refuse("The source ip is invalid.")
			}
		}
		if err != nil || p.Addr().Is4In6() {
			return Refuse("The source ip is invalid.")
		}
		e.from = append(e.from, p)
	}
	if e.Decision == "" {
		return Refuse("The decision is null or illegal.")
	}
	if e.Decision, err = word("decision", e.Decision, "Allow", "Deny"); err != nil {
		return Refuse("The decision is null or illegal.")
	}
	e.deny = e.Decision == "Deny"
	if len(e.Sources) == 0 {
		e.Sources = nil // as the file has them, that are none
	}
	return nil
}

// read makes r the one for a resource, and returns that in RocketMQ's words. That takes Topic:a*b* for Topic:a*,
// and what it does not know for none.
func (r *rule) read(s string) (string, error) {
	*r = rule{}
	if s == "*" {
		return s, nil
	}
	if strings.TrimSpace(s) == "" {
		return "", Refuse("The resource is null.")
	}
	word, name, _ := strings.Cut(s, ":")
	for _, k := range []Kind{Cluster, Topic, Group} {
		if strings.EqualFold(word, string(k)) {
			r.kind = k
		}
	}
	if r.kind == "" || name == "" {
		return "", Refuse("The resource type is null: %.64q is none of *, and Topic:, Group: or Cluster: with a name", s)
	}
	begin, open := strings.CutSuffix(name, "*")
	r.name = begin
	if begin != "" && !isName(begin) || strings.Contains(begin, "*") || strings.HasPrefix(begin, retries) {
		return "", Refuse("The resource pattern is null: in %.64q a * is not at the end, or is what no name has; topics of retries go by their group", s)
	}
	if r.weight = ofKind + len(begin); !open {
		r.weight = ofName
	}
	return string(r.kind) + ":" + name, nil
}

// retries begins the names of topics that are a group's: nobody is asked for a right to one.
const retries = "%RETRY%"

// parseActions reads a set of actions.
func parseActions(said []string) (set Action, err error) {
	if len(said) == 0 {
		return 0, Refuse("The actions is empty.")
	}
	words := strings.Fields(actionWords)
	for _, s := range said {
		i := 0
		for i < len(words) && !strings.EqualFold(s, words[i]) {
			i++
		}
		if i == len(words) {
			return 0, Refuse("The actions can not be %.32q, but some of %s.", s, actionWords)
		}
		set |= 1 << i
	}
	if set > all {
		set = all
	}
	return set, nil
}

// isName says whether s may be a name: it is shown to people, and stands in a file.
func isName(s string) bool {
	for _, c := range s {
		if !strconv.IsPrint(c) {
			return false
		}
	}
	return len(s) <= maxName && utf8.ValidString(s) && strings.TrimSpace(s) == s
}
