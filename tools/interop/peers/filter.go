package peers

import (
	"context"
	"encoding/base64"
	"fmt"
	"os/exec"
	"strings"

	"pairmq/tools/interop/expressions"
)

// Judge has this version's own SQL92 filter judge, in one process whose home is
// below dir. A verdict is true, false or null, failed if the evaluation threw, or
// refused if the text is no expression.
func (p *Peer) Judge(ctx context.Context, dir string, cases []expressions.Case) ([]string, error) {
	args, err := p.jvm(dir, "256m")
	if err != nil {
		return nil, err
	}
	var in, complaint strings.Builder
	for _, c := range cases {
		fmt.Fprintln(&in, base64.StdEncoding.EncodeToString([]byte(c.Expression)), base64.StdEncoding.EncodeToString([]byte(c.Properties)))
	}
	cmd := exec.CommandContext(ctx, "java", append(args, "FilterVerdicts")...)
	cmd.Stdin, cmd.Stderr = strings.NewReader(in.String()), &complaint
	out, err := cmd.Output()
	if err != nil {
		return nil, fmt.Errorf("peers: the filter of %s: %w\n%s", p.Version, err, complaint.String())
	}
	verdicts := strings.Fields(string(out))
	if len(verdicts) != len(cases) {
		return nil, fmt.Errorf("peers: the filter of %s gave %d verdicts on %d cases", p.Version, len(verdicts), len(cases))
	}
	return verdicts, nil
}
