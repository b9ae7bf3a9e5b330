package main

import (
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"sync/atomic"
	"syscall"
	"time"

	"pairmq/internal/remoting"
)

// Times by which the daemon has to hang up: what it waits for, and what a busy machine adds.
const (
	firstFrame = 5*time.Second + 1500*time.Millisecond
	soon       = 2500 * time.Millisecond
)

func connectionAttacks() []attack {
	return []attack{
		{name: "SlowLoris", what: "150 connections to each of 10911, 10909 and 9876 that send a byte of a good request each 0.4 s", time: 8 * time.Second, do: slowLoris},
		{name: "SlowLorisOfReplication", what: "100 connections to 10912 that send a byte of a report each 0.4 s", time: 9 * time.Second, do: slowReplication,
			pending: "the replication port ends who does not report only when his place is needed", until: []string{"haSecretFile"}},
		{name: "HalfOfAFrame", what: "300 connections to 10911 and 9876 that announce 15 MiB and send 256 KiB of it", time: 8 * time.Second, do: halfFrame},
		{name: "SilentCrowd", what: "4,000 connections from one address to 10911, and to 9876, that say nothing", time: 8 * time.Second, do: silentCrowd},
		{name: "ComingAndGoing", what: "1,500 connections a second to every port together that are closed at once", time: 3 * time.Second, do: comeAndGo, quiet: true},
		{name: "Resets", what: "as many that end with a reset in the middle of a request", time: 3 * time.Second, do: resets, quiet: true},
		{name: "Strangeness", what: "HTTP, TLS, SSH, Redis and random bytes to every port", do: strangeness},
		{name: "Deaf", what: "200 connections that pull the same 32 messages a thousand times and read nothing", time: 4 * time.Second, do: deaf, quiet: true},
		{name: "HeldPulls", what: "30,000 pulls of 60 s over 10 connections that nothing comes for", time: 4 * time.Second, do: heldPulls, quiet: true,
			pending: "one address may take all the room for held pulls", until: []string{"maxClientsPerGroup"}},
		{name: "RequestFlood", what: "routes and offsets asked for as fast as 8 connections can", time: 3 * time.Second, do: requestFlood, quiet: true,
			pending: "there is no bound on the requests a second of one address", until: []string{"maxRequestsPerSecondPerAddress"}},
		{name: "Metrics", what: "HTTP to 10915 from outside", time: 2 * time.Second, do: metricsOutside, quiet: true},
	}
}

// slowLoris drips requests. Each connection must be ended by the time for its first frame.
func slowLoris(s *stranger) {
	ports := remotingPorts()
	s.crowd(150*len(ports), func(i int) {
		port := ports[i%len(ports)]
		s.drip(port, request(remoting.ReqGetRouteinfoByTopic, fields("topic", topic), nil), firstFrame)
	})
}

// slowReplication drips a report, of which one in 20 s would do to stay for ever.
func slowReplication(s *stranger) {
	s.crowd(100, func(int) { s.drip(haPort, make([]byte, 7), firstFrame) })
}

// drip sends a byte each 0.4 s until the other side hangs up, which it must within limit.
func (s *stranger) drip(port int, b []byte, limit time.Duration) {
	nc, err := s.dial(port)
	if err != nil {
		s.answer("refused")
		return
	}
	defer nc.Close()
	begin := time.Now()
	stop := make(chan struct{})
	defer close(stop)
	go func() {
		for i := range b {
			if s.send(nc, b[i:i+1]) != nil {
				return
			}
			select {
			case <-stop:
				return
			case <-time.After(400 * time.Millisecond):
			}
		}
	}()
	s.closes(nc, fmt.Sprintf("port %d", port), begin, limit)
}

func halfFrame(s *stranger) {
	frame := request(remoting.ReqHeartBeat, nil, make([]byte, 15<<20))[:256<<10]
	s.crowd(300, func(i int) {
		nc, err := s.dial([]int{brokerPort, namesrvPort}[i%2])
		if err != nil {
			s.answer("refused")
			return
		}
		defer nc.Close()
		if s.send(nc, frame) != nil {
			s.answer("closed")
			return
		}
		// It may wait for room for longer than its first frame may take; what counts is that
		// nobody waits behind it.
		_ = nc.SetReadDeadline(s.end())
		if _, err := io.Copy(io.Discard, nc); isTimeout(err) {
			s.answer("waits")
		} else {
			s.answer("closed")
		}
	})
}

// silentCrowd connects, and stays. From one address not all may be let in.
func silentCrowd(s *stranger) {
	const each = 4000
	ports := []int{brokerPort, namesrvPort}
	var in [2]atomic.Int64
	s.crowd(200, func(w int) {
		p := w % 2
		var mine []net.Conn
		for range each / 100 {
			nc, err := s.dial(ports[p])
			if err != nil {
				s.answer("refused")
				continue
			}
			mine = append(mine, nc)
			pause(s.ctx, 100*time.Millisecond) // 2,000 a second: what counts here is that they stay
		}
		defer func() {
			for _, nc := range mine {
				nc.Close()
			}
		}()
		pause(s.ctx, 1500*time.Millisecond) // who is not let in is told by now
		for _, nc := range mine {
			_ = nc.SetReadDeadline(time.Now().Add(time.Millisecond))
			if _, err := nc.Read(make([]byte, 1)); errors.Is(err, os.ErrDeadlineExceeded) {
				in[p].Add(1)
				s.answer("let in")
			} else {
				s.answer("closed")
			}
		}
		s.hold()
	})
	for p, n := range ports {
		if in[p].Load() > each/2+100 {
			s.wrong("port %d lets in %d connections of one address", n, in[p].Load())
		}
	}
}

// floodPause holds a flood of four to some 1,500 connections a second, from strangers who
// share the gateway's processors: with more it is those that are measured.
const floodPause = 2 * time.Millisecond

func comeAndGo(s *stranger) {
	ports := append(remotingPorts(), haPort)
	s.again(4, func(i int) {
		if nc, err := s.dialFrom(i, ports[i%len(ports)]); err == nil {
			s.answer("connected")
			nc.Close()
		}
		pause(s.ctx, floodPause)
	})
}

func resets(s *stranger) {
	ports := append(remotingPorts(), haPort)
	frame := request(remoting.ReqGetRouteinfoByTopic, fields("topic", topic), nil)
	s.again(4, func(i int) {
		nc, err := s.dialFrom(i, ports[i%len(ports)])
		if err != nil {
			return
		}
		_ = s.send(nc, frame[:len(frame)/2])
		s.answer("connected")
		_ = nc.(*net.TCPConn).SetLinger(0)
		nc.Close()
		pause(s.ctx, floodPause)
	})
}

// strangeness is what other programs say. No port may answer it with anything but the end.
func strangeness(s *stranger) {
	noise := make([]byte, 4096)
	rand.Read(noise)
	noise[0] = 0x7f // no frame is so long
	said := map[string][]byte{
		"HTTP": []byte("GET / HTTP/1.1\r\nHost: gateway\r\n\r\n"), "SSH": []byte("SSH-2.0-OpenSSH_9.2\r\n"), "Redis": []byte("*1\r\n$4\r\nINFO\r\n"),
		"TLS": []byte("\x16\x03\x01\x00\xa5\x01\x00\x00\xa1\x03\x03"), "noise": noise, "zeros": make([]byte, 4096), "ones": []byte("\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff"),
	}
	for what, b := range said {
		s.crowd(8, func(i int) {
			port := append(remotingPorts(), haPort)[i%4]
			if what != "zeros" || port != haPort { // else a slave that has nothing, and is sent all
				s.say(port, what, b)
			}
		})
	}
}

// say sends bytes that nobody understands, and wants to be hung up on without an answer.
func (s *stranger) say(port int, what string, b []byte) {
	nc, err := s.dial(port)
	if err != nil {
		s.answer("refused")
		return
	}
	defer nc.Close()
	_ = s.send(nc, b)
	_ = nc.SetReadDeadline(time.Now().Add(soon))
	got, err := io.ReadAll(io.LimitReader(nc, 1<<16))
	switch {
	case errors.Is(err, os.ErrDeadlineExceeded):
		s.wrong("%s to port %d is not hung up on", what, port)
	case port == haPort && len(got) <= 12:
		s.answer("closed, after %d bytes", len(got)) // where the log ends, for a slave that cannot know
	case len(got) > 0:
		s.wrong("%s to port %d has the answer %.40q", what, port, got)
	default:
		s.answer("closed")
	}
}

// deaf asks for much and does not read.
func deaf(s *stranger) {
	frame := request(remoting.ReqPullMessage, pullFields(topic, "Deaf", 0, 0, 0), nil)
	many := make([]byte, 0, 1000*len(frame))
	for range 1000 {
		many = append(many, frame...)
	}
	s.crowd(200, func(i int) {
		nc, err := s.dial(brokerPort)
		if err != nil {
			s.answer("refused")
			return
		}
		defer nc.Close()
		_ = nc.(*net.TCPConn).SetReadBuffer(4096)
		if s.send(nc, many) != nil {
			s.answer("not taken")
		} else {
			s.answer("taken")
		}
		s.hold()
	})
}

// heldPulls has the broker wait for messages that do not come.
func heldPulls(s *stranger) {
	s.crowd(10, func(i int) {
		nc, err := s.dial(brokerPort)
		if err != nil {
			s.wrong("the connection: %v", err)
			return
		}
		defer nc.Close()
		go io.Copy(io.Discard, nc)
		for range 3000 {
			if s.send(nc, request(remoting.ReqPullMessage, pullFields("TBW102", fmt.Sprintf("Held%d", i), 0, 0, time.Minute), nil)) != nil {
				s.answer("not taken")
				return
			}
		}
		s.answer("taken")
		s.hold()
	})
}

func requestFlood(s *stranger) {
	s.crowd(8, func(i int) {
		port, frame := brokerPort, request(remoting.ReqGetMaxOffset, fields("topic", topic, "queueId", "0"), nil)
		if i%2 == 1 {
			port, frame = namesrvPort, request(remoting.ReqGetRouteinfoByTopic, fields("topic", topic), nil)
		}
		for s.ctx.Err() == nil {
			nc, err := s.dial(port)
			if err != nil {
				return
			}
			go io.Copy(io.Discard, nc)
			for s.ctx.Err() == nil && s.send(nc, frame) == nil {
			}
			s.answer("ended")
			nc.Close()
		}
	})
}

func metricsOutside(s *stranger) {
	for s.ctx.Err() == nil {
		nc, err := s.dial(metricsPort)
		switch {
		case err == nil:
			nc.Close()
			s.wrong("port %d is open to strangers", metricsPort)
		case errors.Is(err, syscall.ECONNREFUSED):
			s.answer("refused")
		}
		pause(s.ctx, 10*time.Millisecond)
	}
}
