package folder

import "context"

// Checked is what came out of verifying a piece of the log of a running broker.
type Checked struct {
	Start    int64     `json:"start"` // bytes; behind what was asked for, if that was given back
	Next     int64     `json:"next"`  // where the next piece begins
	End      int64     `json:"end"`   // of the log now
	Records  int64     `json:"records"`
	Findings []Finding `json:"findings"`
	Unlisted int64     `json:"unlisted,omitempty"` // findings beyond those
}

// maxChecked bounds the findings of one piece.
const maxChecked = 256

// Check verifies the piece of src from its Start up to the first record that begins at
// to or behind.
func Check(ctx context.Context, src Source, x Index, to int64) (Checked, error) {
	c := Checked{Start: src.Start, Next: src.Start, End: src.End, Findings: []Finding{}}
	if src.Start >= src.End {
		return c, nil
	}
	sum, err := Verify(ctx, VerifyOptions{Log: NewLog(src), Index: x, From: src.Start, To: to, Found: func(f Finding) {
		if len(c.Findings) == maxChecked {
			c.Unlisted++
			return
		}
		c.Findings = append(c.Findings, f)
	}})
	c.Next, c.Records = max(sum.End, src.Start), sum.Records
	c.Unlisted += sum.Untold
	return c, err
}
