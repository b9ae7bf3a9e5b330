package broker

import (
	"fmt"

	"pairmq/internal/remoting"
)

// TooLarge is the answer to a request whose body has more bytes than those of its code
// may have, of any where that is 0; nil if it may come. It is for who would receive them.
func (b *Broker) TooLarge(code int32, body int) *remoting.Response {
	most, answer, does := maxJSONBody, int32(remoting.RespSystemError), "read"
	switch code {
	case 0, remoting.ReqSendMessage, remoting.ReqSendMessageV2, remoting.ReqSendBatchMessage, remoting.ReqSendReplyMessage, remoting.ReqSendReplyMessageV2:
		most, answer, does = b.settings().MaxMessageSize, remoting.RespMessageIllegal, "allowed"
	case remoting.ReqBatchAckMessage:
		answer = remoting.RespInvalidParameter
	case remoting.ReqCheckClientConfig:
		answer = remoting.RespSubscriptionParseFailed
	}
	if body <= most {
		return nil
	}
	return &remoting.Response{Code: answer, Remark: fmt.Sprintf("the body has %d bytes, at most %d are %s", body, most, does)}
}
