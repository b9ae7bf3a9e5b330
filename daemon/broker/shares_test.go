package broker

import (
	"fmt"
	"math/rand/v2"
	"net/netip"
	"testing"
	"testing/synctest"
	"time"

	"pairmq/internal/remoting"
	"pairmq/store"
)

// TestManyAddressesLeaveRoom: where some addresses have all requests held that there may
// be, another is let in as if the time of the longest held one of who has most were up,
// until it has as many itself.
func TestManyAddressesLeaveRoom(t *testing.T) {
	bubble(t, func(o *Options, _ *fakeStore) {
		o.MaxHeldPulls, o.MaxPopHeld, o.MaxPopHeldQueue = 8, 8, 100
	}, func(t *testing.T, r *rig) {
		r.topic("T", 2)
		for what, tt := range map[string]struct {
			begin      func(*client) <-chan *remoting.Command
			full, over int32
		}{
			"pull": {func(c *client) <-chan *remoting.Command {
				return c.begin(remoting.ReqPullMessage, "", heldPullFields("expressionType", "SQL92", "subscription", "a = 'none'")...)
			}, remoting.RespSystemBusy, remoting.RespPullNotFound},
			"pop": {func(c *client) <-chan *remoting.Command {
				return c.begin(remoting.ReqPopMessage, "", popFieldsOf("T", "pollTime", "15000")...)
			}, remoting.RespPollingFull, remoting.RespPollingTimeout},
		} {
			start := time.Now()
			var theirs [2][]<-chan *remoting.Command
			for a := range theirs {
				c := r.clientAt(fmt.Sprintf("192.0.2.%d:1", 66+a))
				for range 4 {
					theirs[a] = append(theirs[a], tt.begin(c))
					synctest.Wait()
				}
			}
			other := r.clientAt(neighbour)
			ended := func() (n [2]int) {
				synctest.Wait()
				for a := range theirs {
					for len(theirs[a]) > 0 && !pending(theirs[a][0]) {
						other.expect(<-theirs[a][0], tt.over, "")
						theirs[a] = theirs[a][1:]
						n[a]++
					}
					for _, got := range theirs[a] {
						if !pending(got) {
							t.Errorf("%s: one was ended that is not held the longest", what)
						}
					}
				}
				return n
			}
			for i := range 2 {
				if got := tt.begin(other); !pending(got) {
					t.Fatalf("another client's %s %d was answered %v, want it held", what, i, <-got)
				}
				if n := ended(); n[0]+n[1] != 1 {
					t.Errorf("for %s %d of another client %d were ended, want one", what, i, n)
				}
			}
			if n := [2]int{len(theirs[0]), len(theirs[1])}; n != [2]int{3, 3} {
				t.Errorf("%s: they have %d, want 3 each", what, n)
			}
			other.expect(<-tt.begin(other), tt.full, "held") // it has 2, and would have as many as they
			if n := ended(); n != [2]int{} {
				t.Errorf("%s: %d were ended for who would have no less", what, n)
			}
			local := r.clientAt("127.0.0.1:1")
			if got := tt.begin(local); !pending(got) {
				t.Errorf("a %s of this machine was answered %v", what, <-got)
			}
			if n := ended(); n[0]+n[1] != 1 {
				t.Errorf("for a %s of this machine %d were ended, want one", what, n)
			}
			if d := time.Since(start); d != 0 {
				t.Errorf("it took %v", d)
			}
		}
		time.Sleep(time.Minute)
		synctest.Wait()
		if p, q := r.b.polls, r.b.popPolls; p.count+p.leaves+len(p.each.of)+len(p.each.by)+q.count+q.leaves+len(q.each.of)+len(q.each.by) != 0 {
			t.Errorf("when all are answered %d pulls of %d addresses and %d pops of %d are counted", p.count, len(p.each.of), q.count, len(q.each.of))
		}
	})
}

// addressOf is one of many.
func addressOf(i int) netip.Addr { return netip.AddrFrom4([4]byte{10, 0, byte(i >> 8), byte(i)}) }

// TestPlacesAreGivenUpNoFasterThanAnswered: those that have given up their place and are
// not answered yet are few, however fast others come.
func TestPlacesAreGivenUpNoFasterThanAnswered(t *testing.T) {
	p := newLongPoll(2000)
	add := func(from int) (full bool) {
		_, full = p.add(&heldPull{reading: reading{topic: "T"}, from: addressOf(from), deadline: time.Now().Add(time.Minute)})
		return full
	}
	for i := range 2000 {
		if add(i % 2) {
			t.Fatalf("there was no room for pull %d", i)
		}
	}
	many, others := 0, 0
	for ; many < 1000 && !add(2); many++ {
	}
	for i := 3; i < 1000 && !add(i); i++ {
		others++
	}
	if many != mostLeaving || others != mostLeaving || p.count != 2000+2*mostLeaving {
		t.Errorf("%d of one address and %d of others came before anybody was answered, and %d are there, want %d, as many, and %d", many, others, p.count, mostLeaving, 2000+2*mostLeaving)
	}
	first := p.next()
	first.filter = sifting{}
	if p.holdOn(first, &store.Result{Status: store.NoMatchedMessage}) {
		t.Error("one that has given up its place is held on")
	}
	p.leave(&first.place)
	if add(1000) || !add(1001) {
		t.Error("after one was answered there is not room for one")
	}
	for range 2 {
		h, woken := p.byTime[0], len(p.woken)
		p.take(h)
		p.leave(&h.place)
		if add(1001) || len(p.woken) != woken {
			t.Error("where there is a place another is given up")
		}
	}
}

// sifting is a filter that looks into records.
type sifting struct{}

func (sifting) Match(int64) bool            { return true }
func (sifting) MatchProperties([]byte) bool { return false }

// TestSharesKeepTheirOrder: whatever comes and goes, it is the longest held one of who has
// most that yields.
func TestSharesKeepTheirOrder(t *testing.T) {
	const most = 40
	s := newShares(2 * most)
	rnd := rand.New(rand.NewPCG(1, 2))
	held := map[netip.Addr][]*place{}
	for step := range 20_000 {
		from := addressOf(rnd.IntN(20))
		if all := held[from]; rnd.IntN(100) < 53 {
			p := new(place)
			if ok := s.enter(p, from); ok != (len(all) < most) {
				t.Fatalf("step %d: %d of %v are held, one more: %v", step, len(all), from, ok)
			} else if ok {
				p.hold(p)
				held[from] = append(all, p)
			}
		} else if len(all) > 0 {
			i := rnd.IntN(len(all))
			all[i].release()
			s.leave(all[i])
			held[from] = append(all[:i:i], all[i+1:]...)
		}
		fullest := 0
		for _, all := range held {
			fullest = max(fullest, len(all))
		}
		to := addressOf(rnd.IntN(20))
		p := s.yields(to)
		if (p != nil) != (fullest > len(held[to])+1) {
			t.Fatalf("step %d: %d are held by who has most, %d by %v: yields %v", step, fullest, len(held[to]), to, p)
		}
		if p != nil && (len(held[p.of.from]) != fullest || held[p.of.from][0] != p || p.whose != p) {
			t.Fatalf("step %d: %v yields, which has %d of %d at most, or another one than the longest held", step, p.of.from, len(held[p.of.from]), fullest)
		}
	}
}
