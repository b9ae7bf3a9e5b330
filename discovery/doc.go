// Package discovery is about finding and being found: the static list of name
// servers, the route data they hand out, a Picker for look-ups, and a
// Registrar that keeps a broker known to all of them.
//
// Look-ups ask one name server and move on when it fails; registrations go to
// every one at once, each on its own goroutine with its own timeout, so that a
// dead name server delays nobody. The name server itself is in package
// nameserver below; frames and connections are internal/remoting's; what a
// broker does with its routes is not known here.
//
// Wire formats: RocketMQ 4.9.7 and 5.4.0, request codes 103, 104, 105, 106 and
// 322 (MQClientAPIImpl, BrokerOuterAPI, TopicRouteData, RegisterBrokerBody).
package discovery
