package main

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"pairmq/internal/remoting"
)

// observed has d's metrics shown over HTTP, at the address it returns.
func (d *daemonUnderTest) observed() (addr string) {
	d.t.Helper()
	addr = fmt.Sprintf("127.0.0.1:%d", freePorts(d.t, 1)[0])
	d.settings = append(d.settings, "metricsListen="+addr)
	return addr
}

// get asks for a path until somebody answers.
func get(t *testing.T, addr, path string) (code int, body []byte) {
	t.Helper()
	eventually(t, "http://"+addr+path+" answers", func() bool {
		resp, err := http.Get("http://" + addr + path)
		if err != nil {
			return false
		}
		defer resp.Body.Close()
		if body, err = io.ReadAll(resp.Body); err != nil {
			t.Fatal(err)
		}
		code = resp.StatusCode
		return true
	})
	return code, body
}

// A scraped page is its values by name and labels, as they are written, and its types
// by name.
type scraped struct {
	values map[string]float64
	types  map[string]string
}

// scrape reads a page strictly: each name has a help, a type and then its values, and
// none comes twice.
func scrape(t *testing.T, addr string) scraped {
	t.Helper()
	code, body := get(t, addr, "/metrics")
	if code != http.StatusOK {
		t.Fatalf("/metrics answers %d %s", code, body)
	}
	return parsePage(t, body)
}

func parsePage(t *testing.T, text []byte) scraped {
	t.Helper()
	s := scraped{map[string]float64{}, map[string]string{}}
	helped, family := "", ""
	for lines := bufio.NewScanner(bytes.NewReader(text)); lines.Scan(); {
		line := lines.Text()
		f := strings.SplitN(line, " ", 4)
		switch {
		case strings.HasPrefix(line, "# HELP ") && len(f) == 4:
			helped = f[2]
		case strings.HasPrefix(line, "# TYPE ") && len(f) == 4:
			if family = f[2]; family != helped || s.types[family] != "" {
				t.Errorf("%q does not follow its help, or is there twice", line)
			}
			s.types[family] = f[3]
		default:
			at := strings.LastIndexByte(line, ' ')
			name, _, _ := strings.Cut(line[:max(at, 0)], "{")
			if s.types[family] == "histogram" {
				for _, suffix := range []string{"_bucket", "_sum", "_count"} {
					name = strings.TrimSuffix(name, suffix)
				}
			}
			v, err := strconv.ParseFloat(line[at+1:], 64)
			_, twice := s.values[line[:max(at, 0)]]
			if err != nil || name != family || twice {
				t.Errorf("the line %q is not one of %s, or is there twice (%v)", line, family, err)
			}
			s.values[line[:max(at, 0)]] = v
		}
	}
	return s
}

// expect complains of values that are not as they should be.
func (s *scraped) expect(t *testing.T, what string, want map[string]float64) {
	t.Helper()
	for _, name := range slices.Sorted(maps.Keys(want)) {
		if got, ok := s.values[name]; !ok || got != want[name] {
			t.Errorf("%s: %s is %v (there: %v), want %v", what, name, got, ok, want[name])
		}
	}
}

// TestWhatADaemonShows scrapes a SYNC_MASTER with a name server and its slave after
// some traffic, and holds values to that, and the names to testdata/metrics.txt: a
// name that changes breaks dashboards and alarms. With PROMTOOL, the name of that
// program, it has to find nothing. PAIRMQ_WRITE=1 writes the names.
func TestWhatADaemonShows(t *testing.T) {
	master := newDaemon(t)
	at := master.observed()
	master.settings = append(master.settings, "brokerRole=SYNC_MASTER", "topicMaxBytes=Limited:64m", "metricsMaxTopics=2")
	master.start()
	slave := master.newSlave()
	slaveAt := slave.observed()
	master.send("Pair", "alone")
	slave.start()
	eventually(t, "the slave joins", func() bool { return master.info()["haSlaves"] == "1" })
	caughtUp(master, slave)
	for _, topic := range []string{"Pair", "Limited", "Third", "Third"} {
		if r := master.send(topic, "hello"); r.Code != remoting.RespSuccess {
			t.Fatalf("a send to %s answers %d %q", topic, r.Code, r.Remark)
		}
	}
	if r := master.pull("Pair", 0); r.Code != remoting.RespSuccess {
		t.Fatalf("a pull answers %d %q", r.Code, r.Remark)
	}
	master.commitAt("Pair", 1)
	master.call(master.broker, &remoting.Command{Code: 4711})
	eventually(t, "both are registered", func() bool {
		return strings.Contains(master.info()["namesrvs"], "registered") && strings.Contains(slave.info()["namesrvs"], "registered")
	})

	m := scrape(t, at)
	m.expect(t, "master", map[string]float64{
		`pairmq_serving{server="broker"}`: 1, `pairmq_serving{server="namesrv"}`: 1, `pairmq_master`: 1, `pairmq_slaves`: 1,
		`pairmq_messages_in_total`: 5, `pairmq_messages_out_total`: 2, `pairmq_pulls_total{result="found"}`: 1,
		`pairmq_topic_messages_in_total{topic="Pair"}`: 2, `pairmq_topic_messages_in_total{topic="Limited"}`: 1, `pairmq_topic_messages_in_total{topic="(others)"}`: 2,
		`pairmq_topic_messages_out_total{topic="Pair"}`: 2, `pairmq_topic_quota_bytes{topic="Limited"}`: 64 << 20,
		`pairmq_consumer_lag_messages{group="cg",topic="Pair"}`: 1, `pairmq_consumer_lag_all_messages`: 1,
		`pairmq_requests_total{server="broker",request="SEND_MESSAGE_V2",answer="SUCCESS"}`:                4,
		`pairmq_requests_total{server="broker",request="SEND_MESSAGE_V2",answer="SLAVE_NOT_AVAILABLE"}`:    1,
		`pairmq_requests_total{server="broker",request="UNSUPPORTED",answer="REQUEST_CODE_NOT_SUPPORTED"}`: 1,
		`pairmq_refused_total{reason="no_slave"}`:                                                          1, `pairmq_refused_total{reason="disk_full"}`: 0,
		`pairmq_send_duration_seconds_count`: 5, `pairmq_replicate_duration_seconds_count`: 4, `pairmq_pull_duration_seconds_count`: 1,
		`pairmq_slave_lag_bytes{slave="127.0.0.1"}`: 0, `pairmq_store_read_only`: 0, `pairmq_log_sync_running_seconds`: 0,
		`pairmq_namesrv_registered{namesrv="` + master.namesrv + `"}`: 1, `pairmq_quarantine_files`: 0,
	})
	for _, name := range []string{"pairmq_log_sync_duration_seconds_count", "pairmq_log_write_duration_seconds_sum", "pairmq_log_queue_duration_seconds_count", "pairmq_index_duration_seconds_count",
		"pairmq_process_resident_memory_bytes", "pairmq_process_open_fds", "pairmq_process_cpu_seconds_total", "pairmq_store_bytes", "pairmq_disk_free_bytes", `pairmq_connections{server="broker"}`} {
		if m.values[name] <= 0 {
			t.Errorf("%s is %v", name, m.values[name])
		}
	}
	if began := m.values["pairmq_process_start_time_seconds"]; began > float64(time.Now().Unix())+2 || began < float64(time.Now().Add(-time.Hour).Unix()) {
		t.Errorf("the process began at %f, it is %d now", began, time.Now().Unix())
	}
	if m.values["pairmq_log_end_offset_bytes"] != m.values["pairmq_log_durable_offset_bytes"] || m.values["pairmq_log_end_offset_bytes"] != m.values[`pairmq_slave_acked_offset_bytes{slave="127.0.0.1"}`] {
		t.Error("the ends of logs that wait for nothing differ")
	}
	s := scrape(t, slaveAt)
	s.expect(t, "slave", map[string]float64{
		`pairmq_master`: 0, `pairmq_replication_connected`: 1, `pairmq_replication_lag_bytes`: 0, `pairmq_replication_set_aside_bytes_total`: 0, `pairmq_messages_in_total`: 5, `pairmq_topic_messages_in_total{topic="Pair"}`: 2,
	})
	holdNames(t, m, s)
	promtool(t, at, slaveAt)
	for _, addr := range []string{at, slaveAt} {
		if code, body := get(t, addr, "/healthz"); code != http.StatusOK {
			t.Errorf("/healthz answers %d %s", code, body)
		}
	}
	for _, d := range []*daemonUnderTest{slave, master} {
		if err := d.stop(); err != nil {
			t.Fatal(err)
		}
	}
}

// holdNames compares the names and types with those that were there before.
func holdNames(t *testing.T, pages ...scraped) {
	t.Helper()
	all := map[string]string{}
	for _, p := range pages {
		maps.Copy(all, p.types)
	}
	var text strings.Builder
	maps.DeleteFunc(all, func(name, _ string) bool { return strings.HasPrefix(name, "pairmq_machine_") }) // not every machine tells them
	for _, name := range slices.Sorted(maps.Keys(all)) {
		fmt.Fprintln(&text, name, all[name])
	}
	const file = "testdata/metrics.txt"
	if os.Getenv("PAIRMQ_WRITE") != "" {
		if err := os.WriteFile(file, []byte(text.String()), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil || string(want) != text.String() {
		t.Errorf("the names differ from %s (%v): dashboards and alarms break. They are\n%s", file, err, &text)
	}
}

// promtool has that program look at pages, if PROMTOOL names it.
func promtool(t *testing.T, addrs ...string) {
	t.Helper()
	program := os.Getenv("PROMTOOL")
	if program == "" {
		return
	}
	for _, addr := range addrs {
		_, body := get(t, addr, "/metrics")
		cmd := exec.Command(program, "check", "metrics")
		cmd.Stdin = bytes.NewReader(body)
		if out, err := cmd.CombinedOutput(); err != nil || len(out) > 0 {
			t.Errorf("promtool check metrics: %v\n%s", err, out)
		}
	}
	t.Logf("promtool has found nothing in %d pages", len(addrs))
}

// TestATakenMetricsPortIsOnlySaid: the daemon serves nevertheless.
func TestATakenMetricsPortIsOnlySaid(t *testing.T) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	d := newDaemon(t)
	d.settings = append(d.settings, "metricsListen="+ln.Addr().String())
	d.start()
	if r := d.send("Greetings", "hello"); r.Code != remoting.RespSuccess {
		t.Errorf("a send answers %d %q", r.Code, r.Remark)
	}
	if err := d.stop(); err != nil {
		t.Error(err)
	}
}

// TestATextfileHasTheSame as /metrics, is there while the daemon runs, and the request
// for it answers where nothing is shown over HTTP.
func TestATextfileHasTheSame(t *testing.T) {
	d := newDaemon(t)
	path := filepath.Join(t.TempDir(), "pairmq.prom")
	d.settings = append(d.settings, "metricsTextfile="+path)
	d.start()
	d.send("Greetings", "hello")
	var text []byte
	eventually(t, "the file is there", func() bool {
		var err error
		text, err = os.ReadFile(path)
		return err == nil
	})
	if s := parsePage(t, text); s.types["pairmq_build_info"] != "gauge" {
		t.Errorf("the file has the names %v", s.types)
	}
	r := d.call(d.broker, &remoting.Command{Code: remoting.ReqGetMetrics})
	if s := parsePage(t, r.Body); r.Code != remoting.RespSuccess || s.values["pairmq_messages_in_total"] != 1 {
		t.Errorf("the request is answered %d %q with %v messages stored", r.Code, r.Remark, s.values["pairmq_messages_in_total"])
	}
	if err := d.stop(); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(path); !os.IsNotExist(err) {
		t.Errorf("the file is there after the stop: %v", err)
	}
}
