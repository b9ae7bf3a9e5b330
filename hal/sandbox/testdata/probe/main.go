// Command probe has rules hold for itself and says what it can do then: a line for each
// of its arguments "DEED PATH".
package main

import (
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"sync"

	"pairmq/hal/sandbox"
)

func main() {
	read, write, file, port := os.Args[1], os.Args[2], os.Args[3], 0
	fmt.Sscan(os.Args[4], &port)
	// Threads that were there before, and one that is busy in the kernel.
	var ready, done sync.WaitGroup
	begin := make(chan struct{})
	results := make([]error, 8)
	for i := range results {
		ready.Add(1)
		done.Go(func() {
			runtime.LockOSThread()
			ready.Done()
			<-begin
			results[i] = os.WriteFile(filepath.Join(read, fmt.Sprint("thread", i)), nil, 0o600)
		})
	}
	ready.Wait()
	r, w, _ := os.Pipe()
	go func() { _, _ = r.Read(make([]byte, 1)) }()
	state, err := sandbox.Rules{Read: []string{read, read + "/missing"}, Write: []string{write}, Files: []string{file}, Ports: []int{port}}.Enforce()
	_, _ = w.Write([]byte{0})
	fmt.Println("enforced", state.ABI, len(state.Missing), err)
	close(begin)
	done.Wait()
	for _, err := range results {
		say("thread", err)
	}
	for i := 5; i+1 < len(os.Args); i += 2 {
		say(os.Args[i], do(os.Args[i], os.Args[i+1]))
	}
}

func say(deed string, err error) { fmt.Println(deed, err == nil, err) }

func do(deed, path string) error {
	switch deed {
	case "read":
		_, err := os.ReadFile(path)
		return err
	case "list":
		_, err := os.ReadDir(path)
		return err
	case "write":
		f, err := os.OpenFile(path, os.O_WRONLY|os.O_TRUNC, 0)
		if err != nil {
			return err
		}
		return f.Close()
	case "make":
		return os.WriteFile(path, []byte("x"), 0o600)
	case "move": // into the folder moved beside the file's own
		to := filepath.Join(filepath.Dir(path), "moved")
		if err := os.MkdirAll(to, 0o700); err != nil {
			return err
		}
		return os.Rename(path, filepath.Join(to, "file"))
	case "link":
		return os.Symlink("/", path)
	case "socket":
		l, err := net.Listen("unix", path)
		if err != nil {
			return err
		}
		return l.Close()
	case "remove":
		return os.Remove(path)
	case "run":
		return exec.Command(path).Run()
	case "listen": // plain TCP: the kernel holds no other to it
		lc := net.ListenConfig{}
		lc.SetMultipathTCP(false)
		l, err := lc.Listen(context.Background(), "tcp", path)
		if err != nil {
			return err
		}
		return l.Close()
	case "dial":
		c, err := net.Dial("tcp", path)
		if err != nil {
			return err
		}
		return c.Close()
	}
	return fmt.Errorf("no deed %q", deed)
}
