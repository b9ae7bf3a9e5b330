package nameserver

import "time"

// smallBody is how many bytes a body has at most that is decoded at any time.
const smallBody = 4 << 10

// inTurn has what takes long done one at a time, and half of the time at most: what is
// decoded without a pause keeps a processor from looking at anything else. Whose turn it is
// takes out when he may begin. Use newInTurn.
type inTurn chan time.Time

func newInTurn() inTurn {
	t := make(inTurn, 1)
	t <- time.Time{}
	return t
}

// do calls f once it is its turn.
func (t inTurn) do(f func()) {
	time.Sleep(time.Until(<-t))
	begin := time.Now()
	defer func() {
		end := time.Now()
		t <- end.Add(end.Sub(begin))
	}()
	f()
}
