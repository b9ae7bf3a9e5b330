package nameserver

import (
	"fmt"

	"pairmq/internal/remoting"
)

// allowed says whether a broker of the name may speak for itself on conn, and logs now and
// then if not.
func (s *Server) allowed(conn *remoting.Conn, name string) bool {
	if s.opts.Allowed == nil || s.opts.Allowed(name, conn.LocalAddr().Addr(), conn.RemoteAddr().Addr()) {
		return true
	}
	s.refused.Log("a broker that namesrvAllowedBrokers does not name was refused", "brokerName", name, "remote", conn.RemoteAddr().String())
	return false
}

func notAllowed(name string) remoting.Response {
	return refuse(remoting.RespNoPermission, fmt.Sprintf("namesrvAllowedBrokers of this name server does not let a broker %s register from there", name))
}
