package main

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"maps"
	"net"
	"slices"
	"strconv"
	"sync"
	"time"

	"pairmq/internal/remoting"
)

// liarAttacks are those of a master, and a name server, that a slave was told to trust.
func liarAttacks() []attack {
	return []attack{
		{name: "MasterThatLies", what: fmt.Sprintf("the master that a slave is told to copy, and its name server, are the stranger's: frames of the log that lie, in %d ways, and answers that are none", len(shippedLies())),
			on: misled, time: 10 * time.Second, addrs: 1, do: masterThatLies, outside: copied},
	}
}

// shipped is a frame of the log as a master sends it: where the body belongs, its length, and the body.
func shipped(at int64, size uint32, body []byte) []byte {
	return append(binary.BigEndian.AppendUint32(binary.BigEndian.AppendUint64(nil, uint64(at)), size), body...)
}

// shippedLies are what a slave whose log is empty must not take, by what is wrong.
func shippedLies() map[string][]byte {
	noise := make([]byte, 64<<10)
	rand.Read(noise)
	record := func(size uint32, rest []byte) []byte { // with the first of its fields as they should be
		return append(binary.BigEndian.AppendUint32(binary.BigEndian.AppendUint32(nil, size), 0xdaa320a7), rest...)
	}
	return map[string][]byte{
		"a negative place":           shipped(-1, 64, noise[:64]),
		"a place far beyond":         shipped(1<<40, 64, noise[:64]),
		"2 GiB":                      shipped(0, 0x7fffffff, noise),
		"a negative length":          shipped(0, 0xffffffff, noise),
		"noise":                      shipped(0, uint32(len(noise)), noise),
		"zeros":                      shipped(0, 4096, make([]byte, 4096)),
		"a record of noise":          shipped(0, 1024, record(1024, noise[:1016])),
		"a record of 2 GiB":          shipped(0, 1024, record(0x7fffffff, noise[:1016])),
		"a record of no bytes":       shipped(0, 1024, record(0, noise[:1016])),
		"an answer of a name server": request(0, fields("masterAddr", strangerIP+":10911"), noise),
		"HTTP":                       []byte("HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n"),
	}
}

// masterThatLies answers a slave on all the ports of a gateway, with another lie each time it comes.
func masterThatLies(s *stranger) {
	lies := shippedLies()
	kinds := slices.Sorted(maps.Keys(lies))
	first := int(time.Now().UnixNano()/1e6) % len(kinds) // there is time for some of them in one run
	var came int
	var wg sync.WaitGroup
	s.serve(&wg, haPort, func(nc net.Conn) {
		if _, err := io.ReadFull(nc, make([]byte, 8)); err != nil {
			s.answer("gone without a report")
			return
		}
		what := kinds[(first+came)%len(kinds)]
		came++
		_ = s.send(nc, lies[what])
		begin := time.Now()
		s.closes(nc, "a slave that is sent "+what, begin, soon)
	})
	for _, port := range remotingPorts() {
		s.serve(&wg, port, func(nc net.Conn) {
			for s.ctx.Err() == nil {
				_ = nc.SetReadDeadline(s.end())
				asked, err := readAnswer(nc)
				if err != nil {
					return
				}
				resp := &remoting.Command{Opaque: asked.Opaque, Flag: 1, Code: remoting.RespRequestCodeNotSupported, Language: remoting.Java, Version: remoting.Version, Serialize: remoting.JSON}
				if port != brokerPort { // a slave asks for tables at 10909
					resp.Code, resp.Fields, resp.Body = remoting.RespSuccess, fields("masterAddr", strangerIP+":10911", "haServerAddr", strangerIP+":10912", "changed", "true"), bytes.Repeat([]byte("{"), 1000)
				}
				if s.send(nc, remoting.AppendCommand(nil, resp)) != nil {
					return
				}
			}
		})
	}
	wg.Wait()
	if came < 2 {
		s.wrong("the slave came %d times", came)
	}
}

// serve answers one caller after the other at a port of the stranger's until the attack is over.
func (s *stranger) serve(wg *sync.WaitGroup, port int, do func(net.Conn)) {
	ln, err := new(net.ListenConfig).Listen(s.ctx, "tcp4", net.JoinHostPort(s.from[0].String(), strconv.Itoa(port)))
	if err != nil {
		s.wrong("%v", err)
		return
	}
	context.AfterFunc(s.ctx, func() { ln.Close() })
	wg.Go(func() {
		for {
			nc, err := ln.Accept()
			if errors.Is(err, net.ErrClosed) {
				return
			}
			if err != nil {
				s.wrong("port %d: %v", port, err)
				return
			}
			s.mu.Lock()
			s.out.Conns++
			s.mu.Unlock()
			if port != haPort {
				wg.Go(func() { do(nc); nc.Close() })
				continue
			}
			do(nc)
			nc.Close()
		}
	})
}

// copied is what a slave's log has.
func copied(_ context.Context, s *scene) (string, error) {
	page, err := s.judged.fetch("/metrics")
	return fmt.Sprintf("the log ends at %.0f", sumOf(page, "pairmq_log_end_offset_bytes")), err
}
