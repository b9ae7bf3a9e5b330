package nameserver

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"pairmq/internal/remoting"
	"pairmq/store/table"
)

const asInFile = "orderMessageEnable=false\ndeleteTopicWithBrokerRegistration=false\nscanNotActiveBrokerInterval=5000\n"

func configOf(s *Server) string { return string(ask(s, remoting.ReqGetNamesrvConfig).Body) }

func update(s *Server, body string) remoting.Response {
	return s.handle(new(remoting.Conn), &remoting.Command{Code: remoting.ReqUpdateNamesrvConfig, Body: []byte(body)})
}

func mustUpdate(t *testing.T, s *Server, body string) {
	t.Helper()
	if resp := update(s, body); resp.Code != remoting.RespSuccess {
		t.Fatalf("%q is answered %d, %q", body, resp.Code, resp.Remark)
	}
}

// TestUpdateConfigRefuses what is none of three keys, CVE-2023-37582 first, and what these cannot be: nothing of such
// a request counts, and nothing is written.
func TestUpdateConfigRefuses(t *testing.T) {
	var k keeper
	s := newServer(t, k.options())
	const fixed, bad = remoting.RespNoPermission, remoting.RespInvalidParameter
	for _, tt := range []struct {
		body string
		code int32
	}{
		{"configStorePath=/etc/cron.d/pairmq\nproductEnvName=*/1 * * * * root touch /tmp/owned\n", fixed},
		{"orderMessageEnable=true\nconfigStorePath=/etc/cron.d/x", fixed},
		{"kvConfigPath=/etc/cron.d/x", fixed}, {"configStorePathName=kvConfigPath", fixed}, {"rocketmqHome=/tmp", fixed}, {"listenPort=1", fixed},
		{"namesrvMaxTopics=1", fixed}, {"configBlackList=", fixed}, {"ordermessageenable=true", fixed}, {"\\u006frderMessageEnable=true", fixed},
		{"a=b\r\norderMessageEnable=true", fixed}, {"\x00", fixed}, {"=", bad}, {"orderMessageEnable\n=true", bad}, {"=true", fixed},
		{"# a comment\norderMessageEnable=true", fixed},
		{"", bad}, {"\n \r\n", bad}, {"orderMessageEnable", bad}, {"orderMessageEnable=", bad}, {"orderMessageEnable=TRUE", bad}, {"orderMessageEnable=1", bad},
		{"orderMessageEnable=true\nscanNotActiveBrokerInterval=0", bad},
		{"scanNotActiveBrokerInterval=999", bad}, {"scanNotActiveBrokerInterval=60001", bad}, {"scanNotActiveBrokerInterval=-5000", bad},
		{"scanNotActiveBrokerInterval=5s", bad}, {"scanNotActiveBrokerInterval=99999999999999999999", bad},
		{"orderMessageEnable=true\n" + strings.Repeat(" ", 4<<10), bad},
	} {
		resp := update(s, tt.body)
		if resp.Code != tt.code || resp.Remark == "" || len(resp.Remark) > 400 {
			t.Errorf("%.80q is answered %d, %q, want %d", tt.body, resp.Code, resp.Remark, tt.code)
		}
		if got := configOf(s); got != asInFile {
			t.Errorf("after %.80q the configuration is %s", tt.body, got)
		}
	}
	if n := k.count(); n != 0 {
		t.Errorf("%d saves", n)
	}
	k.fail = errors.New("no room")
	if resp := update(s, "orderMessageEnable=true"); resp.Code != remoting.RespSystemError || configOf(s) != asInFile {
		t.Errorf("what cannot be saved is answered %d, and counts: %s", resp.Code, configOf(s))
	}
	k.fail = nil
	ask(s, remoting.ReqPutKVConfig, "namespace", "N", "key", "k", "value", "v")
	if got := configOf(newServer(t, k.options())); k.count() != 2 || got != asInFile {
		t.Errorf("it counts after a restart, by the save of something else: %s", got)
	}
}

// TestUpdateConfigCounts at once, for what was known before too.
func TestUpdateConfigCounts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var k keeper
		s, stop := k.start(t, k.options())
		b := newBroker(s, "b", "h1:10911")
		b.mustRegister(t)
		ask(s, remoting.ReqPutKVConfig, "namespace", orderNamespace, "key", "T", "value", "b:4")
		if got := mustRoute(t, s, "T").OrderTopicConf; got != "" {
			t.Errorf("orderTopicConf is %q before", got)
		}
		mustUpdate(t, s, "orderMessageEnable=true\n")
		if got := mustRoute(t, s, "T").OrderTopicConf; got != "b:4" {
			t.Errorf("orderTopicConf is %q", got)
		}

		topics := func() []string { return s.routes.topicsWith(func(int32) bool { return true }) }
		b.topics, b.version = []table.Topic{topic("T", 6), topic("U", 6)}, b.version.Next(2)
		b.mustRegister(t)
		if got := topics(); !slices.Equal(got, []string{"T", "TBW102", "U"}) {
			t.Errorf("topics are %q", got)
		}
		mustUpdate(t, s, "deleteTopicWithBrokerRegistration = true\r\n")
		b.version = b.version.Next(3)
		b.mustRegister(t)
		if got := topics(); !slices.Equal(got, []string{"T", "U"}) {
			t.Errorf("topics are %q after a registration without the third", got)
		}

		mustUpdate(t, s, "scanNotActiveBrokerInterval=60000")
		synctest.Wait()
		time.Sleep(120*time.Second + 10*time.Millisecond) // it is silent for too long by now, and was not at 60 s
		if routeOf(t, s, "T") == nil {
			t.Errorf("the broker is gone before anybody could look")
		}
		mustUpdate(t, s, "scanNotActiveBrokerInterval=1000")
		time.Sleep(1100 * time.Millisecond)
		if routeOf(t, s, "T") != nil {
			t.Errorf("the broker is there still")
		}
		if got, want := configOf(s), "orderMessageEnable=true\ndeleteTopicWithBrokerRegistration=true\nscanNotActiveBrokerInterval=1000\n"; got != want {
			t.Errorf("the configuration is %s, want %s", got, want)
		}
		stop()
	})
}

// TestUpdatedConfigOutlivesARestart, until the file says something else; then it does not come back.
func TestUpdatedConfigOutlivesARestart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var k keeper
		o := k.options()
		again := func(want string) *Server {
			t.Helper()
			s, stop := k.start(t, o)
			if got := configOf(s); got != want {
				t.Errorf("the configuration is %q, want %q", got, want)
			}
			synctest.Wait()
			stop()
			return s
		}
		forget := func(s *Server) *Server { // no client's setting
			ask(s, remoting.ReqDeleteKVConfig, "key", "orderMessageEnable")
			ask(s, remoting.ReqPutKVConfig, "key", "orderMessageEnable", "value", "false false")
			return s
		}
		changed := strings.NewReplacer("Enable=false", "Enable=true", "5000", "7000").Replace(asInFile)
		mustUpdate(t, again(asInFile), "orderMessageEnable=true\nscanNotActiveBrokerInterval=7000")
		again(changed)
		s := forget(again(changed))
		ask(s, remoting.ReqPutKVConfig, "namespace", "N", "key", "k", "value", "v") // another save
		again(changed)

		o.ScanInterval = 10 * time.Second
		again(strings.Replace(changed, "7000", "10000", 1))
		o.ScanInterval = 0
		again(strings.Replace(changed, "7000", "5000", 1))

		mustUpdate(t, again(strings.Replace(changed, "7000", "5000", 1)), "orderMessageEnable=false") // as in the file
		o.OrderMessages = true
		again(strings.Replace(asInFile, "Enable=false", "Enable=true", 1))
	})
}

// TestWhatIsKeptMayBeAnything: a state of another version, or one that somebody wrote.
func TestWhatIsKeptMayBeAnything(t *testing.T) {
	s := newServer(t, Options{Load: func() (*State, error) {
		return &State{Settings: KV{tuned: {
			"configStorePath": "/etc/passwd ", "orderMessageEnable": "yes false", "scanNotActiveBrokerInterval": "0 5000", "deleteTopicWithBrokerRegistration": "",
		}}}, nil
	}})
	if got := configOf(s); got != asInFile {
		t.Errorf("the configuration is %s", got)
	}
}
