package config

import (
	"fmt"
	"strings"
)

// sampleWidth is how long a line of comment may be, in bytes.
const sampleWidth = 100

const sampleHead = `# The configuration of pairmqd: one key=value a line. Every key that there is stands below as a
# comment, with its default; "pairmqd -c FILE --check-config" says what is wrong with a file.
# Files conf.d/*.conf beside this one are laid over it, in the order of their names.
# "systemctl reload pairmqd" applies namesrvAddr, logLevel and the lists of addresses
# (adminAddresses, haPeers, namesrvAllowedBrokers), "systemctl restart pairmqd" the rest; a few
# keys can be changed with "mqadmin updateBrokerConfig" as well, which writes no file.

# As installed: a broker with a name server in its own process, for everybody who reaches this
# machine. With name servers elsewhere put namesrvAddr=host:9876;host:9876 in the place of this line.
enableNamesrv=true
`

// Sample is a configuration file with every key as a comment, with its default
// and its meaning. It sets only what a broker cannot do without, so that it runs as
// it is: the packages install it.
func Sample() string {
	var b strings.Builder
	b.WriteString(sampleHead)
	for _, k := range keys() {
		b.WriteByte('\n')
		comment(&b, k.doc)
		fmt.Fprintf(&b, "#%s=%s\n", k.name, k.def)
	}
	return b.String()
}

// comment writes text as lines of comment, broken between words.
func comment(b *strings.Builder, text string) {
	line := "#"
	for word := range strings.FieldsSeq(text) {
		if len(line)+1+len(word) > sampleWidth {
			b.WriteString(line + "\n")
			line = "#"
		}
		line += " " + word
	}
	b.WriteString(line + "\n")
}
