package sql92

import (
	"errors"
	"fmt"
	"strings"
	"testing"
)

// props makes a properties text of names and values.
func props(pairs ...string) string {
	var b strings.Builder
	for i := 0; i < len(pairs); i += 2 {
		b.WriteString(pairs[i] + "\x01" + pairs[i+1] + "\x02")
	}
	return b.String()
}

// TestVerdicts names the rules one by one; that they are Apache's is TestApacheVerdicts'.
func TestVerdicts(t *testing.T) {
	tests := []struct{ expression, props, want string }{
		{"a > 5 AND region = 'EU' OR b IS NULL", props("a", "7", "region", "EU", "b", "1"), "true"},
		{"a > 5 AND region = 'EU' OR b IS NULL", props("a", "5", "region", "EU", "b", "1"), "false"},
		{"a > 5 AND region = 'EU' OR b IS NULL", props("a", "5"), "true"},
		{"a>5aNd b<>'x'", props("a", "6", "b", "y"), "true"},
		// A text becomes what it is compared with.
		{"a > 5", props("a", "5.5"), "failed"},
		{"a > 5", props("a", " 6"), "failed"},
		{"a > 5", props("a", "+6"), "true"},
		{"a > 5", props("a", "٦"), "true"},
		{"a > 5", props("a", "2147483648"), "failed"},
		{"a > 5L", props("a", "2147483648"), "failed"}, // it fits in 32 bits, whatever its suffix
		{"a > 2147483648", props("a", "2147483649"), "true"},
		{"a > 5.0", props("a", " 5.5f "), "true"},
		{"a > 5.0", props("a", "NaN"), "true"},
		{"a > b", props("a", "10", "b", "9"), "true"},
		{"a > b", props("a", "x", "b", "9"), "failed"},
		{"a = b", props("a", "1.0", "b", "1"), "false"},
		{"a = TRUE", props("a", "TrUe"), "true"},
		{"TRUE = a", props("a", "true"), "failed"},
		// What is missing.
		{"a = 'x'", "", "null"},
		{"'x' = a", "", "false"},
		{"a = b", "", "true"},
		{"a <> 'x'", "", "null"},
		{"a", props("a", "true"), "false"},
		{"NOT a", props("a", "true"), "true"},
		{"a CONTAINS 'x'", "", "false"},
		{"a NOT CONTAINS 'x'", "", "false"},
		{"NULL IS NULL", "", "true"},
		// Three values.
		{"a = 'x' AND TRUE", "", "null"},
		{"a = 'x' AND FALSE", "", "false"},
		{"a = 'x' OR TRUE", "", "true"},
		{"NULL OR FALSE", "", "null"},
		{"FALSE AND a > 5", props("a", "x"), "false"},
		{"TRUE AND a > 5", props("a", "x"), "failed"},
		{"a BETWEEN 1 AND 5", props("a", "5"), "true"},
		{"a NOT BETWEEN 1 AND 5", props("a", "0"), "true"},
		{"a BETWEEN 1 AND 5.0", props("a", "0.5"), "failed"},
		{"a BETWEEN b AND 5", props("a", "1"), "null"},
		// Precedence, and what follows.
		{"NOT a = 5", props("a", "5"), "false"},
		{"a = 1 OR b = 1 AND c = 1", props("a", "1"), "true"},
		{"a = - - 5", props("a", "5"), "true"},
		{"a = --5", props("a", "5"), "true"},
		{"a = --5\n 6", props("a", "6"), "true"},
		{"a = 007", props("a", "0"), "true"},
		{"a = 5 and so on", props("a", "5"), "null"},
		{"a = 5 so on", props("a", "5"), "true"},
		// Texts.
		{"a = 'it''s'", props("a", "it's"), "true"},
		{"a IN ('x', 'y')", props("a", "y"), "true"},
		{"a NOT IN ('x', 'y')", "", "null"},
		{"a STARTSWITH 'ab' AND a ENDSWITH 'bc' AND a NOT CONTAINS 'd'", props("a", "abc"), "true"},
		{"a STARTSWITH ''", props("a", "abc"), "false"},
		// The properties text.
		{"a = '2'", props("a", "1", "a", "2"), "true"},
		{"a IS NULL", props("a", "", "aa", "1", "A", "1"), "true"},
		{"a = 'b\x01c'", props("a", "b\x01c"), "true"},
		{"$_a1 = 'x'", "$_a1\x01x", "true"},
		// What is refused.
		{"", "", "refused"}, {" \n", "", "refused"}, {"5", "", "refused"}, {"'x'", "", "refused"}, {"-a", "", "refused"},
		{"a = NULL", "", "refused"}, {"a > 'x'", "", "refused"}, {"a > TRUE", "", "refused"}, {"a = 5 AND", "", "refused"},
		{"TRUE = 5", "", "refused"}, {"a = 0.0", "", "refused"}, {"a = 9223372036854775808", "", "refused"},
		{"a BETWEEN 5 AND 1", "", "refused"}, {"a IN (5)", "", "refused"}, {"5 IN ('5')", "", "refused"}, {"a = 'x", "", "refused"},
		{"(a = 5", "", "refused"}, {"a = 5 !", "", "refused"}, {"a.b = 5", "", "refused"}, {"ä = 5", "", "refused"}, {"a = 5 /* c", "", "refused"},
		{"contains = 5", "", "refused"}, {"a != 5", "", "refused"},
	}
	for _, test := range tests {
		if got := verdictOn(test.expression, test.props); got != test.want {
			t.Errorf("%q of %q is %s, want %s", test.expression, test.props, got, test.want)
		}
	}
}

// TestManyProperties reads more of them than fit on the stack, again and again.
func TestManyProperties(t *testing.T) {
	var expression, text strings.Builder
	for i := range 3 * stackNames {
		if i > 0 {
			expression.WriteString(" AND ")
		}
		fmt.Fprintf(&expression, "p%d = '%d'", i, i)
		fmt.Fprintf(&text, "p%d\x01%d\x02", i, i)
	}
	e, err := Compile(expression.String())
	if err != nil {
		t.Fatal(err)
	}
	for range 3 {
		if got := e.Evaluate([]byte(text.String())); got != True {
			t.Fatalf("all properties are there: %v", got)
		}
		if got := e.Evaluate([]byte(text.String()[1:])); got != Unknown {
			t.Fatalf("the first is missing: %v", got)
		}
	}
}

// TestBounds: what is too much is refused, in little time and memory; what is
// within the bounds works.
func TestBounds(t *testing.T) {
	const many = 10_000
	refused := map[string]string{
		"one megabyte":     "a = '" + strings.Repeat("x", 1<<20) + "'",
		"parentheses":      strings.Repeat("(", many) + "a" + strings.Repeat(")", many),
		"open parentheses": strings.Repeat("(", MaxLength),
		"NOTs":             strings.Repeat("NOT ", many/3) + "a",
		"signs":            "a = " + strings.Repeat("+", many) + "5",
		"minus signs":      "a = " + strings.Repeat("-", many) + "5",
		"comparisons":      "a" + strings.Repeat("=b", many/2),
		"IS NULLs":         "a" + strings.Repeat(" IS NULL", many/10),
	}
	for name, text := range refused {
		var err error
		allocs := testing.AllocsPerRun(1, func() { _, err = Compile(text) })
		if !errors.Is(err, ErrExpression) || len(err.Error()) > 200 || allocs > 3000 {
			t.Errorf("%s: %v, with %v allocations", name, err, allocs)
		}
	}
	accepted := map[string]string{
		"parentheses":  strings.Repeat("(", MaxDepth-1) + "a = 5" + strings.Repeat(")", MaxDepth-1),
		"alternatives": "a = 5" + strings.Repeat(" OR b=6", MaxLength/8),
		"a list":       "a NOT IN ('5'" + strings.Repeat(",''", MaxLength/4) + ") OR a = 5",
		"a text":       "a = 5 OR a = '" + strings.Repeat("x", MaxLength-20) + "'",
	}
	for name, text := range accepted {
		if got := verdictOn(text, props("a", "5")); got != "true" {
			t.Errorf("%s: %s, want true", name, got)
		}
	}
}

func TestEvaluateAllocatesNothing(t *testing.T) {
	for _, expression := range []string{
		"a > 5 AND region = 'EU' OR b IS NULL", "a BETWEEN 1.5 AND 9.5 AND region NOT IN ('US', 'CN')", "region > 5", "region > 5.0",
		"region CONTAINS 'E' AND NOT (a = b)", "a = '1' OR region IN ('1','2','3','4','5','6','7','8','9','10')",
	} {
		e, err := Compile(expression)
		if err != nil {
			t.Fatal(err)
		}
		text := []byte(typical)
		if n := testing.AllocsPerRun(100, func() { e.Evaluate(text) }); n > 0 {
			t.Errorf("%q: %v allocations", expression, n)
		}
	}
}

// FuzzCompile: any text is an expression or none, and an expression with comments
// around it has the same verdict.
func FuzzCompile(f *testing.F) {
	for _, s := range []string{"a > 5 AND region = 'EU' OR b IS NULL", "NOT a NOT BETWEEN -1.5e3 AND 7L", "a IN ('x','it''s') /* c */ -- d\n", "((a))", "a = --5", "'"} {
		f.Add(s, typical)
	}
	f.Fuzz(func(t *testing.T, text, properties string) {
		e, err := Compile(text)
		if err != nil {
			if e != nil || !errors.Is(err, ErrExpression) {
				t.Errorf("%q: %v, %v", text, e, err)
			}
			return
		}
		want := e.Evaluate([]byte(properties))
		for _, variant := range []string{text + " -- the end\n", "\n/**/" + text} {
			again, err := Compile(variant)
			if err != nil { // beyond the bounds, or the text ends in the middle of what nobody looks at
				continue
			}
			if got := again.Evaluate([]byte(properties)); got != want {
				t.Errorf("%q is %v of %q, and %q is %v", text, want, properties, variant, got)
			}
		}
	})
}

// FuzzEvaluate: no properties do any harm, and properties that an expression does
// not read change nothing.
func FuzzEvaluate(f *testing.F) {
	f.Add([]byte(typical))
	f.Add([]byte("a\x01\x02\x01b\x02\x02a\x015\x02b"))
	var all []*Expression
	for _, s := range []string{"a > 5 AND region = 'EU' OR b IS NULL", "a > 5.5", "a = 2147483648", "a = b", "a >= b", "a = TRUE", "a CONTAINS 'x' OR NOT b", "a NOT IN ('x')"} {
		e, err := Compile(s)
		if err != nil {
			f.Fatal(err)
		}
		all = append(all, e)
	}
	f.Fuzz(func(t *testing.T, properties []byte) {
		for _, e := range all {
			want := e.Evaluate(properties)
			if got := e.Evaluate(append([]byte("other\x01value\x02"), properties...)); got != want {
				t.Errorf("%v of %q is %v, and with one more property %v", e.names, properties, want, got)
			}
		}
	})
}
