package index

import "pairmq/store/table"

//go:generate go tool -modfile=../../tools/toolchain/go.mod msgp -file types.go -o types_gen.go -io=false -unexported -tests=false

// queueEntry names a consume queue; chunks refer to it by its number.
type queueEntry struct {
	Topic   string `msg:"topic"`
	QueueID int32  `msg:"id"`
	Floor   int64  `msg:"floor"` // behind the last unit that retention took: without units the queue goes on here
}

// backup is what the backup file holds: all that neither log nor journal knows.
type backup struct {
	Generation    int64             `msg:"gen"`
	Topics        []table.Topic     `msg:"topics"`
	TopicsVersion table.DataVersion `msg:"topicsv"`
	Groups        []table.Group     `msg:"groups"`
	GroupsVersion table.DataVersion `msg:"groupsv"`
	Values        map[string][]byte `msg:"values"`
	Deleted       map[string]int64  `msg:"deleted"`
	Floors        []queueEntry      `msg:"floors"`
}
