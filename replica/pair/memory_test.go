package pair

import (
	"errors"
	"fmt"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"pairmq/replica/epoch"
)

// A flash keeps what a Memory has it keep, and counts.
type flash struct {
	value  []byte
	writes int
	broken error
}

func (f *flash) keep(b []byte) error {
	if f.broken != nil {
		return f.broken
	}
	f.value = slices.Clone(b)
	f.writes++
	return nil
}

// start loads what is kept, as a broker does that starts with file.
func (f *flash) start(t *testing.T, file Role) *Memory {
	t.Helper()
	m, err := Load(f.value, file)
	if err != nil {
		t.Fatal(err)
	}
	if err := m.Keep(f.keep); err != nil {
		t.Fatal(err)
	}
	return m
}

// must is for steps of a test that cannot fail.
func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

var (
	fileMaster = Role{Name: SyncMaster}
	fileSlave  = Role{Name: Slave, ID: 2}
)

// TestRole goes through what a broker is after its file and its commands have
// said one thing after the other. Each step is a start with a file, or a command.
func TestRole(t *testing.T) {
	type step struct {
		file Role                // of a start; the zero Role goes on
		does func(*Memory) error // before the next start
	}
	promote := func(role string) func(*Memory) error {
		return func(m *Memory) error { return m.Promote(role) }
	}
	yield := func(id int64) func(*Memory) error { return func(m *Memory) error { return m.Yield(id) } }
	begin := func(m *Memory) error { return m.Begin(0, 100, false) }
	hand := func(m *Memory) error { return m.Hand("10.0.0.2:10911") }
	async := Role{Name: AsyncMaster}
	tests := []struct {
		name    string
		steps   []step
		role    Role
		slaveID int64
		differs bool
		raised  bool
		handing string
	}{
		{"a new master", []step{{file: fileMaster}}, fileMaster, 1, false, false, ""},
		{"a new slave", []step{{file: fileSlave}}, fileSlave, 2, false, false, ""},
		{"a master restarts", []step{{fileMaster, begin}, {file: fileMaster}}, fileMaster, 1, false, false, ""},
		{"a slave is promoted", []step{{fileSlave, promote(SyncMaster)}, {file: fileSlave}}, fileMaster, 2, true, true, ""},
		{"by whom no master was known", []step{{fileSlave, promote("")}, {file: fileSlave}}, async, 2, true, true, ""},
		{"and has begun", []step{{fileSlave, promote(SyncMaster)}, {fileSlave, begin}, {file: fileSlave}}, fileMaster, 2, true, false, ""},
		{"and yields again", []step{{fileSlave, promote("")}, {fileSlave, yield(7)}, {file: fileSlave}}, fileSlave, 2, false, false, ""},
		{"a master yields", []step{{fileMaster, yield(3)}, {file: fileMaster}}, Role{Slave, 3}, 3, true, false, ""},
		{"and is promoted again", []step{{fileMaster, yield(3)}, {fileMaster, promote(AsyncMaster)}, {file: fileMaster}}, fileMaster, 3, false, true, ""},
		{"a master that yielded gets another kind", []step{{fileMaster, yield(3)}, {file: async}}, Role{Slave, 3}, 3, true, false, ""},
		{"a master gets another kind", []step{{fileMaster, begin}, {file: async}}, async, 1, false, false, ""},
		{"by hand a slave becomes master", []step{{file: fileSlave}, {file: fileMaster}}, fileMaster, 1, false, true, ""},
		{"by hand a master becomes a slave", []step{{fileMaster, begin}, {file: fileSlave}}, fileSlave, 2, false, false, ""},
		{"by hand one that was promoted becomes a slave, before its epoch began", []step{{fileMaster, promote("")}, {file: fileSlave}}, fileSlave, 2, false, false, ""},
		{"its file says what it was promoted to", []step{{fileSlave, promote("")}, {fileSlave, begin}, {file: fileMaster}}, fileMaster, 1, false, false, ""},
		{"its file says what it yielded to", []step{{fileMaster, yield(3)}, {file: fileSlave}}, fileSlave, 2, false, false, ""},
		{"and then what it was", []step{{fileMaster, yield(3)}, {file: fileSlave}, {file: fileMaster}}, fileMaster, 3, false, true, ""},
		{"one that hands over restarts", []step{{fileMaster, hand}, {file: fileMaster}}, fileMaster, 1, false, false, "10.0.0.2:10911"},
		{"a person ends that", []step{{fileMaster, hand}, {fileMaster, promote("")}, {file: fileMaster}}, fileMaster, 1, false, true, ""},
		{"or its successor", []step{{fileMaster, hand}, {fileMaster, yield(2)}, {file: fileMaster}}, Role{Slave, 2}, 2, true, false, ""},
		{"or its file", []step{{fileMaster, hand}, {file: fileSlave}}, fileSlave, 2, false, false, ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var f flash
			var m *Memory
			for _, s := range tt.steps {
				m = f.start(t, s.file)
				if s.does != nil {
					must(t, s.does(m))
				}
			}
			if m.Role() != tt.role || m.SlaveID() != tt.slaveID || m.Differs() != tt.differs || m.Raised() != tt.raised || m.Handing() != tt.handing {
				t.Errorf("role %+v, as a slave %d, differs %v, raised %v, handing over to %q; want %+v, %d, %v, %v, %q",
					m.Role(), m.SlaveID(), m.Differs(), m.Raised(), m.Handing(), tt.role, tt.slaveID, tt.differs, tt.raised, tt.handing)
			}
		})
	}
}

// TestWhatCannotBeReadIsNotBelieved: the file alone decides, and an error says so.
func TestWhatCannotBeReadIsNotBelieved(t *testing.T) {
	var f flash
	m := f.start(t, fileMaster)
	must(t, m.Begin(0, 0, false))
	must(t, m.Yield(3))
	bad, err := (&saved{Slave: true, Decided: true, Epochs: []epoch.Epoch{{Number: 2}, {Number: 1}}}).MarshalMsg(nil)
	must(t, err)
	for name, value := range map[string][]byte{"half": f.value[:len(f.value)/2], "empty": {}, "no map": {0xc0}, "no history": bad} {
		m, err := Load(value, fileMaster)
		if err == nil || m.Role() != fileMaster || len(m.Epochs()) != 0 || len(m.Peers()) != 0 {
			t.Errorf("%s: Load = %+v, %v, %v; want an error, and the file's role", name, m.Role(), m.Epochs(), err)
		}
		var again flash
		if must(t, m.Keep(again.keep)); again.writes != 1 {
			t.Errorf("%s: what is right now was written %d times", name, again.writes)
		}
	}
}

// TestNothingIsWrittenWhereNothingChanges counts writes to flash.
func TestNothingIsWrittenWhereNothingChanges(t *testing.T) {
	f := flash{}
	m := f.start(t, fileMaster)
	h := epoch.History{{Number: 1, ID: 7}, {Number: 2, ID: 8, Start: 100}}
	const peer = "10.0.0.2:10911"
	steps := []struct {
		name   string
		does   func() error
		writes int // on the first and on the second time together
	}{
		{"the first epoch", func() error { return m.Begin(0, 0, false) }, 1},
		{"an epoch of a clean start", func() error { return m.Begin(0, 50, false) }, 0},
		{"epochs of a master", func() error { return m.Adopt(h) }, 1},
		{"a peer", func() error { return m.NotePeer(peer, "") }, 1},
		{"and its role", func() error { return m.NotePeer(peer, SyncMaster) }, 1},
		{"a peer that says no role", func() error { return m.NotePeer(peer, "") }, 0},
		{"handing over", func() error { return m.Hand(peer) }, 1},
		{"not handing over", func() error { return m.Hand("") }, 1},
		{"promoted", func() error { return m.Promote(AsyncMaster) }, 1},
		{"yielded", func() error { return m.Yield(3) }, 1},
		{"a restart", func() error { m = f.start(t, fileMaster); return nil }, 0},
		{"a file that says the other", func() error { m = f.start(t, fileSlave); return nil }, 1},
	}
	if f.writes != 1 {
		t.Errorf("the first start: %d writes, want 1", f.writes)
	}
	for _, s := range steps {
		f.writes = 0
		must(t, s.does())
		must(t, s.does())
		if f.writes != s.writes {
			t.Errorf("%s: %d writes, want %d", s.name, f.writes, s.writes)
		}
	}
}

// TestWhatCannotBeKeptIsNotDone: after a failure the memory is as it was, and
// once flash works again it is written, whatever became of the bytes before.
func TestWhatCannotBeKeptIsNotDone(t *testing.T) {
	var f flash
	m := f.start(t, fileMaster)
	must(t, m.Begin(0, 0, false))
	must(t, m.NotePeer("10.0.0.2:10911", SyncMaster))
	before := fmt.Sprintf("%+v", m.s)
	f.broken = errors.New("flash is worn out")
	for name, err := range map[string]error{
		"Begin": m.Begin(0, 100, true), "Adopt": m.Adopt(epoch.History{{Number: 9}}), "Promote": m.Promote(AsyncMaster),
		"Yield": m.Yield(4), "Hand": m.Hand("10.0.0.3:10911"), "NotePeer": m.NotePeer("10.0.0.3:10911", ""),
	} {
		if !errors.Is(err, f.broken) {
			t.Errorf("%s = %v, want that flash is worn out", name, err)
		}
	}
	if got := fmt.Sprintf("%+v", m.s); got != before {
		t.Errorf("the memory has become\n%s, it was\n%s", got, before)
	}
	f.broken, f.writes = nil, 0
	if must(t, m.Hand("")); f.writes != 1 {
		t.Errorf("after a failure what did not change was written %d times, want once: what is kept is not known", f.writes)
	}
	if m = f.start(t, fileMaster); fmt.Sprintf("%+v", m.s) != before {
		t.Errorf("a restart makes it\n%+v, it was\n%s", m.s, before)
	}
}

// TestBegin begins epochs for every reason there is.
func TestBegin(t *testing.T) {
	tests := []struct {
		name       string
		has        epoch.History
		raise      bool
		start, end int64
		unclean    bool
		want       string
	}{
		{"the first", nil, false, 0, 0, false, "1@0"},
		{"the first, of a log that was there", nil, false, 100, 700, true, "1@100"},
		{"made master without any", nil, true, 100, 700, false, "1@100 2@700"},
		{"made master of nothing", nil, true, 100, 100, false, "2@100"},
		{"a clean start", epoch.History{{Number: 3, Start: 50}}, false, 0, 700, false, "3@50"},
		{"not clean", epoch.History{{Number: 3, Start: 50}}, false, 0, 700, true, "3@50 3.1@700"},
		{"made master", epoch.History{{Number: 3, Start: 50}}, true, 0, 700, false, "3@50 4@700"},
		{"made master, not clean", epoch.History{{Number: 3, Boot: 2, Start: 50}}, true, 0, 700, true, "3.2@50 4@700"},
		{"shorter than its last epoch", epoch.History{{Number: 3, Start: 50}, {Number: 4, Start: 800}}, false, 0, 700, false, "3@50 4.1@700"},
		{"as short as its last epoch", epoch.History{{Number: 3, Start: 50}, {Number: 4, Start: 700}}, false, 0, 700, false, "3@50 4@700"},
		{"what is before the log goes", epoch.History{{Number: 3, Start: 50}, {Number: 4, Start: 600}}, true, 650, 700, false, "4@600 5@700"},
	}
	for _, tt := range tests {
		var f flash
		m := f.start(t, fileMaster)
		must(t, m.Adopt(tt.has))
		next := m.Next()
		if tt.raise {
			must(t, m.Promote(""))
		}
		must(t, m.Begin(tt.start, tt.end, tt.unclean))
		got := ""
		for _, e := range m.Epochs() {
			got += fmt.Sprintf(" %v@%d", e, e.Start)
		}
		if got != " "+tt.want || m.Raised() {
			t.Errorf("%s: the epochs are%s, raised %v; want %s", tt.name, got, m.Raised(), tt.want)
		}
		if tt.raise && m.Epochs().Last().Number != next {
			t.Errorf("%s: Next() was %d", tt.name, next)
		}
		if again := f.start(t, fileMaster); !slices.Equal(again.Epochs(), m.Epochs()) {
			t.Errorf("%s: a restart makes the epochs %v", tt.name, again.Epochs())
		}
	}
}

// TestPeersAreBounded keeps the latest.
func TestPeersAreBounded(t *testing.T) {
	var f flash
	m := f.start(t, fileSlave)
	for i := range 3 * maxPeers {
		must(t, m.NotePeer(fmt.Sprintf("10.0.0.%d:10911", i), ""))
	}
	must(t, m.NotePeer("10.0.0.20:10911", SyncMaster)) // known, with a role: now the latest
	got := f.start(t, fileSlave).Peers()
	if len(got) != maxPeers || got[0] != "10.0.0.20:10911" || got[1] != "10.0.0.23:10911" || slices.Contains(got[1:], got[0]) {
		t.Errorf("Peers() = %q, want the latest %d", got, maxPeers)
	}
	must(t, m.Promote(""))
	if got := f.start(t, fileSlave).Role(); got != fileMaster {
		t.Errorf("promoted without a role it is %+v, want what its master was", got)
	}
}

// TestASlaveDoesNotHandOver: a master that gives way while it hands over must
// not have two successors.
func TestASlaveDoesNotHandOver(t *testing.T) {
	var f flash
	m := f.start(t, fileMaster)
	must(t, m.Yield(1))
	if err := m.Hand("10.0.0.2:10911"); !errors.Is(err, ErrSlave) || m.Handing() != "" {
		t.Errorf("Hand on a slave = %v, handing over to %q", err, m.Handing())
	}
	must(t, m.Hand(""))
}

func FuzzSaved(f *testing.F) {
	b, _ := (&saved{Decided: true, Slave: true, MasterRole: SyncMaster, Epochs: []epoch.Epoch{{Number: 2, ID: 7}}, Peers: []string{"10.0.0.2:10911"}}).MarshalMsg(nil)
	f.Add(b)
	f.Add([]byte("\x81\xa6epochs\xdd\xff\xff\xff\xff")) // claims 4 billion
	f.Add([]byte("\x81\xa5peers\xdd\xff\xff\xff\xff"))
	f.Fuzz(func(t *testing.T, in []byte) {
		m, err := Load(in, fileSlave)
		if err != nil {
			return
		}
		var out flash
		must(t, m.Keep(out.keep))
		if out.value == nil { // in is what would be kept
			out.value = in
		}
		again, err := Load(out.value, fileSlave)
		if err != nil || fmt.Sprintf("%+v", again.s) != fmt.Sprintf("%+v", m.s) {
			t.Errorf("%x decodes to %+v, which encodes to %+v (%v)", in, m.s, again.s, err)
		}
	})
}

// TestWhatIsRememberedIsToldWhileTheDiskStandsStill: a change that is being kept
// holds up neither status nor the other half.
func TestWhatIsRememberedIsToldWhileTheDiskStandsStill(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m, err := Load(nil, Role{Name: Slave, ID: 1})
		if err != nil {
			t.Fatal(err)
		}
		if err := m.Keep(func([]byte) error { <-time.After(30 * time.Second); return nil }); err != nil {
			t.Fatal(err)
		}
		begin, done := time.Now(), make(chan error, 1)
		go func() { done <- m.Promote(SyncMaster) }()
		synctest.Wait()
		if m.Role().Name != Slave || m.Raised() || len(m.Epochs()) > 0 || m.Handing() != "" || len(m.Peers()) > 0 || m.Differs() || m.SlaveID() != 1 {
			t.Errorf("while it is being promoted the broker is %+v", m.Role())
		}
		if took := time.Since(begin); took > 0 {
			t.Errorf("who asked waited for %v", took)
		}
		if err := <-done; err != nil || m.Role().Name != SyncMaster || !m.Raised() {
			t.Errorf("promoted: %v, %+v", err, m.Role())
		}
	})
}
