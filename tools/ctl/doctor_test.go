package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestDoctor(t *testing.T) {
	dir := t.TempDir()
	conf := filepath.Join(dir, "pairmqd.conf")
	if err := os.WriteFile(conf, []byte("enableNamesrv=true\nlistenPort=x\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	o := runIn(t.Context(), "", "", "doctor", "-c", conf)
	if o.code != exitFailed || !strings.HasPrefix(o.out, "WRONG    configuration: "+conf+":2: listenPort") || !strings.Contains(o.out, "\n         do: mend the file;") || !strings.Contains(o.err, "see above") {
		t.Errorf("of a mistake it exits with %d and writes\n%s%s", o.code, o.out, o.err)
	}
	args := []string{"doctor", "--json", "-c", conf, "--set", "storePathRootDir=" + dir}
	if o := runIn(t.Context(), "", "", args...); o.code != exitFailed || !strings.HasPrefix(o.out, `[{"name":"configuration","verdict":"wrong","found":"`+conf+`:2: listenPort`) {
		t.Errorf("as JSON it exits with %d and writes\n%s%s", o.code, o.out, o.err)
	}
}
