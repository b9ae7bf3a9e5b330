package peers

import (
	"context"
	"encoding/base64"
	"fmt"
	"os/exec"
	"strings"

	"pairmq/tools/interop/policies"
)

// JudgePolicies has this version's own authorization judge, in one process whose home is below dir; V5 has one.
// A verdict is allowed, denied by an entry, or unsaid by any.
func (p *Peer) JudgePolicies(ctx context.Context, dir string, cases []policies.Case) ([]string, error) {
	args, err := p.jvm(dir, "256m")
	if err != nil {
		return nil, err
	}
	var in, complaint strings.Builder
	for _, c := range cases {
		body := `{"subject":"User:bob","policies":` + c.Policies + `}`
		fmt.Fprintf(&in, "%s\t%s\t%s\t%s\n", base64.StdEncoding.EncodeToString([]byte(body)), c.Resource, c.Actions, c.From)
	}
	cmd := exec.CommandContext(ctx, "java", append(args, "PolicyVerdicts")...)
	cmd.Stdin, cmd.Stderr = strings.NewReader(in.String()), &complaint
	out, err := cmd.Output()
	if err != nil {
		return nil, fmt.Errorf("peers: the authorization of %s: %w\n%s", p.Version, err, complaint.String())
	}
	_, text, _ := strings.Cut(string(out), "VERDICTS\n") // its logs come first
	verdicts := strings.Split(strings.TrimSpace(text), "\n")
	if len(verdicts) != len(cases) {
		return nil, fmt.Errorf("peers: the authorization of %s gave %d verdicts on %d cases", p.Version, len(verdicts), len(cases))
	}
	return verdicts, nil
}
