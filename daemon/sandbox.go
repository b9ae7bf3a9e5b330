package main

import (
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"pairmq/daemon/config"
	"pairmq/daemon/machine"
	"pairmq/hal/disk"
	"pairmq/hal/sandbox"

	"golang.org/x/sys/unix"
)

// A confiner has rules hold for this process, for good; sandbox.Rules.Enforce is the real one.
type confiner func(sandbox.Rules) (sandbox.State, error)

// confine gives up what the daemon has no use for, before it opens its store and its ports,
// and returns what holds from then on, for people. That nothing does is said in the log, and
// no reason not to serve. The store's folder is made before: there is a rule for what is
// there alone.
func confine(cfg *config.Config, file string, enforce confiner, log *slog.Logger) (string, error) {
	log = log.With("part", "sandbox")
	if cfg.Sandbox == config.SandboxOff {
		log.Info("the daemon is in no sandbox of its own", "because", "sandbox=off")
		return "none: sandbox=off", nil
	}
	if _, err := disk.OS(cfg.StoreRoot); err != nil && cfg.EnableBroker {
		return "", fmt.Errorf("storePathRootDir: %w", err)
	}
	rules, err := sandboxRules(cfg, file, os.Getenv("RUNTIME_DIRECTORY"), sysfs)
	if err != nil {
		log.Warn("the daemon is in no sandbox of its own", "err", err)
		return "none: " + err.Error(), nil
	}
	state, err := enforce(rules)
	switch {
	case errors.Is(err, sandbox.ErrNone):
		log.Info("the daemon is in no sandbox of its own", "because", err)
		return "none: " + err.Error(), nil
	case err != nil:
		log.Warn("the daemon is in no sandbox of its own", "err", err)
		return "none: " + err.Error(), nil
	}
	if len(state.Missing) > 0 {
		log.Debug("is not there, and no rule of the sandbox's", "paths", state.Missing)
	}
	holds := fmt.Sprintf("landlock %d: files", state.ABI)
	if state.Ports() {
		holds += " and ports"
	}
	log.Info("the daemon has given up what it has no use for", "holds", holds, "writes", rules.Write)
	for _, p := range cfg.Paths() {
		if p.Use == config.FeedsDevice && !exists(p.Path) {
			log.Warn("is not there, and will not be opened when it comes: restart the daemon then", "key", p.Key, "path", p.Path)
		}
	}
	return holds, nil
}

// sandboxRules are what the daemon needs with this configuration, which was read from file, until
// it ends: what it opens while it starts, and what it opens again or for the first time much
// later. runtime is systemd's RUNTIME_DIRECTORY.
func sandboxRules(cfg *config.Config, file, runtime, sysfs string) (r sandbox.Rules, err error) {
	// What the board tells; addresses of names; the time zone. /run and not what is in it: who makes
	// resolv.conf there may start later.
	r.Read = []string{sysfs, "/proc", "/etc", "/run", "/usr/share/zoneinfo"}
	for _, f := range []string{"/etc/resolv.conf", "/etc/hosts", "/etc/localtime"} {
		r.Read = append(r.Read, ways(f)...)
	}
	if file != "" { // SIGHUP reads it again
		if file, err = filepath.Abs(file); err != nil {
			return r, fmt.Errorf("the configuration's folder: %w", err)
		}
		r.Read = append(r.Read, ways(file)...)
		added := filepath.Join(filepath.Dir(file), "conf.d")
		r.Read = append(r.Read, added)
		for _, link := range links(added) {
			r.Read = append(r.Read, ways(link)...)
		}
	}
	for _, p := range cfg.Paths() {
		name, err := filepath.Abs(p.Path)
		if err != nil {
			return r, fmt.Errorf("%s: %w", p.Key, err)
		}
		switch p.Use {
		case config.ReadsFile:
			r.Read = append(r.Read, ways(name)...)
		case config.RewritesFile: // the accounts
			if !cfg.ACL {
				continue
			}
			r.Read = append(r.Read, ways(name)...)
			if real, err := filepath.EvalSymlinks(name); err == nil {
				name = real
			}
			if unix.Access(filepath.Dir(name), unix.W_OK) == nil { // as packaged, they are their owner's to change
				r.Write = append(r.Write, filepath.Dir(name))
			}
		case config.KeepsFolder:
			r.Write = append(r.Write, name)
			for _, link := range links(name) { // a part of the store on another disk
				if to, err := filepath.EvalSymlinks(link); err == nil {
					r.Write = append(r.Write, to)
				}
			}
		case config.WritesFile:
			if dir := standing(filepath.Dir(name)); dir != "/" {
				r.Write = append(r.Write, dir)
			}
		case config.MakesSocket:
			if path := socketPath(cfg, runtime); path != "" && standing(filepath.Dir(path)) != "/" {
				r.Write = append(r.Write, standing(filepath.Dir(path)))
			}
		case config.FeedsDevice:
			r.Files = append(r.Files, name)
		}
	}
	if path, _, ok := strings.Cut(strings.TrimPrefix(cfg.SupplyFail, "file:"), "="); ok {
		r.Read = append(r.Read, ways(path)...)
	}
	if runtime != "" {
		r.Write = append(r.Write, strings.Split(runtime, ":")...)
	}
	r.Files = append(r.Files, lampFolders(cfg, sysfs)...)
	r.Ports = ports(cfg)
	if _, port, err := net.SplitHostPort(cfg.MetricsListen); err == nil {
		n, err := strconv.Atoi(port)
		if err != nil {
			return r, fmt.Errorf("metricsListen: %w", err)
		}
		r.Ports = append(r.Ports, n)
	}
	return r, nil
}

// ways are the folders in which a file is found, through each symbolic link to the next: who
// replaces it, or one of the links, makes another in the same folder.
func ways(file string) (all []string) {
	for range 8 {
		all = append(all, filepath.Dir(file))
		if real, err := filepath.EvalSymlinks(filepath.Dir(file)); err == nil {
			file = filepath.Join(real, filepath.Base(file))
			all = append(all, real)
		}
		to, err := os.Readlink(file)
		if err != nil {
			return all
		}
		if !filepath.IsAbs(to) {
			to = filepath.Join(filepath.Dir(file), to)
		}
		file = to
	}
	return all
}

// links are the symbolic links in a folder.
func links(dir string) (all []string) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil // who opens it says so
	}
	for _, e := range entries {
		if e.Type()&fs.ModeSymlink != 0 {
			all = append(all, filepath.Join(dir, e.Name()))
		}
	}
	return all
}

// standing is dir, or the nearest above it that is there: what is made later lies below it.
func standing(dir string) string {
	for dir != "/" && !exists(dir) {
		dir = filepath.Dir(dir)
	}
	return dir
}

func exists(path string) bool { _, err := os.Stat(path); return err == nil }

// lampFolders are where the kernel has the LEDs that are configured; that of all devices if
// one is not there yet.
func lampFolders(cfg *config.Config, sysfs string) (all []string) {
	for _, text := range []string{cfg.LEDOK, cfg.LEDReplicating, cfg.LEDDegraded, cfg.LEDFault} {
		lamps, err := machine.ParseLamps(text)
		if err != nil {
			continue // it was checked
		}
		for _, l := range lamps {
			dir, err := filepath.EvalSymlinks(filepath.Join(sysfs, "class", "leds", l.Name))
			if err != nil {
				dir = filepath.Join(sysfs, "devices")
			}
			all = append(all, dir)
		}
	}
	return all
}
