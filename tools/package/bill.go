package main

import (
	"encoding/json"
	"time"
)

// The parts of a CycloneDX document, version 1.5, that say what is in a program.
type (
	bom struct {
		Format     string      `json:"bomFormat"`
		Spec       string      `json:"specVersion"`
		Version    int         `json:"version"`
		Metadata   metadata    `json:"metadata"`
		Components []component `json:"components"`
	}
	metadata struct {
		Timestamp string    `json:"timestamp"`
		Component component `json:"component"`
	}
	component struct {
		Type    string `json:"type"`
		Ref     string `json:"bom-ref"`
		Name    string `json:"name"`
		Version string `json:"version"`
		PURL    string `json:"purl,omitempty"`

		Licenses []licensed `json:"licenses,omitempty"`
	}
	licensed struct {
		License struct {
			ID string `json:"id"`
		} `json:"license"`
	}
)

// bill is the list of what the programs were linked from, as scanners for known
// vulnerabilities and for licenses read it.
func (b *builder) bill(p program, all []linked) ([]byte, error) {
	return bill(p, all, func(m linked) ([]string, error) {
		_, which, err := b.licensed(m)
		return which, err
	})
}

// bill is the builder's, with the licenses that of tells.
func bill(p program, all []linked, of func(linked) ([]string, error)) ([]byte, error) {
	doc := bom{
		Format: "CycloneDX", Spec: "1.5", Version: 1, Components: []component{},
		Metadata: metadata{p.date.Format(time.RFC3339), component{Type: "application", Ref: "pairmq-" + p.arch, Name: "pairmq", Version: p.version}},
	}
	for _, m := range all {
		purl := "pkg:golang/" + m.path + "@" + m.version
		c := component{Type: "library", Ref: purl, Name: m.path, Version: m.version, PURL: purl}
		which, err := of(m)
		if err != nil {
			return nil, err
		}
		for _, id := range which {
			var l licensed
			l.License.ID = id
			c.Licenses = append(c.Licenses, l)
		}
		doc.Components = append(doc.Components, c)
	}
	out, err := json.MarshalIndent(doc, "", "  ")
	return append(out, '\n'), err
}
