package pair

//go:generate go tool -modfile=../../tools/toolchain/go.mod msgp -file saved.go -o saved_gen.go -io=false -unexported -tests=false

import "pairmq/replica/epoch"

//msgp:limit arrays:256

// Key is where the store keeps what a Memory remembers.
const Key = "pair"

// saved is what a broker remembers of its pair.
type saved struct {
	Decided    bool          `msg:"decided"`    // Slave was
	Slave      bool          `msg:"slave"`      // what the broker is
	FileSlave  bool          `msg:"fileslave"`  // what its file said when that was decided
	BrokerID   int64         `msg:"id"`         // as a slave, where the file has none
	MasterRole string        `msg:"masterrole"` // of the master that it copied last
	Raise      bool          `msg:"raise"`      // made master: the next start begins a new number
	Handing    string        `msg:"handing"`    // the slave that was asked to take over, until it is known whether it did
	Epochs     []epoch.Epoch `msg:"epochs"`     // of the log
	Peers      []string      `msg:"peers"`      // client addresses of the other halves, the latest first
}
