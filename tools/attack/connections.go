package main

import (
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"strconv"
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
		{name: "SlowLorisOfReplication", what: "100 connections to 10912 that send a byte of a report each 0.4 s", time: 6 * time.Second, again: true, do: slowReplication,
			pending: "the replication port ends who does not report only when his place is needed", until: []string{"haSecretFile"}},
		{name: "HalfOfAFrame", what: "300 connections to 10911 and 9876 that announce 15 MiB and send 256 KiB of it", time: 7 * time.Second, do: halfFrame},
		{name: "HalvesOfMessages", what: "200 connections to 10911 from one address, opened again as they end, that send 64 KiB of a message of 1 MiB, half of them behind a good request; the client sends messages of 64 KiB too",
			time: 5 * time.Second, addrs: 1, heavy: true, do: halfMessages, quiet: true},
		{name: "HalvesOfMessagesOfMany", what: "the same from 64 addresses", time: 5 * time.Second, addrs: strangers, heavy: true, do: halfMessages, quiet: true},
		{name: "SilentCrowd", what: "4,000 connections from one address to 10911, and to 9876, that say nothing", time: 6 * time.Second, do: silentCrowd},
		{name: "CrowdOfMany", what: "8,000 connections from 64 addresses to 10911, 10909, 9876 and 10912, that say nothing", time: 6 * time.Second, addrs: strangers, do: crowdOfMany},
		{name: "ComingAndGoing", what: "1,500 connections a second to every port together, from 64 addresses, that are closed at once", time: 3 * time.Second, addrs: strangers, do: comeAndGo, quiet: true},
		{name: "Resets", what: "as many that end with a reset in the middle of a request", time: 3 * time.Second, do: resets, quiet: true},
		{name: "Strangeness", what: "HTTP, TLS, SSH, Redis and random bytes to every port", do: strangeness},
		{name: "Deaf", what: "200 connections that pull the same 32 messages a thousand times and read nothing", time: 4 * time.Second, do: deaf, quiet: true},
		{name: "HeldPulls", what: "30,000 pulls of 60 s over 10 connections from one address that nothing comes for", time: 3 * time.Second, addrs: 1, do: heldPulls, quiet: true,
			pending: "one address may take all the room for held pulls", until: []string{"maxClientsPerGroup"}},
		{name: "HeldPullsOfMany", what: "as many over 64 connections from 64 addresses", time: 3 * time.Second, addrs: strangers, do: heldPulls, quiet: true},
		{name: "WokenPulls", what: "pulls for the client's next message from 64 addresses, 10 at a time of each", time: 3 * time.Second, addrs: strangers, do: wokenPulls, quiet: true},
		{name: "RequestFlood", what: "routes and offsets asked for as fast as 8 connections from one address can", time: 3 * time.Second, addrs: 1, do: requestFlood, quiet: true,
			pending: "there is no bound on the requests a second of one address", until: []string{"maxRequestsPerSecondPerAddress"}},
		{name: "RequestFloodOfMany", what: "the same over 64 connections from 64 addresses", time: 3 * time.Second, addrs: strangers, do: requestFlood, quiet: true},
		{name: "QueryFloodOfMany", what: "queries for keys, and for times, that find nothing, as fast as 64 addresses can", time: 3 * time.Second, addrs: strangers, do: queryFlood, quiet: true},
		{name: "Metrics", what: "HTTP to 10915 from outside", time: 2 * time.Second, do: metricsOutside, quiet: true},
		{name: "SlowLorisOfMetrics", what: "64 connections from 64 addresses to 10915, where it listens for others, that send a byte of a GET each 0.4 s, and 8 that ask as fast as they can", time: 6500 * time.Millisecond, addrs: strangers, on: accounts, do: slowMetrics, quiet: true},
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

// slowMetrics drips requests of HTTP. There are few places: who has none waits in the line
// of the kernel, and his time has not begun.
func slowMetrics(s *stranger) {
	get := []byte("GET /metrics HTTP/1.1\r\nHost: gateway\r\n\r\n")
	s.crowd(strangers+8, func(i int) {
		if i >= strangers {
			for s.ctx.Err() == nil {
				s.page(i, get)
			}
			return
		}
		nc, err := s.dialFrom(i, metricsPort)
		if err != nil {
			s.answer("refused")
			return
		}
		defer nc.Close()
		for k := range get {
			_ = nc.SetReadDeadline(time.Now().Add(400 * time.Millisecond))
			_, err := io.Copy(io.Discard, nc)
			if !isTimeout(err) || s.send(nc, get[k:k+1]) != nil {
				s.answer("closed")
				return
			}
			if s.ctx.Err() != nil {
				break
			}
		}
		s.answer("waits")
	})
}

// page asks for one page, of which nothing is expected.
func (s *stranger) page(i int, get []byte) {
	nc, err := s.dialFrom(i, metricsPort)
	if err != nil {
		return
	}
	defer nc.Close()
	_ = s.send(nc, get)
	_ = nc.SetReadDeadline(time.Now().Add(soon))
	if n, err := io.Copy(io.Discard, nc); err == nil && n > 0 {
		s.answer("a page")
	} else {
		s.answer("no page")
	}
}

// drip sends a byte each 0.4 s until the other side hangs up, which it must within limit.
func (s *stranger) drip(port int, b []byte, limit time.Duration) {
	nc, err := s.dial(port)
	if err != nil {
		s.answer("refused")
		return
	}
	defer nc.Close()
	stop := make(chan struct{})
	defer close(stop)
	_ = s.send(nc, b[:1])
	begin := time.Now() // its time counts from its first byte
	go func() {
		for i := range b[1:] {
			select {
			case <-stop:
				return
			case <-time.After(400 * time.Millisecond):
			}
			if s.send(nc, b[1+i:2+i]) != nil {
				return
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

// halfMessages has so many that stop in the middle of a message as it can get: who is hung
// up on comes again.
func halfMessages(s *stranger) {
	half := request(remoting.ReqSendMessageV2, sendFields("Halves", 1, 0), make([]byte, 1<<20))[:64<<10]
	good := request(remoting.ReqGetMaxOffset, fields("topic", topic, "queueId", "0"), nil)
	s.again(200, func(i int) {
		nc, err := s.dialFrom(i, brokerPort)
		if err != nil {
			if pause(s.ctx, 10*time.Millisecond); s.ctx.Err() == nil {
				s.answer("refused")
			}
			return
		}
		defer nc.Close()
		if i%2 == 1 { // what comes next is no first frame
			if _, err := s.askOn(nc, good); err != nil {
				s.answer("closed")
				return
			}
		}
		if s.send(nc, half) != nil {
			s.answer("closed")
			return
		}
		_ = nc.SetReadDeadline(s.end())
		if _, err := io.Copy(io.Discard, nc); isTimeout(err) {
			s.answer("waits")
		} else {
			s.answer("closed")
		}
	})
}

// crowdOfMany comes to every port as more than have room, of whom no address has many.
func crowdOfMany(s *stranger) {
	ports := append(remotingPorts(), haPort)
	s.crowd(200, func(i int) {
		var mine []net.Conn
		for k := range 40 {
			if nc, err := s.dialFrom(i*40+k, ports[i%len(ports)]); err == nil {
				s.answer("connected")
				mine = append(mine, nc)
			} else {
				s.answer("refused")
			}
			pause(s.ctx, 80*time.Millisecond) // 2,500 a second: what counts here is that they stay
		}
		s.hold()
		for _, nc := range mine {
			nc.Close()
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
	var n atomic.Int64
	s.again(4, func(i int) {
		if nc, err := s.dialFrom(int(n.Add(1)), ports[i%len(ports)]); err == nil {
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
	conns := max(10, len(s.from))
	s.crowd(conns, func(i int) {
		nc, err := s.dialFrom(i, brokerPort)
		if err != nil {
			s.wrong("the connection: %v", err)
			return
		}
		defer nc.Close()
		go io.Copy(io.Discard, nc)
		for range 30000 / conns {
			if s.send(nc, request(remoting.ReqPullMessage, pullFields("TBW102", "Held", 0, 0, time.Minute), nil)) != nil {
				s.answer("not taken")
				return
			}
		}
		s.answer("taken")
		s.hold()
	})
}

// wokenPulls waits for what the client sends, as a consumer would, with many.
func wokenPulls(s *stranger) {
	s.crowd(len(s.from), func(i int) {
		nc, err := s.dialFrom(i, brokerPort)
		if err != nil {
			s.answer("refused")
			return
		}
		defer nc.Close()
		queue := i % queues
		resp, err := s.askOn(nc, request(remoting.ReqGetMaxOffset, fields("topic", topic, "queueId", strconv.Itoa(queue)), nil))
		if err != nil {
			s.answer("closed")
			return
		}
		next, _ := resp.Fields.Int64("offset")
		pull := func() error {
			return s.send(nc, request(remoting.ReqPullMessage, pullFields(topic, "Woken", queue, next, time.Minute), nil))
		}
		for range 10 {
			err = errors.Join(err, pull())
		}
		for err == nil {
			_ = nc.SetReadDeadline(s.end())
			if resp, err = readAnswer(nc); err == nil {
				s.answer("%s", remoting.ResponseName(resp.Code))
				if n, bad := resp.Fields.Int64("nextBeginOffset"); bad == nil {
					next = max(next, n)
				}
				err = pull()
			}
		}
	})
}

// queryFlood has the broker look for what is not there.
func queryFlood(s *stranger) {
	by := request(remoting.ReqQueryMessage, fields("topic", topic, "key", "nobody has this", "maxNum", "64", "beginTimestamp", "0", "endTimestamp", "9999999999999"), nil)
	at := request(remoting.ReqSearchOffsetByTimestamp, fields("topic", topic, "queueId", "0", "timestamp", strconv.FormatInt(time.Now().UnixMilli(), 10)), nil)
	s.crowd(len(s.from), func(i int) {
		nc, err := s.dialFrom(i, brokerPort)
		if err != nil {
			s.answer("refused")
			return
		}
		defer nc.Close()
		for s.ctx.Err() == nil {
			frame := by
			if i%4 == 3 {
				frame = at
			}
			resp, err := s.askOn(nc, frame)
			if err != nil {
				return
			}
			s.answer("%s", remoting.ResponseName(resp.Code))
		}
	})
}

func requestFlood(s *stranger) {
	s.crowd(max(few, len(s.from)), func(i int) {
		port, frame := brokerPort, request(remoting.ReqGetMaxOffset, fields("topic", topic, "queueId", "0"), nil)
		if i%2 == 1 {
			port, frame = namesrvPort, request(remoting.ReqGetRouteinfoByTopic, fields("topic", topic), nil)
		}
		for s.ctx.Err() == nil {
			nc, err := s.dialFrom(i, port)
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
