package lifecycle_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"pairmq/internal/lifecycle"
)

func TestGroupStopsAllOnTheFirstError(t *testing.T) {
	boom := errors.New("disk on fire")
	g := lifecycle.NewGroup(t.Context())
	g.Go("patient", func(ctx context.Context) error { <-ctx.Done(); return nil })
	g.Go("store", func(context.Context) error { return boom })
	err := g.Wait()
	if !errors.Is(err, boom) {
		t.Fatalf("Wait() = %v, want it to wrap %v", err, boom)
	}
	if got, want := err.Error(), "store: disk on fire"; got != want {
		t.Errorf("Wait() says %q, want %q", got, want)
	}
}

func TestGroupEndsWithItsContext(t *testing.T) {
	ctx, cancel := context.WithCancelCause(t.Context())
	g := lifecycle.NewGroup(ctx)
	g.Go("a", func(ctx context.Context) error { <-ctx.Done(); return nil })
	cancel(errors.New("terminated"))
	if err := g.Wait(); err != nil {
		t.Errorf("Wait() = %v, want nil when the context ended", err)
	}
}

func TestBackoffDoublesUpToItsMaximum(t *testing.T) {
	b := lifecycle.Backoff{Min: 100 * time.Millisecond, Max: time.Second}
	for i, want := range []time.Duration{100, 200, 400, 800, 1000, 1000} {
		want *= time.Millisecond
		if got := b.Next(); got > want || got < want*3/4 {
			t.Errorf("wait %d is %v, want %v less up to a quarter", i, got, want)
		}
	}
	b.Reset()
	if got := b.Next(); got > 100*time.Millisecond {
		t.Errorf("after Reset the wait is %v, want at most 100ms", got)
	}
}

func TestBackoffWaitEndsWithItsContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var b lifecycle.Backoff
		if !b.Wait(t.Context()) {
			t.Error("Wait = false although the context did not end")
		}
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if b.Wait(ctx) {
			t.Error("Wait = true although the context had ended")
		}
	})
}
