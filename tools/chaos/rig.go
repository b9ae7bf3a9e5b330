package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"time"

	"pairmq/internal/remoting"
	"pairmq/tools/chaos/check"
)

// segment is the brokers' mappedFileSizeCommitLog: logs roll often.
const segment = 1 << 20

// startTime is how long the pair may take until it takes messages.
const startTime = 20 * time.Second

// A rig is the pair, the network around it, and what is written down about them.
type rig struct {
	ctx     context.Context
	lan     *lan
	record  *check.Recorder
	began   time.Time
	brokers [2]*process
	namesrv *process
	relays  [2]*relay
	caller  *caller // for questions
	patient *caller // for what takes its time

	mu       sync.Mutex
	log      *os.File
	history  *os.File
	verbose  bool
	troubles []string
	ids      atomic.Int64
}

// newRig starts a pair in a mode, with its stores and logs below dir.
func newRig(ctx context.Context, l *lan, a args, m check.Mode, dir string) (_ *rig, err error) {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, err
	}
	history, err := os.Create(filepath.Join(dir, "history.jsonl"))
	if err != nil {
		return nil, err
	}
	r := &rig{ctx: ctx, lan: l, history: history, record: check.NewRecorder(history, m), began: time.Now(), caller: newCaller(), patient: newCaller(), verbose: a.verbose}
	r.caller.Limit, r.patient.Limit = time.Second, roleTime
	defer func() {
		if err != nil {
			err = errors.Join(err, r.close())
		}
	}()
	if r.log, err = os.Create(filepath.Join(dir, "steps.log")); err != nil {
		return nil, err
	}
	r.namesrv = &process{log: filepath.Join(dir, "namesrv.log"), argv: []string{a.bin, "--enableBroker=false", "--enableNamesrv=true", "--namesrvListenPort=9876", "--storePathRootDir=" + filepath.Join(dir, "namesrv")}}
	if err := r.namesrv.start(); err != nil {
		return nil, err
	}
	secret := filepath.Join(dir, "ha.secret")
	if err := os.WriteFile(secret, []byte("of the pair that is mistreated"), 0o600); err != nil {
		return nil, err
	}
	for i := range r.brokers {
		ln, err := net.ListenTCP("tcp4", net.TCPAddrFromAddrPort(netip.AddrPortFrom(relayIP[i], haPort)))
		if err != nil {
			return nil, err
		}
		r.relays[i] = newRelay(ln, netip.AddrPortFrom(brokerIP[i], haPort).String())
		r.brokers[i] = &process{log: filepath.Join(dir, nameOf(i)+".log"), argv: append(append(l.within(i), a.bin), brokerArgs(i, m, storeOf(dir, i), secret)...)}
	}
	return r, r.ready()
}

func storeOf(dir string, i int) string { return filepath.Join(dir, "store-"+nameOf(i)) }

// brokerArgs are the settings of broker i: short silences, so that much
// happens in little time. secret is the file by which the two know each other.
func brokerArgs(i int, m check.Mode, store, secret string) []string {
	flush, role := "ASYNC_FLUSH", "ASYNC_MASTER"
	if m.SyncFlush {
		flush = "SYNC_FLUSH"
	}
	if m.SyncMaster {
		role = "SYNC_MASTER"
	}
	if i == 1 {
		role = "SLAVE"
	}
	return []string{
		"--brokerName=chaos", fmt.Sprintf("--brokerId=%d", i), "--brokerRole=" + role, "--flushDiskType=" + flush, "--storePathRootDir=" + store, "--haSecretFile=" + secret,
		"--namesrvAddr=" + namesrvIP.String() + ":9876", "--registerNameServerPeriod=10000",
		"--listenPort=10911", fmt.Sprintf("--haListenPort=%d", haPort), "--brokerIP1=" + brokerIP[i].String(), "--brokerIP2=" + relayIP[i].String(),
		"--adminAddresses=198.18.0.0/16", // the rig makes topics, changes roles and looks
		fmt.Sprintf("--mappedFileSizeCommitLog=%d", segment), "--maxMessageSize=65536",
		"--haSendHeartbeatInterval=500", "--haHousekeepingInterval=2000", "--slaveTimeout=1000", "--logLevel=debug",
	}
}

// ready starts the pair, the slave once the topic is there, and waits until it is one.
func (r *rig) ready() error {
	ctx, cancel := context.WithTimeout(r.ctx, startTime)
	defer cancel()
	if err := r.brokers[0].start(); err != nil {
		return err
	}
	n := fmt.Sprint(queues)
	err := r.await(ctx, func() error {
		_, err := r.caller.ask(ctx, 0, remoting.ReqUpdateAndCreateTopic, remoting.Fields{
			{Key: "topic", Value: topic}, {Key: "defaultTopic", Value: "TBW102"}, {Key: "readQueueNums", Value: n}, {Key: "writeQueueNums", Value: n},
			{Key: "perm", Value: "6"}, {Key: "topicFilterType", Value: "SINGLE_TAG"}, {Key: "topicSysFlag", Value: "0"}, {Key: "order", Value: "false"},
		})
		return err
	})
	if err == nil {
		err = r.brokers[1].start()
	}
	if err != nil {
		return err
	}
	return r.await(ctx, func() error {
		if !settled(r.caller.both(ctx)) {
			return errors.New("the slave does not follow")
		}
		_, err := r.caller.ask(ctx, 1, remoting.ReqGetTopicConfig, remoting.Fields{{Key: "topic", Value: topic}})
		return err
	})
}

// await tries until it succeeds or ctx ends.
func (r *rig) await(ctx context.Context, try func() error) error {
	for {
		err := try()
		if err == nil {
			return nil
		}
		if pause(ctx, lookEvery); ctx.Err() != nil {
			return fmt.Errorf("the pair was not ready within %v: %w", startTime, err)
		}
	}
}

// now is the time since the rig began, in nanoseconds.
func (r *rig) now() int64 { return time.Since(r.began).Nanoseconds() }

// note writes down what is done.
func (r *rig) note(format string, args ...any) {
	r.mu.Lock()
	defer r.mu.Unlock()
	text := fmt.Sprintf("%8.3f ", time.Since(r.began).Seconds()) + fmt.Sprintf(format, args...) + "\n"
	r.log.WriteString(text)
	if r.verbose {
		fmt.Print(text)
	}
}

// trouble notes what must not be, and is no matter of histories.
func (r *rig) trouble(format string, args ...any) {
	r.note(format, args...)
	r.mu.Lock()
	defer r.mu.Unlock()
	r.troubles = append(r.troubles, fmt.Sprintf(format, args...))
}

// stopBrokers stops both cleanly.
func (r *rig) stopBrokers() error {
	var errs []error
	for _, b := range r.brokers {
		if b != nil {
			errs = append(errs, b.stop())
		}
	}
	return errors.Join(errs...)
}

// close ends whatever still runs.
func (r *rig) close() error {
	errs := []error{r.lan.mend()}
	for _, p := range []*process{r.brokers[0], r.brokers[1], r.namesrv} {
		if p != nil {
			p.kill()
		}
	}
	for _, y := range r.relays {
		if y != nil {
			y.close()
		}
	}
	r.caller.Close()
	r.patient.Close()
	errs = append(errs, r.history.Close())
	if r.log != nil {
		errs = append(errs, r.log.Close())
	}
	return errors.Join(errs...)
}
