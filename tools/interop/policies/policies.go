// Package policies makes up what users may do, and what they ask for, for Apache's evaluator and ours to judge.
package policies

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"strings"
)

// A Case is what a user may do, as the body of request 3006 has it, and what it asks for.
type Case struct {
	Policies string // JSON
	Resource string // Topic:name
	Actions  string // with commas between
	From     string // an address
}

// entry and policy are as bodies have them.
type entry struct {
	Resource string   `json:"resource"`
	Actions  []string `json:"actions"`
	Sources  []string `json:"sourceIps,omitempty"`
	Decision string   `json:"decision"`
}

type policy struct {
	Type    string  `json:"policyType"`
	Entries []entry `json:"entries"`
}

// Cases makes up n of them, always the same for one seed. Names, prefixes and networks are few, so that several
// entries are about most of what is asked for.
func Cases(seed uint64, n int) []Case {
	r := rand.New(rand.NewPCG(seed, seed))
	pick := func(all ...string) string { return all[r.IntN(len(all))] }
	some := func(most int, all ...string) (s []string) {
		for _, i := range r.Perm(len(all))[:1+r.IntN(most)] {
			s = append(s, all[i])
		}
		return s
	}
	actions := []string{"Pub", "Sub", "Create", "Update", "Delete", "Get", "List"}
	cases := make([]Case, n)
	for i := range cases {
		var all []policy
		for _, kind := range some(2, "Custom", "Default") {
			p, seen := policy{Type: kind}, map[string]bool{}
			for range 1 + r.IntN(6) {
				e := entry{Decision: pick("Allow", "Allow", "Deny"), Actions: some(3, actions...)}
				if r.IntN(4) == 0 {
					e.Actions = []string{"All"}
				}
				if r.IntN(3) == 0 {
					e.Sources = some(2, "10.0.0.0/8", "10.1.0.0/16", "10.1.2.3", "192.0.2.0/25", "0.0.0.0/0", "2001:db8::/32", "2001:db8::7")
				}
				switch e.Resource = pick("Topic:", "Topic:", "Topic:", "Group:", "Group:", "Cluster:", "*"); {
				case e.Resource == "*":
				case r.IntN(5) == 0:
					e.Resource += "*"
				default:
					e.Resource += pick("a", "ab", "abc", "b", "abcd") + pick("", "*")
				}
				if !seen[e.Resource] { // RocketMQ goes by the order of two, where ours has one alone
					seen[e.Resource] = true
					p.Entries = append(p.Entries, e)
				}
			}
			all = append(all, p)
		}
		text, err := json.Marshal(all)
		if err != nil {
			panic(fmt.Sprintf("policies: %v", err)) // these are texts alone
		}
		cases[i] = Case{
			Policies: string(text), Resource: pick("Topic:", "Topic:", "Group:", "Cluster:") + pick("a", "ab", "abc", "abcd", "abcde", "b", "c"),
			Actions: strings.Join(some(3, actions...), ","), From: pick("10.1.2.3", "10.1.9.9", "10.9.9.9", "192.0.2.127", "192.0.2.128", "2001:db8::7", "2001:db9::7"),
		}
	}
	return cases
}
