package main

import (
	"strings"
	"testing"

	"pairmq/hal/link"
)

// TestADescriptionHasTheLinks: those that the kernel tells of, and no key where there is none.
func TestADescriptionHasTheLinks(t *testing.T) {
	list, err := link.States(sysfs)
	if err != nil {
		t.Fatal(err)
	}
	info := map[string]string{}
	describeLinks(info, nil)
	text, ok := info["links"]
	if ok != (len(list) > 0) {
		t.Errorf("%d links, described as %q", len(list), text)
	}
	if _, ok := info["addressMissing"]; ok {
		t.Errorf("an address is missing: %v", info)
	}
	if describeLinks(info, link.ErrNoAddress); info["addressMissing"] != link.ErrNoAddress.Error() {
		t.Errorf("no address is missing: %v", info)
	}
	for _, s := range list {
		if !strings.Contains(text, s.Name+" ") {
			t.Errorf("%q does not name %s", text, s.Name)
		}
	}
}
