package main

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"time"

	"golang.org/x/sys/unix"

	"pairmq/tools/lab/order"
)

// serve does what connections order. One order is done at a time.
func serve() error {
	ln, err := net.Listen("tcp4", fmt.Sprintf(":%d", order.Port))
	if err != nil {
		return err
	}
	fmt.Println(order.Ready)
	m := &machine{}
	for {
		c, err := ln.Accept()
		if err != nil {
			return err
		}
		if err := m.obey(c); err != nil {
			fmt.Println("guest: connection ended:", err)
		}
	}
}

// A machine is what orders act upon.
type machine struct {
	daemon   *daemon
	replayed int // entries of the log that the replica has
}

// obey does the orders of one connection until it ends.
func (m *machine) obey(c net.Conn) error {
	defer c.Close()
	from, to := json.NewDecoder(bufio.NewReader(c)), json.NewEncoder(c)
	for {
		var o order.Order
		if err := from.Decode(&o); err != nil {
			if errors.Is(err, io.EOF) {
				return nil
			}
			return err
		}
		a, err := m.do(o)
		if err != nil {
			a.Err = err.Error()
			fmt.Printf("guest: %s: %v\n", o.Do, err)
		}
		if err := to.Encode(a); err != nil {
			return err
		}
	}
}

func (m *machine) do(o order.Order) (a order.Answer, err error) {
	switch o.Do {
	case order.Hello:
	case order.Mount:
		err = mountState(o.Device, o.FS)
	case order.Unmount:
		err = unmountState()
	case order.Start:
		err = m.start(o.Argv)
	case order.Stop:
		a.Text, err = m.end(unix.SIGTERM)
	case order.Kill:
		a.Text, err = m.end(unix.SIGKILL)
	case order.Ended:
		a.Text, err = m.end(0)
	case order.Create:
		a.Text, err = createDevice(o.Name, o.Table)
	case order.Reload:
		err = reloadDevice(o.Name, o.Table)
	case order.Remove:
		err = removeDevice(o.Name)
	case order.Message:
		err = messageDevice(o.Name, o.Text)
	case order.Scan:
		m.replayed = 0
		a.Entries, err = scanLog(o.Device)
	case order.Replay:
		err = m.replay(o.Device, o.To, o.Upto)
	case order.Loose:
		a.Text, err = loose(o)
	case order.Off:
		unix.Sync()
		err = unix.Reboot(unix.LINUX_REBOOT_CMD_POWER_OFF)
	default:
		err = fmt.Errorf("there is no order %q", o.Do)
	}
	return a, err
}

// mountState mounts as gateways do: no access times, all else as the kernel has it.
func mountState(device, kind string) error {
	if err := os.MkdirAll(order.State, 0o755); err != nil {
		return err
	}
	if err := loadModules(kind); err != nil {
		return err
	}
	if err := awaitDevice(device); err != nil {
		return err
	}
	if err := unix.Mount(device, order.State, kind, unix.MS_NOATIME, ""); err != nil {
		return fmt.Errorf("mount %s: %w", device, err)
	}
	return nil
}

// awaitDevice waits for a device that its driver is still looking for.
func awaitDevice(device string) error {
	var err error
	for range 100 {
		if _, err = os.Stat(device); err == nil {
			return nil
		}
		time.Sleep(20 * time.Millisecond)
	}
	return err
}

// unmountState tries for a while: a process that was killed lets go of its
// files a little later.
func unmountState() error {
	var err error
	for range 100 {
		if err = unix.Unmount(order.State, 0); !errors.Is(err, unix.EBUSY) {
			return err
		}
		time.Sleep(20 * time.Millisecond)
	}
	return err
}
