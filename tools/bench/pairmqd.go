package main

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
)

// pairmqd is the broker of this project, with its name server in the same process.
type pairmqd struct {
	binary  string
	release string
	port    int
	more    []string // flags
}

func newPairmqd(ctx context.Context, c config) (*pairmqd, error) {
	binary, err := filepath.Abs(c.pairmqd)
	if err != nil {
		return nil, err
	}
	if _, err := os.Stat(binary); err != nil {
		return nil, fmt.Errorf("%w; build it with make build, or name another one with -pairmqd", err)
	}
	out, err := exec.CommandContext(ctx, binary, "--version").Output()
	if err != nil {
		return nil, fmt.Errorf("%s --version: %w", binary, err)
	}
	release, _, _ := bytes.Cut(bytes.TrimSpace(out), []byte("\n"))
	return &pairmqd{binary: binary, release: string(release), port: c.port}, nil
}

func (p *pairmqd) name() string    { return ours }
func (p *pairmqd) version() string { return p.release }

func (p *pairmqd) start(ctx context.Context, dir, flush string) (*broker, error) {
	return p.startMaster(ctx, dir, flush, asyncMaster)
}

func (p *pairmqd) startMaster(ctx context.Context, dir, flush, role string) (*broker, error) {
	ports := portsFrom(p.port)
	if err := ports.waitFree(ctx); err != nil {
		return nil, err
	}
	return p.run(ctx, dir, flush, ports, "--enableNamesrv=true", "--namesrvListenPort="+strconv.Itoa(ports.namesrv), "--brokerRole="+role)
}

func (p *pairmqd) startSlave(ctx context.Context, dir, flush string) (*broker, error) {
	ports := portsFrom(p.port).slave()
	if err := waitFree(ctx, ports.own()); err != nil {
		return nil, err
	}
	return p.run(ctx, dir, flush, ports, "--namesrvAddr="+loopback(ports.namesrv), "--brokerRole=SLAVE", "--brokerId=1")
}

func (p *pairmqd) run(ctx context.Context, dir, flush string, ports ports, more ...string) (*broker, error) {
	return startBroker(ctx, spawn{
		dir: dir, addr: ports.broker, path: p.binary,
		args: append([]string{
			"--brokerName=bench", "--brokerIP1=127.0.0.1", "--bindAddress=127.0.0.1",
			"--listenPort=" + strconv.Itoa(ports.listen), "--haListenPort=" + strconv.Itoa(ports.listen+1),
			"--storePathRootDir=" + filepath.Join(dir, "store"), "--flushDiskType=" + flush,
			"--defaultTopicQueueNums=" + strconv.Itoa(queues), "--autoCreateTopicEnable=true",
		}, append(more, p.more...)...),
	})
}
