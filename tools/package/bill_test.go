package main

import (
	"debug/buildinfo"
	"encoding/json"
	"runtime/debug"
	"slices"
	"testing"
	"time"
)

func TestTheBillNamesEveryModuleOnce(t *testing.T) {
	daemon := &buildinfo.BuildInfo{GoVersion: "go1.26.8", Deps: []*debug.Module{{Path: "b.org/x", Version: "v1.0.0"}}}
	command := &buildinfo.BuildInfo{GoVersion: "go1.26.8", Deps: []*debug.Module{
		{Path: "b.org/x", Version: "v1.0.0"}, {Path: "a.org/y", Version: "v0.1.0", Replace: &debug.Module{Path: "c.org/y", Version: "v0.2.0"}}}}
	all := modules([]*buildinfo.BuildInfo{daemon, command})
	want := []linked{{"b.org/x", "v1.0.0"}, {"c.org/y", "v0.2.0"}, {stdlib, "1.26.8"}}
	if !slices.Equal(all, want) {
		t.Fatalf("modules are %v, want %v", all, want)
	}
	text, err := bill(program{"1.0.0", time.Unix(0, 0).UTC(), "linux-amd64"}, all, func(m linked) ([]string, error) { return []string{"MIT"}, nil })
	if err != nil {
		t.Fatal(err)
	}
	var doc bom
	if err := json.Unmarshal(text, &doc); err != nil {
		t.Fatal(err)
	}
	if doc.Format != "CycloneDX" || doc.Metadata.Timestamp != "1970-01-01T00:00:00Z" || len(doc.Components) != 3 ||
		doc.Components[1].PURL != "pkg:golang/c.org/y@v0.2.0" || doc.Components[2].PURL != "pkg:golang/stdlib@1.26.8" || len(doc.Components[0].Licenses) != 1 || doc.Components[0].Licenses[0].License.ID != "MIT" {
		t.Errorf("the bill is\n%s", text)
	}
}
