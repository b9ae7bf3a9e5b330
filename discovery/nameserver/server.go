package nameserver

import (
	"context"
	"fmt"
	"log/slog"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"pairmq/internal/remoting"
	"pairmq/internal/warner"
)

// sayAtOnce is how many log lines of one kind brokers can cause at once; then it is one a
// second.
const sayAtOnce = 100

// A Server answers brokers, clients and administrators. It implements
// remoting.Handler; give its Closed to the remoting.Server as OnClose, and run
// Run beside it. Use New.
type Server struct {
	opts    Options
	routes  *routes
	kv      kvTable
	files   tuning // of Options
	tuning  atomic.Pointer[tuning]
	tuner   sync.Mutex    // held by who replaces it
	retuned chan struct{} // when it was
	large   inTurn        // registrations
	failing bool          // the last save has failed; Run's own
	saved   time.Time
	said    *warner.Warner // what brokers do
	warned  *warner.Warner // what they should not
	refused warner.Warner  // brokers that may not register
}

// New returns a Server that knows what was saved. It fails if opts.Load does.
func New(opts Options) (*Server, error) {
	s := &Server{opts: opts.withDefaults(), routes: newRoutes(), large: newInTurn(), retuned: make(chan struct{}, 1)}
	s.said = &warner.Warner{To: s.opts.Log, Burst: sayAtOnce}
	s.warned = &warner.Warner{To: s.opts.Log, Level: slog.LevelWarn, Burst: sayAtOnce}
	s.refused = warner.Warner{To: s.opts.Log, Level: slog.LevelWarn, Every: 10 * time.Second}
	s.routes.maxMembers, s.routes.maxEntries = s.opts.MaxBrokers, s.opts.MaxTopics
	s.routes.maxEncoded = max(leastEncoded, encodedEach*s.opts.MaxTopics)
	s.routes.orderConf = s.orderConf
	s.kv.max = s.opts.MaxKV
	if opts.Save != nil {
		s.kv.save = s.save
	}
	settings := KV{}
	if opts.Load != nil {
		saved, err := opts.Load()
		if err != nil {
			return nil, fmt.Errorf("load the name server's state: %w", err)
		}
		s.routes.restore(saved, time.Now())
		if saved.Settings != nil {
			settings = saved.Settings
		}
	}
	s.recall(settings)
	s.kv.current.Store(&settings)
	return s, nil
}

// Run drops silent brokers, and saves what has changed, until ctx ends; then it
// saves for the last time and returns nil. Connections may be closed after that:
// their brokers are not gone, the name server is.
func (s *Server) Run(ctx context.Context) error {
	scan, save := time.NewTicker(s.tuning.Load().scan()), time.NewTicker(saveEvery)
	defer scan.Stop()
	defer save.Stop()
	for {
		select {
		case <-ctx.Done():
			s.saveIfChanged()
			return nil
		case <-s.retuned:
			scan.Reset(s.tuning.Load().scan())
		case <-scan.C:
			s.logDeparted("timeout", nil, s.routes.expire(time.Now()))
		case <-save.C:
			if s.saveDue() {
				s.saveIfChanged()
			}
		}
	}
}

// Closed drops the brokers that registered on conn, which has just closed.
func (s *Server) Closed(conn *remoting.Conn) {
	s.logDeparted("connection closed", conn, s.routes.disconnect(conn))
}

// logDeparted says who is gone, by what came on conn, if it is not nil.
func (s *Server) logDeparted(reason string, conn *remoting.Conn, gone []departed) {
	for _, d := range gone {
		attrs := []any{"reason", reason, "cluster", d.cluster, "brokerName", d.brokerName, "brokerId", d.brokerID, "addr", d.addr}
		if conn != nil {
			attrs = append(attrs, "remote", conn.RemoteAddr().String())
		}
		s.said.Log("broker left", attrs...)
	}
}

// Serve answers one request.
func (s *Server) Serve(req *remoting.Request) {
	if namesAll(req.Code) { // many who ask at once get it one after the other
		if err := req.Reserve(s.routes.count() * nameBytes); err != nil {
			req.ReplyError(remoting.RespSystemBusy, err.Error())
			return
		}
	}
	resp := s.handle(req.Conn(), &req.Command)
	req.Reply(&resp)
}

// nameBytes is what one topic or broker takes while an answer is made that names all.
const nameBytes = 200

// namesAll says whether the answer to a request has all topics or brokers.
func namesAll(code int32) bool {
	switch code {
	case remoting.ReqGetBrokerClusterInfo, remoting.ReqGetAllTopicListFromNameserver, remoting.ReqGetTopicsByCluster, remoting.ReqGetSystemTopicListFromNs,
		remoting.ReqGetUnitTopicList, remoting.ReqGetHasUnitSubTopicList, remoting.ReqGetHasUnitSubUnunitTopicList:
		return true
	}
	return false
}

func (s *Server) handle(conn *remoting.Conn, c *remoting.Command) remoting.Response {
	switch c.Code {
	case remoting.ReqGetRouteinfoByTopic:
		return s.route(c)
	case remoting.ReqRegisterBroker:
		return s.register(conn, c)
	case remoting.ReqQueryDataVersion:
		return s.queryDataVersion(conn, c)
	case remoting.ReqBrokerHeartbeat:
		return s.heartbeat(conn, c)
	case remoting.ReqUnregisterBroker:
		return s.unregister(conn, c)
	case remoting.ReqGetBrokerClusterInfo:
		return s.clusterInfo()
	case remoting.ReqGetBrokerMemberGroup:
		return s.memberGroup(c)
	case remoting.ReqPutKVConfig, remoting.ReqGetKVConfig, remoting.ReqDeleteKVConfig, remoting.ReqGetKvlistByNamespace:
		return s.settings(c)
	case remoting.ReqGetAllTopicListFromNameserver, remoting.ReqGetTopicsByCluster, remoting.ReqGetSystemTopicListFromNs,
		remoting.ReqGetUnitTopicList, remoting.ReqGetHasUnitSubTopicList, remoting.ReqGetHasUnitSubUnunitTopicList:
		return s.topicList(c)
	case remoting.ReqWipeWritePermOfBroker:
		return s.wipeWritePerm(c)
	case remoting.ReqAddWritePermOfBroker:
		return s.addWritePerm(c)
	case remoting.ReqDeleteTopicInNamesrv:
		return s.deleteTopic(c)
	case remoting.ReqRegisterTopicInNamesrv:
		return s.registerTopic(conn, c)
	case remoting.ReqGetNamesrvConfig:
		return s.config()
	case remoting.ReqUpdateNamesrvConfig:
		return s.updateConfig(c)
	}
	return refuse(remoting.RespRequestCodeNotSupported, " request type "+strconv.Itoa(int(c.Code))+" not supported")
}

func refuse(code int32, remark string) remoting.Response {
	return remoting.Response{Code: code, Remark: remark}
}

// failed is the answer to a request that is wrong in itself or cannot be
// carried out; RocketMQ has the one code for both.
func failed(err error) remoting.Response {
	return refuse(remoting.RespSystemError, err.Error())
}

func success() remoting.Response { return remoting.Response{Code: remoting.RespSuccess} }

// nothing is the Release of bodies that are kept: they are queued uncopied.
func nothing() {}
