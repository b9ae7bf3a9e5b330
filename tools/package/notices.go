package main

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// notices is the licenses of what the programs were linked from: those of
// Go and its modules ask to be handed on with a program. One that several have
// word for word stands there once.
func (b *builder) notices(_ program, all []linked) ([]byte, error) {
	var texts []string
	users := map[string][]string{}
	for _, m := range all {
		text, _, err := b.licensed(m)
		if err != nil {
			return nil, err
		}
		if users[text] == nil {
			texts = append(texts, text)
		}
		users[text] = append(users[text], m.path+" "+m.version)
	}
	var out bytes.Buffer
	for _, text := range texts {
		fmt.Fprintf(&out, "%s\n\n%s\n\n\n", strings.Join(users[text], "\n"), strings.TrimSpace(text))
	}
	return out.Bytes(), nil
}

// licensed is the text of a module's licenses, and which they are. It fails with errLicense if
// the module may not be linked.
func (b *builder) licensed(m linked) (text string, which []string, err error) {
	dir, err := b.sources(m)
	if err != nil {
		return "", nil, err
	}
	if text, err = license(dir); err == nil {
		which, err = licenses(text)
	}
	if err != nil {
		return "", nil, fmt.Errorf("%s %s: %w", m.path, m.version, err)
	}
	return text, which, nil
}

// sources is the folder that a module was built from.
func (b *builder) sources(m linked) (string, error) {
	cmd := exec.Command("go", "list", "-m", "-f", "{{.Dir}}", m.path)
	if m.path == stdlib {
		cmd = exec.Command("go", "env", "GOROOT")
	}
	cmd.Dir = b.root
	out, err := cmd.Output()
	if err != nil {
		return "", fmt.Errorf("%s: %w", cmd, err)
	}
	return strings.TrimSpace(string(out)), nil
}

// license is the text of all files of a folder that are called so.
func license(dir string) (string, error) {
	var text strings.Builder
	for _, pattern := range []string{"LICENSE*", "COPYING*", "NOTICE*"} {
		files, err := filepath.Glob(filepath.Join(dir, pattern))
		if err != nil {
			return "", err
		}
		for _, f := range files {
			b, err := os.ReadFile(f)
			if err != nil {
				return "", err
			}
			text.Write(b)
			text.WriteString("\n")
		}
	}
	if text.Len() == 0 {
		return "", fmt.Errorf("no license in %s: look where it is, and name it in notices.go", dir)
	}
	return text.String(), nil
}
