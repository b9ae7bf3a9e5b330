package replica

import (
	"testing"

	"pairmq/internal/remoting"
)

// FuzzParseVersions: what is accepted encodes to what decodes to the same.
func FuzzParseVersions(f *testing.F) {
	f.Add("-5", "0", "1", "9223372036854775807")
	f.Add("", "x", "9223372036854775808", " 1")
	f.Fuzz(func(t *testing.T, boot, topics, groups, offsets string) {
		in := remoting.Fields{{Key: "boot", Value: boot}, {Key: "topics", Value: topics}, {Key: "groups", Value: groups}, {Key: "offsets", Value: offsets}}
		v, err := parseVersions(in)
		if err != nil {
			return
		}
		if again, err := parseVersions(v.fields()); err != nil || again != v {
			t.Errorf("%v decodes to %+v, which encodes to what decodes to %+v, %v", in, v, again, err)
		}
	})
}
