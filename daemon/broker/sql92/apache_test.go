package sql92

import (
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
)

// verdictsEnv names a file of more verdicts to be held against: interop's
// TestFilterVerdicts has Apache's filters write it.
const verdictsEnv = "SQL92_VERDICTS"

// TestApacheVerdicts holds verdicts against those of Apache's own filters. Each
// file in testdata was written by the one of the version in its first line; a
// line is the verdict, the expression, and the properties text, both quoted.
// An expression is there with true, false and null, which mean what they say,
// with failed, where the evaluation threw, and with refused, where there is none.
func TestApacheVerdicts(t *testing.T) {
	files, err := filepath.Glob("testdata/apache-*.txt")
	if err != nil || len(files) == 0 {
		t.Fatalf("no verdicts in testdata: %v", err)
	}
	for _, file := range files {
		t.Run(filepath.Base(file), func(t *testing.T) { holdAgainst(t, file) })
	}
	if file := os.Getenv(verdictsEnv); file != "" {
		t.Run("given", func(t *testing.T) { holdAgainst(t, file) })
	}
}

// newWords are those that 4.9.7 takes for names of properties.
var newWords = []string{"CONTAINS", "STARTSWITH", "ENDSWITH"}

func holdAgainst(t *testing.T, file string) {
	b, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	head, rest, _ := strings.Cut(string(b), "\n")
	held, newer := 0, 0
	for line := range strings.Lines(rest) {
		want, expression, properties := parseVerdict(t, line)
		got := verdictOn(expression, properties)
		held++
		if got == want {
			continue
		}
		if head == "# apache 4.9.7" && hasWord(expression, newWords) {
			newer++
			continue
		}
		t.Errorf("%q of %q is %s, Apache says %s", expression, properties, got, want)
	}
	if held < 500 {
		t.Errorf("%d verdicts are too few to say anything", held)
	}
	t.Logf("%d verdicts held against, %d differ for a word that this version does not know", held, newer)
}

func parseVerdict(t *testing.T, line string) (verdict, expression, properties string) {
	t.Helper()
	f := strings.Split(strings.TrimSuffix(line, "\n"), "\t")
	if len(f) != 3 {
		t.Fatalf("bad line %q", line)
	}
	for i := 1; i < 3; i++ {
		var err error
		if f[i], err = strconv.Unquote(f[i]); err != nil {
			t.Fatalf("bad line %q: %v", line, err)
		}
	}
	return f[0], f[1], f[2]
}

func verdictOn(expression, properties string) string {
	e, err := Compile(expression)
	if err != nil {
		return "refused"
	}
	return e.Evaluate([]byte(properties)).String()
}

// hasWord says whether one of words is a token of the expression.
func hasWord(expression string, words []string) bool {
	l := lexer{text: expression}
	for {
		tok := l.token()
		if tok.kind == tokEnd || tok.kind == tokBad {
			return false
		}
		for _, w := range words {
			if strings.EqualFold(tok.text, w) {
				return true
			}
		}
	}
}
