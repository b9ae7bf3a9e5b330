package auth

import (
	"net/netip"
	"os"
	"strings"
	"testing"
)

// TestApacheVerdicts holds verdicts against those of Apache's own authorization, with user, policies and
// strategy as its broker has them. A line of testdata is the verdict, a resource, actions, an address, and
// policies as the body of request 3006 has them; it was written by the version in the first line.
func TestApacheVerdicts(t *testing.T) {
	t.Run("apache-5.4.0", func(t *testing.T) { holdAgainst(t, "testdata/apache-5.4.0.txt") })
	if file := os.Getenv("AUTH_VERDICTS"); file != "" {
		t.Run("given", func(t *testing.T) { holdAgainst(t, file) })
	}
}

func holdAgainst(t *testing.T, file string) {
	b, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	held, wrong := 0, 0
	for line := range strings.Lines(string(b)) {
		f := strings.Split(strings.TrimSpace(line), "\t")
		if strings.HasPrefix(line, "#") {
			continue
		}
		if len(f) != 5 {
			t.Fatalf("bad line %q", line)
		}
		table := decodeOK(t, `{"users":[{"username":"bob","password":"x","policies":`+f[4]+`}]}`)
		kind, name, _ := strings.Cut(f[1], ":")
		any, err := parseActions(strings.Split(f[2], ","))
		if err != nil {
			t.Fatal(err)
		}
		v, _ := table.Find("bob").Judge(Kind(kind), name, any, netip.MustParseAddr(f[3]))
		got := map[Verdict]string{Unsaid: "unsaid", Denied: "denied", Allowed: "allowed"}[v]
		if held++; got != f[0] {
			if wrong++; wrong < 10 {
				t.Errorf("%s of %s from %s with %s is %s, Apache says %s", f[2], f[1], f[3], f[4], got, f[0])
			}
		}
	}
	if held < 500 {
		t.Errorf("%d verdicts are too few to say anything", held)
	}
	t.Logf("%d verdicts held against, %d differ", held, wrong)
}
