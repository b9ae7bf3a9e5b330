package proc

import (
	"errors"
	"math/rand/v2"
	"net"
	"strconv"
)

// Ports below the range that the kernel takes for outgoing connections.
const (
	firstPort = 20000
	lastPort  = 31000
)

// FreePorts returns a loopback port that is free, together with the two below
// it and the one above: a broker also listens at port - 2 and port + 1.
func FreePorts() (int, error) {
	for range 200 {
		port := firstPort + rand.IntN(lastPort-firstPort)
		if allFree(port-2, port-1, port, port+1) {
			return port, nil
		}
	}
	return 0, errors.New("proc: no free ports on loopback")
}

func allFree(ports ...int) bool {
	for _, port := range ports {
		ln, err := net.Listen("tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(port)))
		if err != nil {
			return false
		}
		defer ln.Close()
	}
	return true
}
