package main

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"net"
	"testing"
	"time"

	"pairmq/daemon/config"
	"pairmq/hal/disk"
	"pairmq/tools/loadgen"
)

// startForBench runs the daemon on free ports and returns the broker's address.
func startForBench(b *testing.B, flush string) string {
	b.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		b.Fatal(err)
	}
	port := ln.Addr().(*net.TCPAddr).Port
	ln.Close()
	cfg, _, err := config.Load("", []string{"brokerName=bench", "bindAddress=127.0.0.1", "enableNamesrv=true",
		fmt.Sprintf("listenPort=%d", port), fmt.Sprintf("namesrvListenPort=%d", port+3), "storePathRootDir=" + b.TempDir(), "flushDiskType=" + flush})
	if err != nil {
		b.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- run(ctx, cfg, disk.OS, nil, slog.New(slog.NewTextHandler(io.Discard, nil))) }()
	b.Cleanup(func() {
		cancel()
		if err := <-ended; err != nil {
			b.Error(err)
		}
	})
	addr := fmt.Sprintf("127.0.0.1:%d", port)
	for range 100 {
		if err = loadgen.CreateTopic(context.Background(), loadgen.Target{Addr: addr}, "Bench", 8); err == nil {
			return addr
		}
		<-time.After(20 * time.Millisecond) // it is starting
	}
	b.Fatal(err)
	return ""
}

// BenchmarkSend sends b.N messages through sockets, load generator and daemon
// in one process: for profiles, and to compare one change with another.
func BenchmarkSend(b *testing.B) {
	for _, flush := range []string{"ASYNC_FLUSH", "SYNC_FLUSH"} {
		for _, size := range []int{128, 1024, 16384} {
			for _, inFlight := range []int{1, 64, 256} {
				b.Run(fmt.Sprintf("%s/%dB/%d", flush, size, inFlight), func(b *testing.B) {
					addr := startForBench(b, flush)
					b.ReportAllocs()
					b.SetBytes(int64(size))
					b.ResetTimer()
					r, err := loadgen.Send(b.Context(), loadgen.SendOptions{Target: loadgen.Target{Addr: addr}, Bounds: loadgen.Bounds{Count: int64(b.N), Duration: time.Minute},
						Topic: "Bench", Size: size, InFlight: inFlight})
					b.StopTimer()
					if err != nil || r.Messages != int64(b.N) {
						b.Fatalf("%d of %d messages, %v", r.Messages, b.N, err)
					}
					b.ReportMetric(float64(r.P99.Microseconds()), "p99-µs")
				})
			}
		}
	}
}

// BenchmarkPull drains b.N messages through sockets, as BenchmarkSend sends them.
func BenchmarkPull(b *testing.B) {
	for _, size := range []int{128, 1024, 16384} {
		b.Run(fmt.Sprintf("%dB", size), func(b *testing.B) {
			addr := startForBench(b, "ASYNC_FLUSH")
			count := int64(min(100_000, 128<<20/size))
			if _, err := loadgen.Send(b.Context(), loadgen.SendOptions{Target: loadgen.Target{Addr: addr}, Bounds: loadgen.Bounds{Count: count, Duration: time.Minute},
				Topic: "Bench", Size: size, InFlight: 64}); err != nil {
				b.Fatal(err)
			}
			b.SetBytes(int64(size))
			b.ResetTimer()
			r, err := loadgen.Pull(b.Context(), loadgen.PullOptions{Target: loadgen.Target{Addr: addr}, Bounds: loadgen.Bounds{Count: int64(b.N), Duration: time.Minute},
				Topic: "Bench", Conns: 4, Again: true})
			b.StopTimer()
			if err != nil || r.Messages < int64(b.N) {
				b.Fatalf("%d of %d messages, %v", r.Messages, b.N, err)
			}
		})
	}
}
