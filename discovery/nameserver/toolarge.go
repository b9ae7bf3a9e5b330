package nameserver

import (
	"fmt"

	"pairmq/internal/remoting"
)

// maxBody bounds the bodies of requests other than a registration, in bytes: settings,
// versions of tables, and the shares of one topic.
const maxBody = 64 << 10

// TooLarge is the answer to a request whose body has more bytes than those of its code
// may have, of any where that is 0; nil if it may come. It is for who would receive them. How many topics a
// registration has is known once it is there.
func (s *Server) TooLarge(code int32, body int) *remoting.Response {
	if code == remoting.ReqRegisterBroker || code == 0 || body <= maxBody {
		return nil
	}
	return &remoting.Response{Code: remoting.RespSystemError, Remark: fmt.Sprintf("the body has %d bytes, at most %d are read", body, maxBody)}
}
