package sql92

import "testing"

// typical is the properties of a message as 5.x clients send and the store
// keeps them.
const typical = "KEYS\x01order-20417\x02region\x01EU\x02a\x017\x02UNIQ_KEY\x01AC110001269451E4A4E18B4AAC270000\x02CLUSTER\x01DefaultCluster\x02WAIT\x01true\x02TAGS\x01TagA\x02__CRC32#\x010512345678"

func BenchmarkEvaluate(b *testing.B) {
	for _, expression := range []string{
		"a > 5 AND region = 'EU' OR b IS NULL",
		"a BETWEEN 1.5 AND 9.5 AND region NOT IN ('US', 'CN', 'JP')",
		"missing = 'x'",
	} {
		b.Run(expression, func(b *testing.B) {
			e, err := Compile(expression)
			if err != nil {
				b.Fatal(err)
			}
			props := []byte(typical)
			b.ReportAllocs()
			for b.Loop() {
				e.Evaluate(props)
			}
		})
	}
}

func BenchmarkCompile(b *testing.B) {
	b.ReportAllocs()
	for b.Loop() {
		if _, err := Compile("a > 5 AND region = 'EU' OR b IS NULL"); err != nil {
			b.Fatal(err)
		}
	}
}
