// Command vuln says whether what is built here has a known vulnerability that it can
// meet: govulncheck, by a list that is committed beside it, for machines that reach no
// database.
//
//	vuln                        checks the programs, and what makes the packages
//	vuln -db URL                the same by a database, such as https://vuln.go.dev
//	vuln -refresh URL|FOLDER    makes the list anew, of such a database or a clone of
//	                            github.com/golang/vulndb
//
// The list has the standard library and the modules that were used when it was made. A
// module that has come since makes the check fail: the list says nothing of it. It cannot
// know what was found after its date, which the check tells.
//
// It runs in the root of the sources, and exits with 1 if something was found.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strings"
	"time"
)

// listFile is the list, from the root of the sources on.
const listFile = "tools/vuln/known.jsonl"

// oldAge is from when on the check asks for a new list.
const oldAge = 90 * 24 * time.Hour

// checked are the folders of the modules whose programs are checked.
func checked() []string { return []string{".", "tools/package"} }

func main() {
	db := flag.String("db", "", "the `URL` of a database, in place of the list")
	from := flag.String("refresh", "", "make the list anew, of the database at this `URL` or the clone in this folder")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	err := run(ctx, *db, *from, os.Stdout)
	if err != nil {
		fmt.Fprintf(os.Stderr, "vuln: %v\n", err)
		stop()
		os.Exit(1)
	}
}

func run(ctx context.Context, db, from string, out io.Writer) error {
	used, err := modules(ctx)
	if err != nil {
		return err
	}
	switch {
	case from != "":
		return refresh(ctx, from, used, out)
	case db != "":
		return check(ctx, ".", checked(), db, out)
	}
	l, err := readList(listFile)
	if err != nil {
		return err
	}
	if new := l.lacks(used); len(new) > 0 {
		return fmt.Errorf("%s says nothing of %s: it is older than their use; vuln -refresh", listFile, strings.Join(new, ", "))
	}
	dir, err := os.MkdirTemp("", "vuln")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	if err := l.write(dir); err != nil {
		return err
	}
	fmt.Fprintln(out, l.describe(time.Now()))
	return check(ctx, ".", checked(), "file://"+filepath.ToSlash(dir), out)
}

// check has govulncheck look at the modules in dirs. root is that of the sources.
func check(ctx context.Context, root string, dirs []string, db string, out io.Writer) error {
	tools, err := filepath.Abs(filepath.Join(root, "tools/toolchain/go.mod"))
	if err != nil {
		return err
	}
	var errs []error
	for _, dir := range dirs {
		cmd := exec.CommandContext(ctx, "go", "tool", "-modfile="+tools, "govulncheck", "-C", dir, "-tags", "nethttpomithttp2", "-db", db, "./...")
		cmd.Env = append(os.Environ(), "CGO_ENABLED=0", "GOOS=linux")
		cmd.Dir, cmd.Stdout, cmd.Stderr = root, out, os.Stderr
		fmt.Fprintln(out, dir+":")
		if err := cmd.Run(); err != nil {
			errs = append(errs, fmt.Errorf("govulncheck in %s: %w", dir, err))
		}
	}
	return errors.Join(errs...)
}

// modules are those whose code may be in what is checked, the standard library and Go itself.
func modules(ctx context.Context) ([]string, error) {
	all := []string{"stdlib", "toolchain"}
	for _, dir := range checked() {
		cmd := exec.CommandContext(ctx, "go", "list", "-m", "-f", "{{if not .Main}}{{.Path}}{{end}}", "all")
		cmd.Dir = dir
		b, err := cmd.Output()
		if err != nil {
			return nil, fmt.Errorf("go list in %s: %w", dir, err)
		}
		all = append(all, strings.Fields(string(b))...)
	}
	return all, nil
}
