// Package order is what the lab's two halves say to each other: the host sends
// the machine one line of JSON for each Order and gets one Answer back, over a
// connection to the machine's port Port. What an order does is package guest's.
package order

// Port is where the machine takes orders.
const Port = 7000

// Ready is what the machine says on its console when it takes orders.
const Ready = "guest: ready for orders"

// State is where the machine mounts the file system of the store.
const State = "/state"

// What can be ordered.
const (
	Hello   = "hello"   // is it up?
	Mount   = "mount"   // Device, a file system of kind FS, on State
	Unmount = "unmount" // State
	Start   = "start"   // the daemon, with the arguments Argv
	Stop    = "stop"    // the daemon, with SIGTERM, and wait for its end
	Kill    = "kill"    // the daemon, with SIGKILL
	Ended   = "ended"   // wait until the daemon ends by itself; Text is how it did
	Create  = "create"  // the device-mapper device Name with Table; Text is its path
	Reload  = "reload"  // Name with another Table, without flushing anything before
	Remove  = "remove"  // Name
	Message = "message" // Text, to the target of Name
	Scan    = "scan"    // the dm-log-writes log on Device: Entries
	Replay  = "replay"  // the log on Device, up to entry Upto, onto the device To
	Loose   = "loose"   // some of the writes of the entries from Upto to End, onto To: Seed decides which
	Off     = "off"     // switch the machine off
)

// An Order is one thing that the machine is to do. Which fields count follows from Do.
type Order struct {
	Do     string   `json:"do"`
	Device string   `json:"device,omitempty"`
	FS     string   `json:"fs,omitempty"`
	Argv   []string `json:"argv,omitempty"`
	Name   string   `json:"name,omitempty"`
	Table  Table    `json:"table"`
	Text   string   `json:"text,omitempty"`
	To     string   `json:"to,omitempty"`
	Upto   int      `json:"upto,omitempty"`
	End    int      `json:"end,omitempty"`
	Seed   uint64   `json:"seed,omitempty"`
	Unit   int64    `json:"unit,omitempty"` // Loose: bytes that are written together or not at all
}

// A Table is a device-mapper table of one target, as long as the device Over.
type Table struct {
	Target string `json:"target"`
	Params string `json:"params"`
	Over   string `json:"over"`
}

// An Answer is what came of an order. Err is empty if it was done.
type Answer struct {
	Err     string  `json:"err,omitempty"`
	Text    string  `json:"text,omitempty"`
	Entries []Entry `json:"entries,omitempty"`
}

// An Entry is one entry of a dm-log-writes log.
type Entry struct {
	Mark  string `json:"mark,omitempty"`  // set for a mark
	Bytes int64  `json:"bytes,omitempty"` // that are written; 0 for a flush alone
	Flush bool   `json:"flush,omitempty"` // the device was told to empty its cache
	FUA   bool   `json:"fua,omitempty"`   // this write went past the cache
}

// Barrier says whether all before the entry is on the medium once it is done.
func (e Entry) Barrier() bool { return e.Flush || e.FUA }
