package certs

import (
	"encoding/pem"
	"os"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// join puts files one behind the other into the first.
func (y *yard) join(names ...string) {
	y.t.Helper()
	var all []byte
	for _, name := range names {
		b, err := os.ReadFile(y.path(name))
		if err != nil {
			y.t.Fatal(err)
		}
		all = append(all, b...)
	}
	y.write(names[0], all)
}

// ends is Server.Ends, or Client.Ends, as times from now on; 0 is none.
func ends(own, trust int64) [2]time.Duration {
	var left [2]time.Duration
	for i, end := range []int64{own, trust} {
		if end != 0 {
			left[i] = time.Until(time.Unix(end, 0))
		}
	}
	return left
}

// Of each file the certificate counts that ends first, and of those that nobody is judged by none.
func TestWhatEndsFirst(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		y := newYard(t)
		now := time.Now()
		f := y.sign("server", y.ca, longAgo(), now.Add(3*year))
		y.sign("between", y.ca, longAgo(), now.Add(2*year))
		y.sign("later", y.ca, longAgo(), now.Add(5*year))
		y.join("server.crt", "later.crt", "between.crt")
		_, next, err := NewAuthority("its successor", now.Add(4*year))
		if err != nil {
			t.Fatal(err)
		}
		y.write("next.crt", next.Cert)
		y.join("ca.crt", "next.crt")
		trust := Files{CA: f.CA}
		for _, tt := range []struct {
			name  string
			ends  func() (own, trust int64)
			own   time.Duration
			trust time.Duration
		}{
			{"server", y.server(ServerOptions{Files: f, ClientAuth: ClientAuthRequire}).Ends, 2 * year, 4 * year},
			{"server that may ask", y.server(ServerOptions{Files: f, ClientAuth: ClientAuthOptional}).Ends, 2 * year, 4 * year},
			{"server that does not ask", y.server(ServerOptions{Files: f}).Ends, 2 * year, 0},
			{"server without authorities", y.server(ServerOptions{Files: Files{Cert: f.Cert, Key: f.Key}}).Ends, 2 * year, 0},
			{"client", y.client(ClientOptions{Files: f}).Ends, 2 * year, 4 * year},
			{"client by authority", y.client(ClientOptions{Files: f, Verify: VerifyCA}).Ends, 2 * year, 4 * year},
			{"client that takes all", y.client(ClientOptions{Files: f, Verify: VerifyNone}).Ends, 2 * year, 0},
			{"client that shows none", y.client(ClientOptions{Files: trust}).Ends, 0, 4 * year},
		} {
			if got := ends(tt.ends()); got != [2]time.Duration{tt.own, tt.trust} {
				t.Errorf("%s: they end in %v, want %v and %v", tt.name, got, tt.own, tt.trust)
			}
		}
	})
}

// What stands behind the leaf and cannot be read keeps no server from its work, and hides no end before it.
func TestAnEndBehindWhatCannotBeRead(t *testing.T) {
	y := newYard(t)
	f := y.good("server")
	y.sign("between", y.ca, longAgo(), time.Now().Add(time.Hour))
	y.write("odd.crt", pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: []byte("none")}))
	y.join("server.crt", "between.crt", "odd.crt")
	if got := ends(y.server(ServerOptions{Files: f}).Ends()); got[0] < 58*time.Minute || got[0] > time.Hour {
		t.Errorf("it ends in %v, want an hour", got[0])
	}
}

// Who asks when they end learns of new files, though nobody connects; until all are good, of those in use.
func TestEndsOfFilesThatChange(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		y := newYard(t)
		start := time.Now()
		f := y.sign("server", y.ca, longAgo(), start.Add(year))
		s := y.server(ServerOptions{Files: f})
		until := func() time.Duration {
			time.Sleep(lookEvery)
			own, _ := s.Ends()
			return time.Unix(own, 0).Sub(start)
		}
		old, err := os.ReadFile(f.Key)
		if err != nil {
			t.Fatal(err)
		}
		y.sign("server", y.ca, longAgo(), start.Add(2*year))
		next, err := os.ReadFile(f.Key)
		if err != nil {
			t.Fatal(err)
		}
		y.write("server.key", old)
		touch(t, f.Key, 1)
		if got := until(); got != year {
			t.Errorf("with a key that is on its way it ends after %v, want %v", got, year)
		}
		y.write("server.key", next)
		touch(t, f.Key, 2)
		if got := until(); got != 2*year {
			t.Errorf("the new one ends after %v, want %v", got, 2*year)
		}
	})
}

// A disk that does not answer, where the files are, keeps nobody who asks.
func TestEndsWhileFilesAreRead(t *testing.T) {
	y := newYard(t)
	end := time.Now().Add(year)
	s := y.server(ServerOptions{Files: y.sign("server", y.ca, longAgo(), end)})
	s.kept.mu.Lock() // as who reads them holds it
	defer s.kept.mu.Unlock()
	got := make(chan int64, 1)
	go func() { own, _ := s.Ends(); got <- own }()
	select {
	case own := <-got:
		if own != end.Unix() {
			t.Errorf("it ends at %d, want %d", own, end.Unix())
		}
	case <-time.After(10 * time.Second):
		t.Error("who asks waits for the disk")
	}
}

// The log says once a day what ends within 30 days, from then on until other files are there; by
// a clock that nobody has set it says nothing.
func TestAReminderADay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const day = 24 * time.Hour
		y := newYard(t)
		trusted := true
		f := y.sign("server", y.ca, longAgo(), time.Now().Add(32*day))
		s := y.server(ServerOptions{Files: f, ClientAuth: ClientAuthRequire, Clock: Clock{Trusted: func() bool { return trusted }}})
		said := func(days int) int { // asked every minute
			y.log.Reset()
			for range days * 24 * 60 {
				time.Sleep(time.Minute)
				s.Config()
			}
			return strings.Count(y.log.String(), "level=WARN msg=\"certificates end within 30 days, or have ended")
		}
		if got := said(2); got != 0 {
			t.Errorf("up to 30 days before the end the log says it %d times:\n%s", got, &y.log)
		}
		if got := said(3); got != 3 || strings.Count(y.log.String(), "file="+f.Cert+" notAfter=2000-02-02T00:00:00.000Z") != 3 {
			t.Errorf("within three days the log says it %d times, want 3 with the file and the day:\n%s", got, &y.log)
		}
		trusted = false
		if got := said(3); got != 0 {
			t.Errorf("by a clock that nobody has set it says it %d times:\n%s", got, &y.log)
		}
		trusted = true
		if got := said(30); got != 30 {
			t.Errorf("within thirty days, and beyond the end, it says it %d times, want 30:\n%s", got, &y.log)
		}
		y.good("server")
		touch(t, f.Cert, 1)
		touch(t, f.Key, 1)
		if got := said(2); got != 0 || !strings.Contains(y.log.String(), "are used from now on") {
			t.Errorf("of new ones it says it %d times:\n%s", got, &y.log)
		}
		c := y.client(ClientOptions{Files: Files{CA: f.CA}})
		time.Sleep(lookEvery)
		if c.Config("broker-a"); strings.Contains(y.log.String(), "WARN") {
			t.Errorf("of one that shows no certificate the log says\n%s", &y.log)
		}
		_, p, err := NewAuthority("a short one", time.Now().Add(day))
		if err != nil {
			t.Fatal(err)
		}
		y.write("ca.crt", p.Cert)
		touch(t, f.CA, 1)
		if got := said(2); got != 2 || strings.Count(y.log.String(), "file="+f.CA) != 2 {
			t.Errorf("of an authority it says it %d times, want 2 with the file:\n%s", got, &y.log)
		}
	})
}
