package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"pairmq/daemon/broker"
	"pairmq/store"
)

// TestWhatIsGone is what the other halves say of one flaw, and whether consumers are
// led around it at once, after ten minutes, or never.
func TestWhatIsGone(t *testing.T) {
	type answer struct {
		kinds []store.FindingKind
		err   error
	}
	finds := func(kinds ...store.FindingKind) answer { return answer{kinds: kinds} }
	fails := func(err error) answer { return answer{err: err} }
	away := fails(fmt.Errorf("%w: no route", broker.ErrPeer))
	lacks := fails(fmt.Errorf("%w: bytes 10 to 20", store.ErrNotFound))
	const atOnce, inTime, never = 0, healTime, -1
	tests := []struct {
		name    string
		paired  bool
		answers []answer // by peer
		gone    time.Duration
	}{
		{"nobody else", false, nil, atOnce},
		{"a half that nobody knows", true, nil, inTime},
		{"it is away", true, []answer{away}, inTime},
		{"it was met once and is away", false, []answer{away}, inTime},
		{"it has retired that", true, []answer{lacks}, atOnce},
		{"it is damaged there", true, []answer{finds(store.BadBoth)}, atOnce},
		{"it has the same damage", true, []answer{finds()}, atOnce},
		{"it has another log", true, []answer{finds(store.Diverged)}, atOnce},
		{"it shows nobody its log", true, []answer{fails(fmt.Errorf("%w: %w", broker.ErrPeer, errNoLog))}, atOnce},
		{"it has it, and it cannot be written", true, []answer{finds(store.BadHere)}, inTime},
		{"it repairs", true, []answer{finds(store.Repaired)}, never},
		{"it repairs in two parts", true, []answer{finds(store.Repaired, store.Repaired)}, never},
		{"one lacks it, one is away", true, []answer{lacks, away}, inTime},
		{"one is away, one lacks it", true, []answer{away, lacks}, inTime},
		{"one is away, one repairs", true, []answer{away, finds(store.Repaired)}, never},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				asked := 0
				h := healer{
					peers: func(context.Context) (all []string) {
						for i := range test.answers {
							all = append(all, fmt.Sprint(i))
						}
						return all
					},
					paired: func() bool { return test.paired },
					compare: func(_ context.Context, peer string, start, end int64, repair bool) (c store.Comparison, err error) {
						if asked++; start != 10 || end != 20 || !repair {
							t.Errorf("asked for %d to %d, repair %t", start, end, repair)
						}
						a := test.answers[peer[0]-'0']
						for _, k := range a.kinds {
							c.Findings = append(c.Findings, store.Finding{Kind: k, From: start, To: end})
						}
						return c, a.err
					},
					log: slog.New(slog.DiscardHandler),
				}
				flaws := []store.Flaw{{From: 10, To: 20, Found: time.Now()}}
				for minute := range 12 {
					gone := h.heal(t.Context(), flaws)
					want := test.gone != never && time.Duration(minute)*time.Minute >= test.gone
					if want != slices.Equal(gone, flaws) || len(gone) > 0 && !want {
						t.Errorf("after %d minutes gone are %v", minute, gone)
					}
					<-time.After(time.Minute)
				}
				if asked != 12*len(test.answers) {
					t.Errorf("%d questions to %d halves in 12 minutes", asked, len(test.answers))
				}
			})
		})
	}
}

// TestHealingStops: a daemon that stops gives nothing up.
func TestHealingStops(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	h := healer{
		peers:  func(context.Context) []string { return []string{"a"} },
		paired: func() bool { return true },
		compare: func(context.Context, string, int64, int64, bool) (store.Comparison, error) {
			cancel()
			return store.Comparison{}, errors.New("stopping")
		},
		log: slog.New(slog.DiscardHandler),
	}
	if gone := h.heal(ctx, []store.Flaw{{From: 10, To: 20, Found: time.Now().Add(-time.Hour)}}); len(gone) > 0 {
		t.Errorf("gone are %v", gone)
	}
}
