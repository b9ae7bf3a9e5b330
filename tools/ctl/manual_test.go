package main

import (
	"bytes"
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// TestTheManPageIsUpToDate keeps packaging/man/pairmq.1 what the commands say of
// themselves; `make generate` writes it.
func TestTheManPageIsUpToDate(t *testing.T) {
	const file = "../../packaging/man/pairmq.1"
	page := manualPage()
	if os.Getenv("PAIRMQ_WRITE") != "" {
		if err := os.WriteFile(file, page, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	b, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(b, page) {
		t.Errorf("%s is not up to date; it should be:\n%s", file, page)
	}
}

// manualPage is the man page of all commands, in roff. It is made here and not in
// the program, which has no use for it.
func manualPage() []byte {
	root := newRoot(&env{})
	var b bytes.Buffer
	b.WriteString(".\\\" made by make generate from the help of the commands\n")
	b.WriteString(".TH PAIRMQ 1 \"\" \"pairmq\" \"User commands\"\n.SH NAME\npairmq \\- the command line of pairmq, for any RocketMQ broker\n")
	b.WriteString(".SH SYNOPSIS\n.B pairmq\n.I command\n[\\fIoptions\\fR]\n.SH DESCRIPTION\n")
	preformatted(&b, root.Long)
	b.WriteString(".SH OPTIONS OF ALL COMMANDS\n")
	manualFlags(&b, root.PersistentFlags())
	b.WriteString(".SH COMMANDS\n")
	for _, c := range root.Commands() {
		manualCommand(&b, c)
	}
	b.WriteString(".SH ENVIRONMENT\n.TP\n.B PAIRMQ_NAMESRV\nname servers, host:port separated by semicolons, where \\-\\-namesrv is not given\n")
	b.WriteString(".TP\n.B PAIRMQ_ACCOUNT\nfor the flag \\-\\-account, where it is not given\n")
	b.WriteString(".TP\n.B PAIRMQ_TLS_CA, PAIRMQ_TLS_CERT, PAIRMQ_TLS_KEY, PAIRMQ_TLS_VERIFY\nfor the flags \\-\\-tls\\-ca and so on, where they are not given\n")
	b.WriteString(".SH SEE ALSO\n.BR pairmqd (8)\n")
	return b.Bytes()
}

// manualCommand writes a command and those below it.
func manualCommand(b *bytes.Buffer, c *cobra.Command) {
	if c.Hidden {
		return
	}
	fmt.Fprintf(b, ".SS %s\n", roff(c.UseLine()))
	if c.Long == "" {
		fmt.Fprintf(b, "%s.\n", roff(c.Short))
	} else {
		preformatted(b, c.Long)
	}
	manualFlags(b, c.LocalNonPersistentFlags())
	for _, below := range c.Commands() {
		manualCommand(b, below)
	}
}

func manualFlags(b *bytes.Buffer, fs *pflag.FlagSet) {
	fs.VisitAll(func(f *pflag.Flag) {
		kind, text := pflag.UnquoteUsage(f)
		name := "--" + f.Name
		if f.Shorthand != "" {
			name = "-" + f.Shorthand + ", " + name
		}
		if f.DefValue != "" && f.DefValue != "false" && f.DefValue != "0" && f.DefValue != "0s" && f.DefValue != "[]" {
			text += " (default " + f.DefValue + ")"
		}
		fmt.Fprintf(b, ".TP\n\\fB%s\\fR \\fI%s\\fR\n%s\n", roff(name), roff(kind), roff(text))
	})
}

// preformatted writes text with the line ends that it has.
func preformatted(b *bytes.Buffer, text string) {
	fmt.Fprintf(b, ".nf\n%s\n.fi\n", roff(text))
}

// roff is text that roff takes for nothing but text.
func roff(text string) string {
	text = strings.NewReplacer(`\`, `\e`, "-", `\-`).Replace(text)
	lines := strings.Split(text, "\n")
	for i, l := range lines {
		if strings.HasPrefix(l, ".") || strings.HasPrefix(l, "'") {
			lines[i] = `\&` + l
		}
	}
	return strings.Join(lines, "\n")
}
