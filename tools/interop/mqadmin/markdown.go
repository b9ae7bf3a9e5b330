package mqadmin

import (
	"fmt"
	"slices"
	"strings"

	"pairmq/tools/interop/peers"
)

// longest is how many bytes of an answer a cell of the table has.
const longest = 100

// A row is one line of the table.
type row struct {
	name, args, apache, pairmq, why string
	class                           Class
	versions                        string
}

// Markdown is docs/mqadmin.md from what was recorded below dir, both versions of a command in one row where they came to the same;
// empty if nothing was.
func Markdown(dir string) (string, error) {
	var rows []row
	var versions []string
	counts := map[string]map[Class]int{}
	for _, version := range []string{peers.V4, peers.V5} {
		answers, err := Recorded(dir, version)
		if err != nil {
			return "", err
		}
		if answers == nil {
			continue
		}
		versions = append(versions, version)
		counts[version] = map[Class]int{}
		for i, c := range Of(version) {
			if i >= len(answers) || answers[i].Command != c.Name || answers[i].Args != c.Args {
				return "", fmt.Errorf("mqadmin: %s %s of %s is not what was recorded: make mqadmin", c.Name, c.Args, version)
			}
			a := answers[i]
			class := c.Classify(a.Apache, a.Pairmq)
			counts[version][class]++
			rows = add(rows, row{c.Name, c.Args, cell(a.Apache, a.Pairmq), cell(a.Pairmq, a.Apache), c.Reason(class), class, version})
		}
	}
	if versions == nil {
		return "", nil
	}
	var b strings.Builder
	b.WriteString("# mqadmin\n\nThis page is made by `make mqadmin`: it runs every command of the versions of `mqadmin` below against Apache's broker, slave and\n" +
		"name server of the same version, and against pairmq's, with the same topics, messages, producers and an online consumer in Java, and compares\n" +
		"what is printed. Addresses, times, identifiers and, where a command measures, numbers are masked. `mqadmin` exits with 0 whatever\n" +
		"happens. \"same\": the same text. \"differs\": it prints something else, for the reason that is given. \"fails\": it complains with pairmq alone.\n" +
		"\"does not apply\": Apache's complain too, which run without that part, or it looks at files that no server is asked for. What a command writes\n" +
		"to a file or to its log instead of printing it is compared like that. Cells have the line that says most, with a complaint if there is one. The whole of what was printed is in `tools/interop/mqadmin/answers`.\n\n")
	b.WriteString("| mqadmin | same | differs | fails | refused on purpose | does not apply |\n| --- | --- | --- | --- | --- | --- |\n")
	for _, v := range versions {
		n := counts[v]
		fmt.Fprintf(&b, "| %s | %d | %d | %d | %d | %d |\n", v, n[Same], n[Differs], n[Fails], n[Refused], n[NotHere])
	}
	b.WriteString("\n| command | versions | class | Apache answers | pairmq answers | why |\n| --- | --- | --- | --- | --- | --- |\n")
	for _, r := range rows {
		pairmq := r.pairmq
		if r.class == Same {
			pairmq = "the same"
		}
		fmt.Fprintf(&b, "| `%s` | %s | %s | %s | %s | %s |\n", strings.TrimSpace(r.name+" "+r.args), r.versions, r.class, r.apache, pairmq, r.why)
	}
	return b.String(), nil
}

// add appends a row, or adds its version to the one that says the same.
func add(rows []row, r row) []row {
	for i, old := range rows {
		same := old
		same.versions = r.versions
		if same == r {
			rows[i].versions += ", " + r.versions
			return rows
		}
	}
	return append(rows, r)
}

// cell is the line of an answer that says most: its complaint, or the first with a value in it, of those that the other
// answer does not have if there are any.
func cell(answer, other string) string {
	if answer == "" {
		return "nothing"
	}
	lines, others := strings.Split(answer, "\n"), strings.Split(other, "\n")
	if own := slices.DeleteFunc(lines, func(l string) bool { return slices.Contains(others, l) }); len(own) > 0 {
		answer = strings.Join(own, "\n")
	}
	best := ""
	for l := range strings.Lines(answer) {
		l = strings.TrimSpace(l)
		if Complains(l) {
			best = l
			break
		}
		if best == "" && !strings.HasPrefix(l, "#") {
			best = l
		}
	}
	if best == "" {
		best, _, _ = strings.Cut(answer, "\n")
	}
	if len(best) > longest {
		best = strings.ToValidUTF8(best[:longest], "") + "…"
	}
	return "`" + strings.NewReplacer("|", "/", "`", "'").Replace(best) + "`"
}
