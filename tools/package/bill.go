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
	}
)

// bill is the list of what the programs were linked from, as scanners for known
// vulnerabilities read it.
func bill(p program, all []linked) ([]byte, error) {
	doc := bom{
		Format: "CycloneDX", Spec: "1.5", Version: 1, Components: []component{},
		Metadata: metadata{p.date.Format(time.RFC3339), component{Type: "application", Ref: "pairmq-" + p.arch, Name: "pairmq", Version: p.version}},
	}
	for _, m := range all {
		purl := "pkg:golang/" + m.path + "@" + m.version
		doc.Components = append(doc.Components, component{"library", purl, m.path, m.version, purl})
	}
	out, err := json.MarshalIndent(doc, "", "  ")
	return append(out, '\n'), err
}
