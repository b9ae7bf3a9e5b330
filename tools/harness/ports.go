package harness

import (
	"errors"
	"fmt"
	"net"
	"strconv"
)

// portsTried is how many ports are tried until one has free neighbours.
const portsTried = 50

// Loopback is a port of this machine as host:port.
func Loopback(port int) string { return "127.0.0.1:" + strconv.Itoa(port) }

// FreePort finds a port of this machine that was free a moment ago, as those were
// that lie so far beside it: a broker takes the ports two below and one above its own.
func FreePort(beside ...int) (int, error) {
	var last error
	for range portsTried {
		port, err := listenOnce(0)
		if err != nil {
			return 0, err
		}
		last = nil
		for _, d := range beside {
			_, err := listenOnce(port + d)
			last = errors.Join(last, err)
		}
		if last == nil {
			return port, nil
		}
	}
	return 0, fmt.Errorf("no port in %d tries whose neighbours %v are free as well: %w", portsTried, beside, last)
}

// listenOnce listens at a port, or at any for 0, and says at which.
func listenOnce(port int) (int, error) {
	ln, err := net.Listen("tcp", Loopback(port))
	if err != nil {
		return 0, err
	}
	return ln.Addr().(*net.TCPAddr).Port, ln.Close()
}
