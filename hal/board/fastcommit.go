package board

import (
	"path/filepath"
	"strconv"
	"strings"
)

// fastCommits returns how often ext4 has used its fast journal on this disk since it
// was mounted. It is a feature of the file system, which no mount option shows;
// the counter is what the kernel shows of it. What cannot be read counts as none.
func (b *Board) fastCommits(d *Disk) int64 {
	name := d.Name
	if d.Partition != "" {
		name = d.Partition
	}
	text, err := read(b.proc("fs", "ext4", filepath.Base(name), "fc_info"))
	if err != nil {
		return 0
	}
	return parseFastCommits(text)
}

// parseFastCommits reads fc_info, of which the second line is "12 commits".
func parseFastCommits(text string) int64 {
	for line := range strings.Lines(text) {
		if n, ok := strings.CutSuffix(strings.TrimSpace(line), " commits"); ok {
			if v, err := strconv.ParseInt(n, 10, 64); err == nil && v > 0 {
				return v
			}
		}
	}
	return 0
}
