package config

// A Use is what the daemon does with what a key names in the file system. No value of
// any key is ever run, and none that names something can change while the daemon runs.
type Use int

const (
	NoPath       Use = iota // the key names nothing there
	LooksAt                 // whether something is there, and what
	ReadsFile               // a file that is read
	RewritesFile            // a file that is read, and replaced by a request of those whom it calls administrators, under a name that no request gives
	KeepsFolder             // the daemon's own folder, in which it does everything
	WritesFile              // a file that is replaced; it has a name that nothing else is called by
	FeedsDevice             // a device that is opened for writing, and never made
	MakesSocket             // a socket, in place of one that nobody listens at; a file of another kind is left alone
)

// A Path is what a key names in the file system.
type Path struct {
	Key  string
	Use  Use
	Path string
}

// Paths are those that c names, in the order of the keys.
func (c *Config) Paths() (all []Path) {
	for _, k := range keys() {
		if v := k.value(c); k.use != NoPath && v != "" && v != AutoSocket {
			all = append(all, Path{k.name, k.use, v})
		}
	}
	return all
}

// at is a key that names something in the file system.
func at(u Use, k key) key { k.use = u; return k }
