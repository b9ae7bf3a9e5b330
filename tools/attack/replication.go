package main

import (
	"encoding/binary"
	"io"
	"math"
	"math/rand/v2"
	"net"
	"slices"
	"time"
)

func replicationAttacks() []attack {
	all := []attack{
		{name: "ReportsThatLie", what: "reports to 10912 from the address of the other half that cannot be true: negative, far beyond the log's end, in the middle of a record, back and forth", do: reportsThatLie, outside: following, peer: true, names: 1, // each that begins as a slave would is a slave that has joined
			pending: "who reports what can be true is a slave, and a line of log each time", until: []string{"haSecretFile"}},
		{name: "RandomReports", what: "random bytes to 10912, 750 connections a second", time: 3 * time.Second, do: randomReports, outside: following},
		{name: "CrowdAtReplication", what: "2,000 connections to 10912 from 64 addresses that say nothing, while a slave copies", time: 3 * time.Second, addrs: strangers, do: crowdAtReplication, outside: following},
		{name: "StrangersSlave", what: "a slave that nobody has configured asks for the log, and acknowledges it", do: strangersSlave, outside: following,
			pending: "the replication port serves whoever reaches it", until: []string{"haSecretFile"}},
		{name: "SlavesOfAStranger", what: "as many slaves as have room, from 64 addresses, so that there is none for the real one", addrs: strangers, do: manySlaves, outside: following,
			pending: "the replication port serves whoever reaches it", until: []string{"haSecretFile"}},
	}
	for i := range all {
		all[i].on = paired
		all[i].quiet = i > 0 // that port's strangers are a line in 10 s, which is the first attack's
	}
	return all
}

// report is what a slave says: the end of what it has.
func report(end int64) []byte { return binary.BigEndian.AppendUint64(nil, uint64(end)) }

// reports says one after the other, and wants to be hung up on.
func (s *stranger) reports(what string, ends ...int64) {
	nc, err := s.dial(haPort)
	if err != nil {
		s.answer("refused")
		return
	}
	defer nc.Close()
	begin := time.Now()
	for _, end := range ends {
		if s.send(nc, report(end)) != nil {
			break
		}
		time.Sleep(20 * time.Millisecond) // else they arrive as one, of which the last counts
	}
	s.closes(nc, what, begin, soon)
}

func reportsThatLie(s *stranger) {
	for range 5 {
		s.reports("a negative end", -1)
		s.reports("the least there is", math.MinInt64)
		s.reports("the most there is", math.MaxInt64)
		s.reports("beyond the log's end", 1<<40)
		s.reports("all, and more than was sent", 0, 1<<40)
		s.reports("back and forth", 0, 1, 0)
	}
}

func randomReports(s *stranger) {
	s.again(2, func(i int) {
		nc, err := s.dialFrom(i, haPort)
		if err != nil {
			s.answer("refused")
			return
		}
		defer nc.Close()
		b := make([]byte, 8*(1+rand.IntN(16)))
		for k := range b {
			b[k] = byte(rand.Uint32())
		}
		b[0] |= 0x40 // an end that no log has
		_ = s.send(nc, b)
		s.closes(nc, "random bytes", time.Now(), soon)
		pause(s.ctx, floodPause)
	})
}

func crowdAtReplication(s *stranger) {
	s.crowd(200, func(i int) {
		var mine []net.Conn
		for range 10 {
			nc, err := s.dialFrom(i, haPort)
			if err != nil {
				s.answer("refused")
				continue
			}
			s.answer("connected")
			mine = append(mine, nc)
		}
		s.hold()
		for _, nc := range mine {
			nc.Close()
		}
	})
}

// strangersSlave does all that a slave does. It must not be sent a byte of the log.
func strangersSlave(s *stranger) {
	nc, err := s.dial(haPort)
	if err != nil {
		s.answer("refused")
		return
	}
	defer nc.Close()
	_ = s.send(nc, report(0))
	_ = nc.SetReadDeadline(s.end())
	head := make([]byte, 12)
	for {
		if _, err := io.ReadFull(nc, head); err != nil {
			if isTimeout(err) {
				s.wrong("it is not hung up on")
			}
			s.answer("closed")
			return
		}
		n := int64(binary.BigEndian.Uint32(head[8:]))
		if n == 0 {
			continue // a heartbeat
		}
		s.wrong("it is sent the log")
		if _, err := io.CopyN(io.Discard, nc, n); err != nil {
			return
		}
		_ = s.send(nc, report(int64(binary.BigEndian.Uint64(head))+n))
	}
}

func manySlaves(s *stranger) {
	let := make([]bool, 64)
	s.crowd(len(let), func(i int) {
		nc, err := s.dialFrom(i, haPort)
		if err != nil {
			s.answer("refused")
			return
		}
		defer nc.Close()
		_ = s.send(nc, report(0))
		_ = nc.SetReadDeadline(s.end())
		n, err := io.Copy(io.Discard, nc)
		let[i] = n > 12 || isTimeout(err)
		s.answer("%s", map[bool]string{true: "let in", false: "closed"}[let[i]])
	})
	if slices.Contains(let, true) {
		s.wrong("slaves that nobody has configured are let in")
	}
}
