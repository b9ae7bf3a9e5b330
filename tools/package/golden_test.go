package main

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"testing"
	"time"
)

// made is a builder with small files in the place of programs and of what is made
// for a package.
func made(t *testing.T) (*builder, target, string) {
	t.Helper()
	dir := t.TempDir()
	root, err := filepath.Abs(recipes)
	if err != nil {
		t.Fatal(err)
	}
	b := &builder{args: args{bin: dir, out: t.TempDir()}, recipes: root, version: "1.2.3", date: time.Unix(1_700_000_000, 0).UTC()}
	target := target{dir: "linux-amd64", arch: "amd64", openwrt: "x86_64"}
	stage := filepath.Join(dir, "stage")
	text, err := b.changelog(target, stage)
	if err != nil {
		t.Fatal(err)
	}
	files := map[string]string{"linux-amd64/pairmqd": "daemon", "linux-amd64/pairmq": "command", "stage/changelog.yaml": string(text)}
	for _, name := range []string{"pairmqd.8.gz", "pairmqd.conf.5.gz", "pairmq.1.gz", "pairmq.bash", "_pairmq", "copyright", "sbom.cdx.json", "third-party-notices"} {
		files["stage/"+name] = name
	}
	for name, text := range files {
		if err := os.MkdirAll(filepath.Dir(filepath.Join(dir, name)), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return b, target, stage
}

// pack writes one package and returns its path.
func pack(t *testing.T, format string) string {
	t.Helper()
	b, target, stage := made(t)
	info, err := b.recipe(target, stage, format)
	if err != nil {
		t.Fatal(err)
	}
	if err := b.packageAs(format, info); err != nil {
		t.Fatal(err)
	}
	names, err := filepath.Glob(filepath.Join(b.out, "*"))
	if err != nil || len(names) != 1 {
		t.Fatalf("packed %q, %v", names, err)
	}
	return names[0]
}

// TestPackagesAreAsInTheGoldens compares what the packages' own tools say of them;
// PAIRMQ_WRITE=1 writes testdata anew.
func TestPackagesAreAsInTheGoldens(t *testing.T) {
	tests := []struct {
		golden, format string
		tool           []string
	}{
		{"deb-contents", "deb", []string{"dpkg-deb", "-c"}},
		{"deb-control", "deb", []string{"dpkg-deb", "-f"}},
		{"ipk-contents", "ipk", []string{"sh", "-c", `tar -xOzf "$0" ./data.tar.gz | tar -tvzf -`}},
		{"ipk-control", "ipk", []string{"sh", "-c", `tar -xOzf "$0" ./control.tar.gz | tar -xOzf - ./control ./conffiles ./postinst ./prerm`}},
		{"rpm-contents", "rpm", []string{"rpm", "-qp", "--queryformat", `[%{FILEMODES:perms} %{FILEUSERNAME}/%{FILEGROUPNAME} %{FILENAMES} %{FILEFLAGS:fflags}\n]`}},
		{"rpm-requires", "rpm", []string{"rpm", "-qp", "--requires"}},
		{"rpm-scripts", "rpm", []string{"rpm", "-qp", "--scripts"}},
	}
	size := regexp.MustCompile(`(?m) +\d+ (\d{4}-\d\d-\d\d \d\d:\d\d) `) // of a file, which changes with every word in it
	for _, tt := range tests {
		t.Run(tt.golden, func(t *testing.T) {
			if _, err := exec.LookPath(tt.tool[0]); err != nil {
				t.Skipf("%s is not here: it cannot be asked", tt.tool[0])
			}
			cmd := exec.Command(tt.tool[0], append(tt.tool[1:], pack(t, tt.format))...)
			cmd.Env = append(os.Environ(), "TZ=UTC", "LC_ALL=C")
			got, err := cmd.Output()
			if err != nil {
				t.Fatalf("%s: %v", cmd, err)
			}
			got = size.ReplaceAll(got, []byte(" SIZE $1 "))
			got = regexp.MustCompile(`Installed-Size: \d+`).ReplaceAll(got, []byte("Installed-Size: KIB"))
			file := filepath.Join("testdata", tt.golden)
			if os.Getenv("PAIRMQ_WRITE") != "" {
				if err := os.WriteFile(file, got, 0o644); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			if !bytes.Equal(got, want) {
				t.Errorf("%s says\n%swant\n%s", cmd, got, want)
			}
		})
	}
}

// TestTheSameFilesMakeTheSamePackage also when they lie elsewhere; `make package-twice`
// builds the programs again as well.
func TestTheSameFilesMakeTheSamePackage(t *testing.T) {
	for _, format := range []string{"deb", "rpm", "ipk"} {
		var packages [2][]byte
		for i := range packages {
			b, err := os.ReadFile(pack(t, format))
			if err != nil {
				t.Fatal(err)
			}
			packages[i] = b
		}
		if !bytes.Equal(packages[0], packages[1]) {
			t.Errorf("two %s of the same files differ", format)
		}
	}
	var tarballs [2]bytes.Buffer
	for i := range tarballs {
		b, target, stage := made(t)
		if err := b.tarball(&tarballs[i], target, stage); err != nil {
			t.Fatal(err)
		}
	}
	if !bytes.Equal(tarballs[0].Bytes(), tarballs[1].Bytes()) {
		t.Error("two tarballs of the same files differ")
	}
}
