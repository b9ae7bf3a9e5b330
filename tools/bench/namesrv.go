package main

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"pairmq/discovery"
	"pairmq/internal/remoting"
	storetable "pairmq/store/table"
)

// What name servers are measured with: as many brokers, each with the same topics.
const (
	namesrvBrokers = 20
	namesrvTopics  = 10_000
	namesrvConns   = 4 // that ask for routes, each with one request in flight
	namesrvHeat    = 3 // registrations of each broker that are not counted, for the JIT compiler
)

// Cells of name servers.
const (
	cellRegister = "namesrv/register" // 20 brokers with 10,000 topics each register a table that has changed
	cellRoute    = "namesrv/route"    // routes of random ones of these topics
)

// isNamesrv tells whether a cell is of name servers.
func isNamesrv(cell string) bool { return strings.HasPrefix(cell, "namesrv/") }

// A namesrvTarget is a kind of broker whose name server runs by itself.
type namesrvTarget interface {
	target
	startNamesrv(ctx context.Context, dir string) (p *process, addr string, err error)
}

// namesrvs measures the cells of name servers, each alone.
func (r *runner) namesrvs(ctx context.Context) error {
	if !r.cfg.wants(cellRegister) && !r.cfg.wants(cellRoute) {
		return nil
	}
	var failed []error
	for i := range r.targets {
		t, ok := r.targets[(i+r.round-1)%len(r.targets)].(namesrvTarget)
		if !ok || ctx.Err() != nil {
			continue
		}
		err := r.inFolder(fmt.Sprintf("namesrv-%s-%d", t.name(), r.round), func(dir string) error {
			p, addr, err := t.startNamesrv(ctx, dir)
			if err != nil {
				return err
			}
			return errors.Join(r.namesrv(ctx, t, p, addr), p.stop())
		})
		if err != nil {
			failed = append(failed, fmt.Errorf("name server of %s, round %d: %w", t.name(), r.round, err))
		}
	}
	return errors.Join(append(failed, ctx.Err())...)
}

// namesrv measures one that has just started.
func (r *runner) namesrv(ctx context.Context, t target, p *process, addr string) error {
	var clients []*remoting.Client // one for each broker: a name server drops who hangs up
	for range namesrvBrokers {
		c := remoting.NewClient(remoting.ClientOptions{})
		defer c.Close()
		clients = append(clients, c)
	}
	took := make([]time.Duration, 0, namesrvBrokers)
	var before, after time.Duration
	for turn := range namesrvHeat + 1 {
		var err error
		if before, err = p.cpu(); err != nil {
			return err
		}
		took = took[:0]
		for i, c := range clients {
			req, err := registration(i, int64(turn))
			if err != nil {
				return err
			}
			begin := time.Now()
			if err := succeeds(ctx, c, addr, req); err != nil {
				return fmt.Errorf("registration %d of broker %d: %w", turn, i, err)
			}
			took = append(took, time.Since(begin))
		}
		if after, err = p.cpu(); err != nil {
			return err
		}
	}
	m, err := p.memory()
	if err != nil {
		return err
	}
	slices.Sort(took)
	if r.cfg.wants(cellRegister) {
		r.note(sample{Target: t.name(), Cell: cellRegister, Values: map[string]float64{
			metricMillis: millis(took[len(took)/2]), metricCPU: micros(after-before) / namesrvBrokers, metricRSS: m.rss, metricHWM: m.hwm,
		}})
	}
	if r.cfg.wants(cellRoute) {
		return r.routes(ctx, t, p, addr)
	}
	return nil
}

// registration is the request with which broker i registers all topics.
func registration(i int, version int64) (*remoting.Command, error) {
	body := discovery.RegisterBody{Version: storetable.DataVersion{Timestamp: time.Now().UnixMilli(), Counter: version + 1}, Topics: make([]storetable.Topic, namesrvTopics)}
	for n := range body.Topics {
		body.Topics[n] = storetable.Topic{Name: topicName(n), ReadQueueNums: int32(queues + version), WriteQueueNums: queues, Perm: 6, FilterType: "SINGLE_TAG"}
	}
	enc, err := body.Encode()
	if err != nil {
		return nil, err
	}
	name := fmt.Sprintf("bench-%02d", i)
	return &remoting.Command{Code: remoting.ReqRegisterBroker, Body: enc, Fields: remoting.Fields{
		{Key: "brokerName", Value: name}, {Key: "brokerAddr", Value: fmt.Sprintf("192.0.2.%d:10911", i+1)}, {Key: "clusterName", Value: "Bench"},
		{Key: "haServerAddr", Value: fmt.Sprintf("192.0.2.%d:10912", i+1)}, {Key: "brokerId", Value: "0"}, {Key: "compressed", Value: "false"},
		{Key: "bodyCrc32", Value: strconv.Itoa(int(discovery.BodyCRC32(enc)))},
	}}, nil
}

func topicName(n int) string { return fmt.Sprintf("BenchTopic_%05d", n) }

func succeeds(ctx context.Context, c *remoting.Client, addr string, req *remoting.Command) error {
	ctx, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	resp, err := c.Call(ctx, addr, req)
	if err == nil && resp.Code != remoting.RespSuccess {
		err = fmt.Errorf("code %d, %q", resp.Code, resp.Remark)
	}
	return err
}

// routes asks for the routes of random topics, first for a while without counting.
func (r *runner) routes(ctx context.Context, t target, p *process, addr string) error {
	if _, err := r.ask(ctx, addr, r.cfg.heat/2); err != nil {
		return err
	}
	before, err := p.cpu()
	if err != nil {
		return err
	}
	all, err := r.ask(ctx, addr, r.cfg.seconds)
	if err != nil {
		return err
	}
	after, err := p.cpu()
	if err != nil {
		return err
	}
	if len(all) == 0 {
		return errors.New("no route was answered")
	}
	slices.Sort(all)
	at := func(q float64) float64 { return micros(all[int(q*float64(len(all)-1))]) }
	r.note(sample{Target: t.name(), Cell: cellRoute, Values: map[string]float64{
		metricRate: float64(len(all)) / r.cfg.seconds.Seconds(), metricP50: at(0.5), metricP99: at(0.99), metricP999: at(0.999), metricMax: at(1),
		metricCPU: micros(after-before) / float64(len(all)),
	}})
	return nil
}

// ask has clients ask for routes for a time, and returns how long each answer took.
func (r *runner) ask(ctx context.Context, addr string, d time.Duration) ([]time.Duration, error) {
	var mu sync.Mutex
	var all []time.Duration
	var failed []error
	var work sync.WaitGroup
	end := time.Now().Add(d)
	for i := range namesrvConns {
		work.Go(func() {
			c := remoting.NewClient(remoting.ClientOptions{})
			defer c.Close()
			rng := rand.New(rand.NewPCG(uint64(r.round), uint64(i)))
			var own []time.Duration
			var err error
			for err == nil && time.Now().Before(end) {
				begin := time.Now()
				err = succeeds(ctx, c, addr, &remoting.Command{Code: remoting.ReqGetRouteinfoByTopic, Fields: remoting.Fields{{Key: "topic", Value: topicName(rng.IntN(namesrvTopics))}}})
				own = append(own, time.Since(begin))
			}
			mu.Lock()
			defer mu.Unlock()
			all, failed = append(all, own...), append(failed, err)
		})
	}
	work.Wait()
	return all, errors.Join(failed...)
}

func (p *pairmqd) startNamesrv(ctx context.Context, dir string) (*process, string, error) {
	ports := portsFrom(p.port)
	if err := ports.waitFree(ctx); err != nil {
		return nil, "", err
	}
	addr := loopback(ports.namesrv)
	n, err := startProcess(spawn{dir: dir, log: "namesrv", path: p.binary, args: []string{
		"--enableBroker=false", "--enableNamesrv=true", "--bindAddress=127.0.0.1", "--namesrvListenPort=" + strconv.Itoa(ports.namesrv),
		"--namesrvMaxTopics=" + strconv.Itoa(namesrvBrokers*namesrvTopics), "--storePathRootDir=" + filepath.Join(dir, "store"),
	}})
	if err != nil {
		return nil, "", err
	}
	if err := waitFor(ctx, n, addr, namesrvAnswers); err != nil {
		return nil, "", errors.Join(err, n.stop())
	}
	return n, addr, nil
}

func (a *apache) startNamesrv(ctx context.Context, dir string) (*process, string, error) {
	ports := portsFrom(a.port)
	if err := ports.waitFree(ctx); err != nil {
		return nil, "", err
	}
	if err := a.configure(dir, asyncFlush, ports, 0, asyncMaster); err != nil {
		return nil, "", err
	}
	addr := loopback(ports.namesrv)
	n, err := startProcess(a.spawn(dir, "namesrv", a.heap, "org.apache.rocketmq.namesrv.NamesrvStartup"))
	if err != nil {
		return nil, "", err
	}
	if err := waitFor(ctx, n, addr, namesrvAnswers); err != nil {
		return nil, "", errors.Join(err, n.stop())
	}
	return n, addr, nil
}

func (r *report) writeNamesrvs(w *strings.Builder) {
	t := table{title: fmt.Sprintf("Name server, %d brokers with %d topics each", namesrvBrokers, namesrvTopics), labels: 1,
		head: []string{"", "pairmqd", "5.4.0", "4.9.7", "against the better"}}
	for _, c := range []struct {
		label, cell, metric string
		scale               float64
		less                bool
	}{
		{"registration of 10,000 topics that have changed, ms", cellRegister, metricMillis, 1, true},
		{"processor time of that, ms", cellRegister, metricCPU, 1e-3, true},
		{"resident then, MiB", cellRegister, metricRSS, 1.0 / 1024, true},
		{"route, p50, ms", cellRoute, metricP50, 1e-3, true},
		{"route, p99, ms", cellRoute, metricP99, 1e-3, true},
		{"routes a second, 4 in flight", cellRoute, metricRate, 1, false},
		{"processor time of a route, µs", cellRoute, metricCPU, 1, true},
	} {
		row := []string{c.label}
		for _, name := range []string{ours, v5, v4} {
			row = append(row, r.number(name, c.cell, c.metric, c.scale))
		}
		t.rows = append(t.rows, append(row, r.ratio(c.cell, c.metric, c.less)))
	}
	t.writeTo(w)
}
