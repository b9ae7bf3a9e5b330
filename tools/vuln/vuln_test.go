package main

import (
	"bytes"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"
)

// found is an entry of a made-up vulnerability of os.ReadFile, in every Go, and of a module.
const found = `{"schema_version":"1.3.1","id":"GO-2026-9001","modified":"2026-01-02T03:04:05Z","published":"2026-01-02T03:04:05Z","summary":"made up","details":"long",
"affected":[{"package":{"name":"stdlib","ecosystem":"Go"},"ranges":[{"type":"SEMVER","events":[{"introduced":"0"}]}],"ecosystem_specific":{"imports":[{"path":"os","symbols":["ReadFile"]}]}},
{"package":{"name":"example.com/other","ecosystem":"Go"},"ranges":[{"type":"SEMVER","events":[{"introduced":"0"}]}]}],
"database_specific":{"url":"https://pkg.go.dev/vuln/GO-2026-9001"}}`

func madeUp(t *testing.T, modules ...string) *list {
	t.Helper()
	l := &list{Date: time.Date(2026, 1, 2, 0, 0, 0, 0, time.UTC), From: "a test", Modules: modules}
	if err := l.add([]byte(found)); err != nil {
		t.Fatal(err)
	}
	return l
}

func TestAListComesBackAsItWas(t *testing.T) {
	l := madeUp(t, "stdlib", "example.com/unharmed")
	if len(l.entries) != 1 || len(l.entries[0].Affected) != 1 || l.entries[0].Affected[0].Package.Name != "stdlib" {
		t.Fatalf("entries %+v, want one, of stdlib alone", l.entries)
	}
	var b bytes.Buffer
	if err := l.encode(&b); err != nil {
		t.Fatal(err)
	}
	if strings.Contains(b.String(), "long") {
		t.Errorf("details are kept:\n%s", &b)
	}
	got, err := decodeList(bytes.NewReader(b.Bytes()))
	if err != nil || fmt.Sprintf("%+v", got) != fmt.Sprintf("%+v", l) {
		t.Errorf("got %+v, %v, want %+v", got, err, l)
	}
	for _, cut := range []int{0, 10, b.Len() / 2, bytes.IndexByte(b.Bytes(), '\n') + 1} {
		if l, err := decodeList(bytes.NewReader(b.Bytes()[:cut])); err == nil {
			t.Errorf("the first %d of %d bytes are taken: %+v", cut, b.Len(), l)
		}
	}
}

func TestOtherModulesAndWhatWasWithdrawnAreLeftOut(t *testing.T) {
	for name, text := range map[string]string{
		"another module": found,
		"withdrawn":      strings.Replace(strings.Replace(found, `"id"`, `"withdrawn":"2026-02-02T00:00:00Z","id"`, 1), `"stdlib"`, `"golang.org/x/sys"`, 1),
	} {
		l := &list{Modules: []string{"golang.org/x/sys"}}
		if err := l.add([]byte(text)); err != nil || len(l.entries) != 0 {
			t.Errorf("%s: %v, %+v", name, err, l.entries)
		}
	}
	if err := new(list).add([]byte(`{"id":"../../x"}`)); err == nil {
		t.Error("an entry that is called ../../x is taken: it would be a file")
	}
}

func TestAListSaysWhatItIsWorth(t *testing.T) {
	l := madeUp(t, "stdlib")
	if got := l.lacks([]string{"stdlib", "new.example/a", "new.example/a"}); !reflect.DeepEqual(got, []string{"new.example/a"}) {
		t.Errorf("it lacks %v", got)
	}
	if got, want := l.describe(l.Date.Add(50*time.Hour)), "1 known vulnerabilities of 1 modules, as of 2026-01-02, 2 days ago (a test)"; got != want {
		t.Errorf("%q, want %q", got, want)
	}
	if got := l.describe(l.Date.Add(91 * 24 * time.Hour)); !strings.Contains(got, "vuln-refresh") {
		t.Errorf("after 91 days: %q", got)
	}
}

func TestADatabaseIsAsked(t *testing.T) {
	asked := []string{}
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked = append(asked, r.URL.Path)
		switch r.URL.Path {
		case "/index/db.json":
			fmt.Fprint(w, `{"modified":"2026-01-02T03:04:05Z"}`)
		case "/index/modules.json":
			fmt.Fprint(w, `[{"path":"stdlib","vulns":[{"id":"GO-2026-9001"}]},{"path":"example.com/other","vulns":[{"id":"GO-2026-9001"},{"id":"GO-2026-9002"}]}]`)
		case "/ID/GO-2026-9001.json":
			fmt.Fprint(w, found)
		default:
			http.NotFound(w, r)
		}
	}))
	defer srv.Close()
	l := &list{Modules: []string{"stdlib"}}
	if err := l.fromDatabase(t.Context(), srv.URL+"/"); err != nil || len(l.entries) != 1 || l.Date.Year() != 2026 {
		t.Errorf("%v, %+v", err, l)
	}
	if len(asked) != 3 {
		t.Errorf("asked for %v, want no entry of other modules", asked)
	}
	if err := (&list{Modules: []string{"example.com/other"}}).fromDatabase(t.Context(), srv.URL); err == nil || !strings.Contains(err.Error(), "404") {
		t.Errorf("an entry that is missing: %v", err)
	}
}

func TestACloneIsRead(t *testing.T) {
	dir := t.TempDir()
	if err := os.MkdirAll(filepath.Join(dir, "data/osv"), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "data/osv/GO-2026-9001.json"), []byte(found), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, args := range [][]string{{"init", "-q"}, {"add", "."}, {"-c", "user.name=x", "-c", "user.email=x@example.com", "commit", "-qm", "x", "--date=2026-01-02T03:04:05Z"}} {
		cmd := exec.Command("git", args...)
		cmd.Dir = dir
		cmd.Env = append(os.Environ(), "GIT_COMMITTER_DATE=2026-01-02T03:04:05Z")
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("git %v: %v\n%s", args, err, out)
		}
	}
	l := &list{Modules: []string{"stdlib"}}
	if err := l.fromClone(t.Context(), dir); err != nil || len(l.entries) != 1 || l.Date.Format(time.DateOnly) != "2026-01-02" || !strings.HasPrefix(l.From, "github.com/golang/vulndb ") {
		t.Errorf("%v, %+v", err, l)
	}
}

// A program that calls what is vulnerable must make the check fail; one that does not must pass.
func TestGovulncheckFindsWhatIsCalled(t *testing.T) {
	db := t.TempDir()
	if err := madeUp(t, "stdlib").write(db); err != nil {
		t.Fatal(err)
	}
	for call, fails := range map[string]bool{`os.ReadFile("x")`: true, `os.Getpid()`: false} {
		dir := t.TempDir()
		for name, text := range map[string]string{"go.mod": "module m\n\ngo 1.26\n", "main.go": "package main\n\nimport \"os\"\n\nfunc main() { " + call + " }\n"} {
			if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		var out bytes.Buffer
		err := check(t.Context(), "../..", []string{dir}, "file://"+db, &out)
		if (err != nil) != fails || strings.Contains(out.String(), "Vulnerability #1: GO-2026-9001") != fails {
			t.Errorf("%s: %v, want a finding: %v\n%s", call, err, fails, &out)
		}
	}
}

// What is committed must be good, and of all that is used: else make vuln would only say so in CI.
func TestTheListIsOfWhatIsUsed(t *testing.T) {
	l, err := readList("known.jsonl")
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range []string{"stdlib", "toolchain", "golang.org/x/sys", "go.etcd.io/bbolt"} {
		if !slices.Contains(l.Modules, m) {
			t.Errorf("it says nothing of %s", m)
		}
	}
	ids := map[string]bool{}
	for _, e := range l.entries {
		if ids[e.ID] || !strings.HasPrefix(e.ID, "GO-") || len(e.Affected) == 0 || len(e.Database) == 0 {
			t.Errorf("entry %s: twice: %v, affects %d modules", e.ID, ids[e.ID], len(e.Affected))
		}
		ids[e.ID] = true
	}
}
