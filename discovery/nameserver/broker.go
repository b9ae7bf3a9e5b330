package nameserver

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"pairmq/discovery"
	"pairmq/internal/remoting"
	"pairmq/store/table"
)

// maxBrokerTimeout bounds the heartbeatTimeoutMillis a broker may ask for.
const maxBrokerTimeout = time.Hour

// zlibMagic is the first byte of Java's zlib streams. 5.4.0 brokers say
// compressed=false whatever they send (BrokerOuterAPI.registerBroker).
const zlibMagic = 0x78

var (
	errCRC    = errors.New("crc32 of the body does not match")
	errBroker = errors.New("bad broker")
)

// register serves 103.
func (s *Server) register(conn *remoting.Conn, c *remoting.Command) remoting.Response {
	reg, err := s.parseRegistration(conn, c)
	if err != nil {
		return failed(err)
	}
	if !s.allowed(conn, reg.brokerName) {
		return notAllowed(reg.brokerName)
	}
	reg.now = time.Now()
	got, err := s.routes.register(reg)
	if err != nil && !errors.Is(err, errTopics) {
		return failed(err)
	}
	if got.fresh {
		s.said.Log("broker registered", "cluster", reg.cluster, "brokerName", reg.brokerName, "brokerId", reg.brokerID, "addr", reg.addr, "topics", len(reg.body.Topics), "remote", conn.RemoteAddr().String())
	}
	if got.movedFrom != "" {
		what := "broker replaced another with its brokerId"
		if got.lived {
			what = "a broker took the place of one of its name and brokerId that lives: unless roles were changed or it has moved, bind the name to its addresses with namesrvAllowedBrokers"
		}
		s.warned.Log(what, "cluster", reg.cluster, "brokerName", reg.brokerName, "brokerId", reg.brokerID, "addr", reg.addr, "was", got.movedFrom, "remote", conn.RemoteAddr().String())
	}
	if err != nil {
		return failed(err)
	}
	resp := success()
	if got.master != "" {
		resp.Fields.Add("masterAddr", got.master)
		resp.Fields.Add("haServerAddr", got.masterHA)
	}
	if order := s.kv.load()[orderNamespace]; len(order) > 0 {
		resp.Body, err = json.Marshal(kvList{order})
		if err != nil {
			return failed(err)
		}
	}
	return resp
}

func (s *Server) parseRegistration(conn *remoting.Conn, c *remoting.Command) (*registration, error) {
	b, err := parseBroker(c)
	if err != nil {
		return nil, err
	}
	reg := &registration{cluster: b.cluster, brokerName: b.name, addr: b.addr}
	timeout, errTimeout := c.Fields.Int64Or("heartbeatTimeoutMillis", 0)
	acting, errActing := c.Fields.BoolOr("enableActingMaster", false)
	id, errID := c.Fields.Int64("brokerId")
	if err := errors.Join(errID, errActing, errTimeout); err != nil {
		return nil, err
	}
	if id < 0 {
		return nil, fmt.Errorf("%w: brokerId is %d", errBroker, id)
	}
	reg.brokerID, reg.acting = id, acting
	reg.timeout = brokerTimeout(timeout, s.opts.BrokerTimeout)
	reg.ha = strings.Clone(c.Fields.Get("haServerAddr"))
	reg.conn, reg.from, reg.counts = conn, sourceOf(conn), s.shareOf(conn)
	if err := reachable(conn, reg); err != nil {
		return nil, err
	}
	reg.body, err = s.parseBody(c)
	return reg, err
}

// brokerTimeout is what a broker asked for, within reason, or the default.
func brokerTimeout(millis int64, def time.Duration) time.Duration {
	if millis <= 0 {
		return def
	}
	return time.Duration(min(millis, maxBrokerTimeout.Milliseconds())) * time.Millisecond
}

// parseBody decodes the table of a registration. Who has sent a large one waits for his turn.
func (s *Server) parseBody(c *remoting.Command) (body discovery.RegisterBody, err error) {
	if len(c.Body) <= smallBody {
		return s.decodeBody(c)
	}
	s.large.do(func() { body, err = s.decodeBody(c) })
	return body, err
}

func (s *Server) decodeBody(c *remoting.Command) (discovery.RegisterBody, error) {
	crc, errCRCField := c.Fields.Int32Or("bodyCrc32", 0)
	compressed, errCompressed := c.Fields.BoolOr("compressed", false)
	if err := errors.Join(errCRCField, errCompressed); err != nil {
		return discovery.RegisterBody{}, err
	}
	if got := discovery.BodyCRC32(c.Body); crc != 0 && crc != got {
		return discovery.RegisterBody{}, fmt.Errorf("%w: %d bytes give %d, bodyCrc32 is %d", errCRC, len(c.Body), got, crc)
	}
	if len(c.Body) > 0 && (compressed || c.Body[0] == zlibMagic) {
		return discovery.DecodeCompressedRegisterBody(c.Body, s.opts.MaxTopics)
	}
	return discovery.DecodeRegisterBody(c.Body, s.opts.MaxTopics)
}

// broker is what all requests of brokers begin with.
type broker struct{ cluster, name, addr string }

func (b *broker) of(conn *remoting.Conn) *life {
	return &life{brokerName: b.name, addr: b.addr, conn: conn, from: sourceOf(conn)}
}

// parseBroker returns strings that may be kept.
func parseBroker(c *remoting.Command) (broker, error) {
	b := broker{
		cluster: strings.Clone(c.Fields.Get("clusterName")),
		name:    strings.Clone(c.Fields.Get("brokerName")),
		addr:    strings.Clone(c.Fields.Get("brokerAddr")),
	}
	if err := cmp.Or(checkName("clusterName", b.cluster), checkName("brokerName", b.name)); err != nil {
		return broker{}, err
	}
	return b, nil
}

// reachable checks the addresses that a broker registers: others are told them.
func reachable(conn *remoting.Conn, reg *registration) error {
	from := conn.RemoteAddr().Addr()
	if err := discovery.CheckReachable(reg.addr, from); err != nil {
		return fmt.Errorf("%w: brokerAddr: %w", errBroker, err)
	}
	if reg.ha == "" {
		return nil
	}
	if err := discovery.CheckReachable(reg.ha, from); err != nil {
		return fmt.Errorf("%w: haServerAddr: %w", errBroker, err)
	}
	return nil
}

// queryDataVersion serves 322: has the broker's table changed since it was
// registered? It counts as a sign of life.
func (s *Server) queryDataVersion(conn *remoting.Conn, c *remoting.Command) remoting.Response {
	b, err := parseBroker(c)
	if err != nil {
		return failed(err)
	}
	if !s.allowed(conn, b.name) {
		return notAllowed(b.name)
	}
	var version table.DataVersion
	if err := json.Unmarshal(c.Body, &version); err != nil {
		return failed(fmt.Errorf("%w: data version: %w", errBroker, err))
	}
	resp := success()
	held, known := s.routes.touch(b.of(conn), time.Now())
	if known {
		if resp.Body, err = json.Marshal(held); err != nil {
			return failed(err)
		}
	}
	resp.Fields.Add("changed", strconv.FormatBool(!known || held != version))
	return resp
}

// heartbeat serves 904.
func (s *Server) heartbeat(conn *remoting.Conn, c *remoting.Command) remoting.Response {
	b, err := parseBroker(c)
	if err != nil {
		return failed(err)
	}
	if !s.allowed(conn, b.name) {
		return notAllowed(b.name)
	}
	s.routes.touch(b.of(conn), time.Now())
	return success()
}

// unregister serves 104.
func (s *Server) unregister(conn *remoting.Conn, c *remoting.Command) remoting.Response {
	b, err := parseBroker(c)
	if err != nil {
		return failed(err)
	}
	if !s.allowed(conn, b.name) {
		return notAllowed(b.name)
	}
	gone, may := s.routes.unregister(b.of(conn))
	if !may {
		s.refused.Log("a broker that registered from elsewhere was not unregistered", "brokerName", b.name, "addr", b.addr, "remote", conn.RemoteAddr().String())
		return refuse(remoting.RespNoPermission, fmt.Sprintf("broker %s at %s registered from another address than this one", b.name, b.addr))
	}
	s.logDeparted("unregistered", conn, gone)
	return success()
}
