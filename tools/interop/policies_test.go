package interop

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"pairmq/tools/interop/peers"
	"pairmq/tools/interop/policies"
)

// TestPolicyVerdicts has the authorization of Apache's 5.4.0 judge policies that are made up, and pairmq's hold its
// own verdicts against those: package auth has a test that reads them from a file.
func TestPolicyVerdicts(t *testing.T) {
	const n, recorded = 20_000, 800
	ctx := within(t, 5*time.Minute)
	dir := workDir(t)
	peer := javaClient(t, dir, peers.V5)
	cases := policies.Cases(51006, n)
	verdicts, err := peer.JudgePolicies(ctx, dir, cases)
	if err != nil {
		t.Fatal(err)
	}
	count := map[string]int{}
	text := []byte("# apache 5.4.0\n")
	for i, c := range cases {
		text = fmt.Appendf(text, "%s\t%s\t%s\t%s\t%s\n", verdicts[i], c.Resource, c.Actions, c.From, c.Policies)
		count[verdicts[i]]++
	}
	for _, verdict := range []string{"allowed", "denied", "unsaid"} {
		if count[verdict] < n/20 {
			t.Errorf("%d of %d verdicts are %s: these policies show little", count[verdict], n, verdict)
		}
	}
	if os.Getenv("PAIRMQ_WRITE") != "" { // what package auth's test reads elsewhere, where no JVM is
		if err := os.WriteFile(filepath.Join("..", "..", "internal", "auth", "testdata", "apache-5.4.0.txt"), []byte(strings.Join(strings.SplitAfter(string(text), "\n")[:recorded+1], "")), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	file := filepath.Join(dir, "policies.txt")
	if err := os.WriteFile(file, text, 0o644); err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(ctx, "go", "test", "-count=1", "-v", "-run", "^TestApacheVerdicts$", "./internal/auth")
	cmd.Dir, cmd.Env = filepath.Join("..", ".."), append(os.Environ(), "AUTH_VERDICTS="+file)
	out, err := cmd.CombinedOutput()
	if err != nil || !bytes.Contains(out, []byte("PASS: TestApacheVerdicts/given")) {
		t.Errorf("pairmq's verdicts: %v\n%s", err, out)
	}
	t.Logf("%v\n%s", count, out)
}
