package main

import (
	"fmt"
	"os"
	"time"

	"golang.org/x/sys/unix"
)

func main() {
	err := run()
	fmt.Println("guest: cannot go on:", err)
	// Init must not end: the kernel would panic, and the last lines be lost.
	unix.Sync()
	time.Sleep(time.Second)
	unix.Reboot(unix.LINUX_REBOOT_CMD_POWER_OFF)
}

// run makes a machine of the kernel and serves orders.
func run() error {
	if err := mountKernel(); err != nil {
		return err
	}
	if err := loadModules("base"); err != nil {
		return err
	}
	if err := bringUp(); err != nil {
		return err
	}
	return serve()
}

// mountKernel mounts what the kernel shows of itself.
func mountKernel() error {
	for _, m := range []struct{ kind, dir string }{{"proc", "/proc"}, {"sysfs", "/sys"}, {"devtmpfs", "/dev"}} {
		if err := os.MkdirAll(m.dir, 0o755); err != nil {
			return err
		}
		if err := unix.Mount(m.kind, m.dir, m.kind, 0, ""); err != nil {
			return fmt.Errorf("mount %s: %w", m.dir, err)
		}
	}
	return nil
}
