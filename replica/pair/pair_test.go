package pair

import (
	"context"
	"errors"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"pairmq/internal/remoting"
	"pairmq/replica/epoch"
)

const (
	addrA = "10.0.0.1:10911"
	addrB = "10.0.0.1:20911"
	addrC = "10.0.0.1:30911"
)

// stateOf is that of a broker at addr whose epochs go up to number.
func stateOf(addr, role string, number int64) State {
	s := goodState()
	s.Addr, s.Role, s.Epochs = addr, role, nil
	if role == Slave {
		s.BrokerID = 1
	}
	for n := range number {
		s.Epochs = append(s.Epochs, epoch.Epoch{Number: n + 1, ID: uint64(n), Start: 100 * (n + 1)})
	}
	s.End = 100 * (number + 1)
	return s
}

func TestRound(t *testing.T) {
	tests := []struct {
		name       string
		own        State
		others     []State
		superseded []string
		masters    []string
		rival      string
	}{
		{"a master alone", stateOf(addrA, SyncMaster, 1), nil, nil, nil, ""},
		{"a master and its slave", stateOf(addrA, SyncMaster, 2), []State{stateOf(addrB, Slave, 2)}, nil, nil, ""},
		{"a slave that is ahead is no master", stateOf(addrA, SyncMaster, 1), []State{stateOf(addrB, Slave, 3)}, nil, nil, ""},
		{"a master of a lower number", stateOf(addrA, SyncMaster, 2), []State{stateOf(addrB, AsyncMaster, 1)}, nil, nil, ""},
		{"a master of a higher number", stateOf(addrA, SyncMaster, 2), []State{stateOf(addrB, AsyncMaster, 3)}, []string{addrB}, nil, ""},
		{"two of higher numbers", stateOf(addrA, SyncMaster, 2), []State{stateOf(addrB, AsyncMaster, 3), stateOf(addrC, SyncMaster, 4)}, []string{addrC}, nil, ""},
		{"a rival", stateOf(addrA, SyncMaster, 2), []State{stateOf(addrB, AsyncMaster, 2)}, nil, nil, addrB},
		{"a rival and a higher one", stateOf(addrA, SyncMaster, 2), []State{stateOf(addrB, AsyncMaster, 2), stateOf(addrC, SyncMaster, 3)}, []string{addrC}, nil, addrB},
		{"a slave and its master", stateOf(addrA, Slave, 2), []State{stateOf(addrB, SyncMaster, 2)}, nil, []string{addrB}, ""},
		{"a slave and two masters", stateOf(addrA, Slave, 2), []State{stateOf(addrB, SyncMaster, 2), stateOf(addrC, SyncMaster, 3)}, nil, []string{addrC}, ""},
		{"slaves", stateOf(addrA, Slave, 2), []State{stateOf(addrB, Slave, 2)}, nil, nil, ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				l := newLAN(t)
				defer l.close()
				a := l.newHalf(tt.own)
				for _, s := range tt.others {
					l.newHalf(s)
					a.knows(s.Addr)
				}
				if got := a.pair.Round(t.Context()); len(got) != len(tt.others) {
					t.Errorf("Round returned %d answers of %d", len(got), len(tt.others))
				}
				if _, by, masters := a.seen(); !slices.Equal(by, tt.superseded) || !slices.Equal(masters, tt.masters) || a.pair.Rival() != tt.rival {
					t.Errorf("superseded by %q, masters %q, rival %q; want %q, %q, %q", by, masters, a.pair.Rival(), tt.superseded, tt.masters, tt.rival)
				}
			})
		})
	}
}

// TestARivalIsToldOnce and again only after it was gone. One that is about to
// begin the next number has no rival.
func TestARivalIsToldOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLAN(t)
		a, b := l.newHalf(stateOf(addrA, SyncMaster, 2)), l.newHalf(stateOf(addrB, SyncMaster, 2))
		a.knows(addrB)
		for range 3 {
			a.pair.Round(t.Context())
		}
		b.becomes(func(s *State) { s.Role = Slave })
		a.pair.Round(t.Context())
		if got := a.pair.Rival(); got != "" {
			t.Errorf("a slave is the rival %q", got)
		}
		must(t, a.memory.Promote(""))
		b.becomes(func(s *State) { s.Role = SyncMaster })
		a.pair.Round(t.Context())
		if got := a.pair.Rival(); got != "" {
			t.Errorf("one that begins the next epoch has the rival %q", got)
		}
		must(t, a.memory.Begin(0, 300, false)) // it says 2 all the same, in this test
		a.pair.Round(t.Context())
		l.close()
		if n := strings.Count(a.log.String(), "level=ERROR"); n != 2 || !strings.Contains(a.log.String(), "there="+addrB) {
			t.Errorf("it was told %d times, want 2:\n%s", n, a.log)
		}
	})
}

// TestAPeerThatHangsDelaysNobody: it costs a round a second, and those that
// answer are heard all the same.
func TestAPeerThatHangsDelaysNobody(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLAN(t)
		defer l.close()
		a := l.newHalf(stateOf(addrA, SyncMaster, 1))
		b := l.newHalf(stateOf(addrB, SyncMaster, 2))
		const hanging, silent, nobody = "10.0.0.9:10911", "10.0.0.8:10911", "10.0.0.7:10911"
		l.hang(hanging)
		a.knows(hanging, silent, nobody, addrB)
		l.serve(silent, func(*remoting.Request) {}) // takes what it is asked
		began := time.Now()
		answered := make(chan time.Time, 1)
		go func() {
			for asked := 0; asked == 0; asked, _, _ = b.seen() {
				time.Sleep(time.Millisecond)
			}
			answered <- time.Now()
		}()
		got := a.pair.Round(t.Context())
		if took := time.Since(began); len(got) != 1 || took != askTime {
			t.Errorf("Round returned %d answers in %v; want 1 in %v", len(got), took, askTime)
		}
		if late := (<-answered).Sub(began); late > 10*time.Millisecond {
			t.Errorf("the one that answers was asked after %v", late)
		}
		if _, by, _ := a.seen(); !slices.Equal(by, []string{addrB}) {
			t.Errorf("superseded by %q", by)
		}
	})
}

// TestARoundThatEndsJudgesNothing: who was not reached in time is not gone.
func TestARoundThatEndsJudgesNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLAN(t)
		defer l.close()
		a := l.newHalf(stateOf(addrA, SyncMaster, 1))
		l.newHalf(stateOf(addrB, SyncMaster, 2))
		l.hang(addrC)
		a.knows(addrB, addrC)
		ctx, cancel := context.WithTimeout(t.Context(), askTime/2)
		defer cancel()
		got := a.pair.Round(ctx)
		if _, by, _ := a.seen(); got != nil || by != nil {
			t.Errorf("a round that was ended returned %d answers, superseded by %q", len(got), by)
		}
	})
}

// TestOthersAreIgnored: brokers of Apache's, of other names, this one itself,
// and what is no state.
func TestOthersAreIgnored(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLAN(t)
		defer l.close()
		a := l.newHalf(stateOf(addrA, SyncMaster, 1))
		const apache, other, odd, mirror = "10.0.0.2:10911", "10.0.0.3:10911", "10.0.0.4:10911", "10.0.0.5:10911"
		l.serve(apache, func(r *remoting.Request) { r.ReplyError(remoting.RespRequestCodeNotSupported, "no") })
		l.serve(odd, func(r *remoting.Request) {
			r.Reply(&remoting.Response{Body: []byte(`{"brokerName":"box","brokerRole":"KING"}`)})
		})
		l.serve(mirror, func(r *remoting.Request) { r.Reply(&remoting.Response{Body: r.Body}) }) // another way to this broker
		stranger := stateOf(other, SyncMaster, 5)
		stranger.BrokerName = "another"
		body, err := stranger.Encode()
		must(t, err)
		l.serve(other, func(r *remoting.Request) { r.Reply(&remoting.Response{Body: body}) })
		a.others = []string{apache, other, odd, mirror, addrA}
		if got := a.pair.Round(t.Context()); len(got) != 0 {
			t.Errorf("Round returned %+v", got)
		}
		if asked, by, masters := a.seen(); asked != 0 || by != nil || masters != nil || a.pair.Rival() != "" {
			t.Errorf("it asked itself %d times, superseded by %q, masters %q, rival %q", asked, by, masters, a.pair.Rival())
		}
		own := a.self()
		for addr, want := range map[string]error{apache: ErrPlain, odd: ErrState, "10.0.0.6:10911": errNobody} {
			if _, err := Ask(t.Context(), a.client, addr, &own); !errors.Is(err, want) {
				t.Errorf("Ask(%s) = %v, want %v", addr, err, want)
			}
		}
	})
}

// TestAnswer: whom a broker answers, remembers, and looks at.
func TestAnswer(t *testing.T) {
	home := netip.MustParseAddr("10.0.0.1")
	tests := []struct {
		name   string
		change func(*State)
		from   netip.Addr
		err    error
		noted  bool // the peer is remembered
		looks  bool
	}{
		{"its slave", func(*State) {}, home, nil, true, false},
		{"its slave, over a socket of both kinds", func(*State) {}, netip.MustParseAddr("::ffff:10.0.0.1"), nil, true, false},
		{"a slave from elsewhere", func(*State) {}, netip.MustParseAddr("10.9.9.9"), nil, false, false},
		{"a master", func(s *State) { s.Role = SyncMaster }, home, nil, true, true},
		{"a master of a high number", func(s *State) { *s = stateOf(addrB, SyncMaster, 9) }, home, nil, true, true},
		{"a master from elsewhere", func(s *State) { s.Role = SyncMaster }, netip.MustParseAddr("10.9.9.9"), nil, false, false},
		{"one with this one's address", func(s *State) { *s = stateOf(addrA, SyncMaster, 9) }, home, nil, false, false},
		{"a stranger", func(s *State) { s.BrokerName = "another" }, home, ErrStranger, false, false},
		{"what is no state", func(s *State) { s.Role = "KING" }, home, ErrState, false, false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				l := newLAN(t)
				defer l.close()
				a, b := l.newHalf(stateOf(addrA, SyncMaster, 1)), l.newHalf(stateOf(addrB, Slave, 1))
				his := b.self()
				tt.change(&his)
				body, err := his.Encode()
				must(t, err)
				ctx, cancel := context.WithCancel(t.Context())
				ended := make(chan error, 1)
				go func() { ended <- a.pair.Run(ctx) }()
				for range 2 { // the second time nothing is new
					got, err := a.pair.Answer(body, tt.from)
					if !errors.Is(err, tt.err) {
						t.Errorf("Answer = %v, want %v", err, tt.err)
					}
					if s, _ := Decode(got); err == nil && s.Addr != addrA {
						t.Errorf("it says of itself %s", got)
					}
					synctest.Wait()
				}
				asked, _, _ := b.seen()
				if looks := asked > 0; looks != tt.looks || slices.Contains(a.memory.Peers(), addrB) != tt.noted {
					t.Errorf("it asked back %d times and remembers %q", asked, a.memory.Peers())
				}
				if want := map[bool]int{true: 2, false: 1}[tt.noted]; a.flash.writes != want {
					t.Errorf("%d writes, want %d", a.flash.writes, want)
				}
				// What was claimed is not so, and what it was asked itself says nothing of the kind.
				if _, by, _ := a.seen(); by != nil {
					t.Errorf("a claim alone has the broker give way to %q", by)
				}
				cancel()
				must(t, <-ended)
			})
		})
	}
}

// TestRun asks periodically, at once after Look, and sees a successor come.
func TestRun(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLAN(t)
		defer l.close()
		a, b := l.newHalf(stateOf(addrA, SyncMaster, 1)), l.newHalf(stateOf(addrB, Slave, 1))
		a.knows(addrB)
		writes := a.flash.writes
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan error, 1)
		go func() { ended <- a.pair.Run(ctx) }()
		time.Sleep(time.Minute + time.Second)
		if asked, by, _ := b.seen(); asked != 12 || by != nil {
			t.Errorf("in a minute it was asked %d times, want 12", asked)
		}
		b.mu.Lock() // it answers none of them before it has all
		for range 5 {
			a.pair.Look()
		}
		b.mu.Unlock()
		synctest.Wait()
		if asked, _, _ := b.seen(); asked < 1 || asked > 2 {
			t.Errorf("after Look it was asked %d times", asked)
		}
		b.becomes(func(s *State) { *s = stateOf(addrB, SyncMaster, 2) })
		time.Sleep(5 * time.Second)
		synctest.Wait()
		if _, by, _ := a.seen(); !slices.Equal(by, []string{addrB}) {
			t.Errorf("superseded by %q", by)
		}
		// Asked itself, a successor has its predecessor look at once.
		if b.knows(addrA); len(b.pair.Round(t.Context())) != 1 {
			t.Error("the predecessor does not answer")
		}
		synctest.Wait()
		if _, by, _ := a.seen(); !slices.Equal(by, []string{addrB}) {
			t.Errorf("asked by its successor it was superseded by %q", by)
		}
		if a.flash.writes != writes {
			t.Errorf("%d writes while nothing was new", a.flash.writes-writes)
		}
		cancel()
		must(t, <-ended)
	})
}

func TestNewWantsWhatItNeeds(t *testing.T) {
	if p, err := New(Options{}); err == nil {
		t.Errorf("New of nothing = %+v", p)
	}
}
