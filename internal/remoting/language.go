package remoting

import "strconv"

// A Language names the language of a command's sender. JSON headers carry its
// name, binary ones its number. It is for display, except that a broker pushes
// offsets in another shape to CPP consumers.
type Language uint8

// The languages that RocketMQ 5.4 numbers.
const (
	Java   Language = 0
	CPP    Language = 1
	DotNet Language = 2
	Python Language = 3
	Delphi Language = 4
	Erlang Language = 5
	Ruby   Language = 6
	Other  Language = 7
	HTTP   Language = 8
	Go     Language = 9
	PHP    Language = 10
	OMS    Language = 11
	Rust   Language = 12
	NodeJS Language = 13
)

var languageNames = [...]string{
	"JAVA", "CPP", "DOTNET", "PYTHON", "DELPHI", "ERLANG", "RUBY",
	"OTHER", "HTTP", "GO", "PHP", "OMS", "RUST", "NODE_JS",
}

// String returns RocketMQ's name of l, or its number where it has none.
func (l Language) String() string {
	if int(l) < len(languageNames) {
		return languageNames[l]
	}
	return strconv.Itoa(int(l))
}

// languageOf returns the language called name; Other if there is none.
func languageOf(name []byte) Language {
	for i, n := range languageNames {
		if string(name) == n {
			return Language(i)
		}
	}
	return Other
}
