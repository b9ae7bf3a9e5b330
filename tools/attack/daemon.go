package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"pairmq/tools/harness"
)

const (
	startTime = 30 * time.Second
	stopTime  = 30 * time.Second
	lookEvery = 20 * time.Millisecond
	metricsAt = "127.0.0.1:10915"
)

// A daemon is a pairmqd as installed, in a root of its own.
type daemon struct {
	*harness.Process
	group *harness.Cgroup
	root  string
	host  *host // it runs on; nil: the gateway
	own   atomic.Int64
	most  atomic.Int64 // of own, since it was set to 0
}

// startDaemon starts one, with keys laid over the configuration as installed. files are
// put into /etc/pairmq/tls.
func (w *world) startDaemon(ctx context.Context, name string, on *host, keys []string, files map[string][]byte) (_ *daemon, err error) {
	d := &daemon{root: filepath.Join(w.dir, name, "root"), host: on}
	if err := d.furnish(w, keys, files); err != nil {
		return nil, err
	}
	if d.group, err = w.newCgroup(name); err != nil {
		return nil, fmt.Errorf("%w: %w", errUnable, err)
	}
	argv := []string{"chroot", d.root, "/usr/bin/pairmqd", "-c", "/etc/pairmq/pairmqd.conf"}
	if on != nil {
		argv = append(on.within(), argv...)
	}
	d.Process, err = harness.Start(harness.Spawn{Argv: d.group.Enter(argv), Log: filepath.Join(w.dir, name, "pairmqd.log"), Env: []string{"TMPDIR=/tmp"}})
	if err != nil {
		return nil, errors.Join(err, d.group.Remove())
	}
	go d.look()
	until := time.Now().Add(startTime)
	for {
		if _, err = d.fetch("/healthz"); err == nil {
			return d, nil
		}
		select {
		case <-d.Done:
			return nil, errors.Join(d.Ended(), d.group.Remove())
		case <-ctx.Done():
			return nil, errors.Join(ctx.Err(), d.stop())
		case <-time.After(20 * time.Millisecond):
		}
		if time.Now().After(until) {
			return nil, errors.Join(fmt.Errorf("%s is not ready after %v: %w; see %s", name, startTime, err, d.Log), d.stop())
		}
	}
}

// furnish makes the root: the program, its configuration, the folders that a package and
// a unit make, and what the kernel shows.
func (d *daemon) furnish(w *world, keys []string, files map[string][]byte) error {
	for _, dir := range []string{"usr/bin", "etc/pairmq/conf.d", "etc/pairmq/tls", "var/lib/pairmq", "run/pairmq", "tmp", "root", "dev", "proc", "sys"} {
		if err := os.MkdirAll(filepath.Join(d.root, dir), 0o755); err != nil {
			return err
		}
	}
	program, err := os.ReadFile(w.bin)
	if err != nil {
		return err
	}
	conf, err := os.ReadFile(w.conf)
	if err != nil {
		return err
	}
	put := map[string][]byte{"usr/bin/pairmqd": program, "etc/pairmq/pairmqd.conf": conf, "etc/pairmq/conf.d/attack.conf": []byte(strings.Join(keys, "\n") + "\n")}
	for name, b := range files {
		put["etc/pairmq/tls/"+name] = b
	}
	for name, b := range put {
		mode := os.FileMode(0o600)
		if name == "usr/bin/pairmqd" {
			mode = 0o755
		}
		if err := os.WriteFile(filepath.Join(d.root, name), b, mode); err != nil {
			return err
		}
	}
	for _, of := range kernels() {
		if err := command("mount", "--rbind", "/"+of, filepath.Join(d.root, of)); err != nil {
			return err
		}
	}
	return d.disk()
}

// kernels are the folders of a root in which the kernel shows things. There are no devices.
func kernels() []string { return []string{"proc", "sys"} }

// diskSize is that of the file system of a daemon's state, in bytes.
const diskSize = 512 << 20

// disk gives the state a disk of its own, in memory: what others do to this machine's is
// not to be taken for what an attack did. All of it is there before the daemon runs, or
// it would count for the daemon's cgroup.
func (d *daemon) disk() error {
	memory := filepath.Dir(d.root) + "/disk"
	if err := os.Mkdir(memory, 0o755); err != nil {
		return err
	}
	image := memory + "/image"
	for _, s := range []string{
		fmt.Sprintf("mount -t tmpfs -o size=%d tmpfs %s", diskSize+(1<<20), memory), fmt.Sprintf("fallocate -l %d %s", diskSize, image),
		"mkfs.ext4 -q -F -m 0 " + image, "mount -o loop " + image + " " + filepath.Join(d.root, "var/lib/pairmq"),
	} {
		if err := command(strings.Fields(s)...); err != nil {
			return err
		}
	}
	return nil
}

// look takes note of the daemon's own memory until it ends.
func (d *daemon) look() {
	for {
		select {
		case <-d.Done:
			return
		case <-time.After(lookEvery):
		}
		n := ownMemory(d.PID())
		d.own.Store(n)
		d.most.Store(max(d.most.Load(), n))
	}
}

// ownMemory is how many bytes are a process's own and resident; 0 when it has ended.
func ownMemory(pid int) int64 {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return 0
	}
	_, rest, _ := bytes.Cut(b, []byte("\nRssAnon:"))
	if f := bytes.Fields(rest); len(f) > 0 {
		if kib, err := strconv.ParseInt(string(f[0]), 10, 64); err == nil {
			return kib << 10
		}
	}
	return 0
}

// fetch gets a page from the daemon's own host, as who runs it would.
func (d *daemon) fetch(path string) (string, error) {
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Second)
	defer cancel()
	dial := new(net.Dialer).DialContext
	if d.host != nil {
		dial = d.host.dial
	}
	client := http.Client{Transport: &http.Transport{DialContext: dial, DisableKeepAlives: true}}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+metricsAt+path, nil)
	if err != nil {
		return "", err
	}
	resp, err := client.Do(req)
	if err != nil {
		return "", err
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err == nil && resp.StatusCode != http.StatusOK {
		err = fmt.Errorf("%s: %s: %s", path, resp.Status, bytes.TrimSpace(b))
	}
	return string(b), err
}

// A burden is what the daemon has to carry.
type burden struct{ goroutines, files, conns float64 }

func (d *daemon) burden() (burden, error) {
	page, err := d.fetch("/metrics")
	return burden{sumOf(page, "pairmq_goroutines"), sumOf(page, "pairmq_process_open_fds"), sumOf(page, "pairmq_connections")}, err
}

// sumOf adds up the series of a metric.
func sumOf(page, name string) (sum float64) {
	for line := range strings.Lines(page) {
		rest, ok := strings.CutPrefix(line, name)
		if !ok || rest == "" || rest[0] != ' ' && rest[0] != '{' {
			continue
		}
		f := strings.Fields(rest)
		v, err := strconv.ParseFloat(f[len(f)-1], 64)
		if err == nil {
			sum += v
		}
	}
	return sum
}

// lines counts those of the log so far.
func (d *daemon) lines() (n int, err error) {
	b, err := os.ReadFile(d.Log)
	return bytes.Count(b, []byte("\n")), err
}

// stop asks it to end, fails if it does not or had to be killed, and removes its cgroup.
func (d *daemon) stop() error {
	err := d.StopClean(stopTime)
	u, usageErr := d.group.Usage()
	if u.Kills > 0 {
		err = errors.Join(err, fmt.Errorf("the kernel killed %d processes for want of memory", u.Kills))
	}
	return errors.Join(err, usageErr, d.group.Remove(), command("umount", filepath.Join(d.root, "var/lib/pairmq")), command("umount", filepath.Dir(d.root)+"/disk"))
}
