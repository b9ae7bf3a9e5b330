// Package peers fetches and runs Apache RocketMQ: jars by Maven, name server,
// broker and admin tool as child processes, and the Java client agent.
package peers

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"strings"
	"time"

	"pairmq/tools/interop/java"
	"pairmq/tools/interop/proc"
)

// Versions are the releases that pairmq promises to work with.
const (
	V4 = "4.9.7"
	V5 = "5.4.0"
)

// CacheEnv names the folder for jars; empty: pairmq in the user's cache folder.
const CacheEnv = "PAIRMQ_PEERS"

// A Peer is one release of Apache RocketMQ on this machine.
type Peer struct {
	Version string
	lib     string // folder of jars
	classes string // folder of the compiled agent, "" before Compile
}

// Tools says what is missing on this machine, or nil.
func Tools() error {
	for tool, want := range map[string]string{
		"java":  "a JDK, 17 or later (Debian: apt-get install openjdk-17-jdk-headless)",
		"javac": "a JDK, 17 or later (Debian: apt-get install openjdk-17-jdk-headless)",
		"mvn":   "Maven (Debian: apt-get install maven)",
	} {
		if _, err := exec.LookPath(tool); err != nil {
			return fmt.Errorf("peers: %s is missing: install %s", tool, want)
		}
	}
	return nil
}

// Fetch returns the peer of a version; the first time ever it has Maven copy
// the jars into the cache.
func Fetch(ctx context.Context, version string) (*Peer, error) {
	if err := Tools(); err != nil {
		return nil, err
	}
	cache := os.Getenv(CacheEnv)
	if cache == "" {
		user, err := os.UserCacheDir()
		if err != nil {
			return nil, fmt.Errorf("peers: set %s: %w", CacheEnv, err)
		}
		cache = filepath.Join(user, "pairmq")
	}
	home := filepath.Join(cache, "rocketmq-"+version)
	p := &Peer{Version: version, lib: filepath.Join(home, "lib")}
	if _, err := os.Stat(filepath.Join(p.lib, "rocketmq-broker-"+version+".jar")); err == nil {
		return p, nil
	}
	if err := os.MkdirAll(cache, 0o755); err != nil {
		return nil, fmt.Errorf("peers: cache: %w", err)
	}
	fresh, err := os.MkdirTemp(cache, "fetch-")
	if err != nil {
		return nil, fmt.Errorf("peers: cache: %w", err)
	}
	defer os.RemoveAll(fresh)
	if err := copyJars(ctx, version, fresh); err != nil {
		return nil, err
	}
	if err := os.Rename(fresh, home); err != nil && !errors.Is(err, fs.ErrExist) {
		return nil, fmt.Errorf("peers: cache: %w", err)
	}
	return p, nil
}

func copyJars(ctx context.Context, version, dir string) error {
	template, err := java.Files.ReadFile("pom.template.xml")
	if err != nil {
		return fmt.Errorf("peers: %w", err)
	}
	pom := filepath.Join(dir, "pom.xml")
	if err := os.WriteFile(pom, []byte(strings.ReplaceAll(string(template), "@VERSION@", version)), 0o644); err != nil {
		return fmt.Errorf("peers: %w", err)
	}
	mvn := exec.CommandContext(ctx, "mvn", "-q", "-B", "-f", pom, "dependency:copy-dependencies", "-DoutputDirectory=lib", "-DincludeScope=runtime")
	if out, err := mvn.CombinedOutput(); err != nil {
		return fmt.Errorf("peers: Maven could not fetch Apache RocketMQ %s: %w\n%s", version, err, out)
	}
	return nil
}

// Compile compiles the client agent and mqadmin's driver against this version's jars into dir.
func (p *Peer) Compile(ctx context.Context, dir string) error {
	sources := filepath.Join(dir, "src-"+p.Version)
	classes := filepath.Join(dir, "classes-"+p.Version)
	var files []string
	for _, from := range []string{"agent", "admin", "v" + p.Version[:1]} {
		entries, err := java.Files.ReadDir(from)
		if err != nil {
			return fmt.Errorf("peers: sources: %w", err)
		}
		for _, e := range entries {
			if err := unpack(path.Join(from, e.Name()), filepath.Join(sources, e.Name())); err != nil {
				return err
			}
			files = append(files, filepath.Join(sources, e.Name()))
		}
	}
	args := append([]string{"-nowarn", "-J-Xmx256m", "-encoding", "UTF-8", "-d", classes, "-cp", filepath.Join(p.lib, "*")}, files...)
	if out, err := exec.CommandContext(ctx, "javac", args...).CombinedOutput(); err != nil {
		return fmt.Errorf("peers: the client agent does not compile against %s: %w\n%s", p.Version, err, out)
	}
	p.classes = classes
	return nil
}

func unpack(from, to string) error {
	b, err := java.Files.ReadFile(from)
	if err != nil {
		return fmt.Errorf("peers: %w", err)
	}
	if err := os.MkdirAll(filepath.Dir(to), 0o755); err != nil {
		return fmt.Errorf("peers: %w", err)
	}
	return os.WriteFile(to, b, 0o644)
}

// jvm returns the start of a Java command line: flags for a small, quick JVM
// whose home is dir, and the class path.
func (p *Peer) jvm(dir, heap string, extra ...string) ([]string, error) {
	conf := filepath.Join(dir, "home", "conf")
	for from, to := range map[string]string{
		"conf/logback.xml": "logback_broker.xml,logback_namesrv.xml,logback_tools.xml", "conf/rmq.logback.xml": "rmq.logback.xml",
	} {
		for name := range strings.SplitSeq(to, ",") {
			if err := unpack(from, filepath.Join(conf, name)); err != nil {
				return nil, err
			}
		}
	}
	args := []string{"-Xmx" + heap, "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-Xshare:auto", "-XX:MaxDirectMemorySize=256m",
		"-XX:MaxMetaspaceSize=160m", "-XX:ReservedCodeCacheSize=64m", "-Dio.netty.noPreferDirect=true",
		"-Drocketmq.home.dir=" + filepath.Join(dir, "home"), "-Drocketmq.client.logUseSlf4j=false", "-Duser.home=" + dir, "-Dfile.encoding=UTF-8"}
	for _, pkg := range []string{"sun.nio.ch", "jdk.internal.ref", "jdk.internal.misc", "java.nio", "java.lang"} {
		args = append(args, "--add-opens", "java.base/"+pkg+"=ALL-UNNAMED", "--add-exports", "java.base/"+pkg+"=ALL-UNNAMED")
	}
	classPath := []string{conf, filepath.Join(p.lib, "*")}
	if p.classes != "" {
		classPath = append([]string{p.classes}, classPath...)
	}
	return append(append(args, extra...), "-cp", strings.Join(classPath, string(os.PathListSeparator))), nil
}

// AgentCommand is the command line of the compiled client agent, whose logs
// go below dir; extra are more JVM flags.
func (p *Peer) AgentCommand(dir, namesrv string, extra ...string) (string, []string, error) {
	if p.classes == "" {
		return "", nil, errors.New("peers: Compile comes first")
	}
	quiet := []string{"-XX:+DisplayVMOutputToStderr", "-Xlog:disable", "-Xlog:all=warning:stderr"} // its standard output is the events' alone
	args, err := p.jvm(dir, "128m", append(quiet, extra...)...)
	return "java", append(args, "Agent", namesrv), err
}

// AdminCommand is the command line of mqadmin's compiled driver, Admin.java, in
// one of its modes; its logs go below dir.
func (p *Peer) AdminCommand(dir, namesrv, mode string) (string, []string, error) {
	if p.classes == "" {
		return "", nil, errors.New("peers: Compile comes first")
	}
	// A client puts its machine's address into each message's id: with one of IPv6, on a machine that has one, messages
	// are 24 bytes longer than those of the answers that were recorded.
	args, err := p.jvm(dir, "192m", "-Drocketmq.namesrv.addr="+namesrv, "-Djava.net.preferIPv4Stack=true")
	return "java", append(args, "Admin", mode), err
}

// Namesrv starts a name server that listens at port.
func (p *Peer) Namesrv(ctx context.Context, dir string, port int) (*proc.Process, error) {
	conf := fmt.Sprintf("listenPort=%d\nkvConfigPath=%s/kvConfig.json\nconfigStorePath=%s/namesrv.properties\n", port, dir, dir)
	return p.server(ctx, dir, "namesrv", "192m", conf, port, "org.apache.rocketmq.namesrv.NamesrvStartup")
}

// Broker starts a broker that listens at port, port-2 and port+1, with these
// configuration keys in addition.
func (p *Peer) Broker(ctx context.Context, dir string, port int, keys map[string]string) (*proc.Process, error) {
	conf, err := java.Files.ReadFile("conf/broker.conf")
	if err != nil {
		return nil, fmt.Errorf("peers: %w", err)
	}
	if extra, err := java.Files.ReadFile("conf/broker-" + p.Version + ".conf"); err == nil {
		conf = append(conf, extra...)
	}
	text := string(conf) + fmt.Sprintf("listenPort=%d\nhaListenPort=%d\nstorePathRootDir=%s/store\nstorePathCommitLog=%s/store/commitlog\n", port, port+1, dir, dir)
	for k, v := range keys {
		text += k + "=" + v + "\n"
	}
	return p.server(ctx, dir, "broker", "384m", text, port, "org.apache.rocketmq.broker.BrokerStartup")
}

func (p *Peer) server(ctx context.Context, dir, name, heap, conf string, port int, class string) (*proc.Process, error) {
	file := filepath.Join(dir, name+".conf")
	if err := os.WriteFile(file, []byte(conf), 0o644); err != nil {
		return nil, fmt.Errorf("peers: %w", err)
	}
	// A broker gives its oldest messages back where the disk is 85 % full, at once.
	args, err := p.jvm(dir, heap, "-Drocketmq.broker.diskSpaceCleanForciblyRatio=0.99", "-Drocketmq.broker.diskSpaceWarningLevelRatio=0.99")
	if err != nil {
		return nil, err
	}
	child, err := proc.Start(proc.Options{Name: name, Path: "java", Args: append(args, class, "-c", file),
		Env: []string{"ROCKETMQ_HOME=" + filepath.Join(dir, "home")}, Dir: dir})
	if err != nil {
		return nil, err
	}
	if err := child.WaitPort(ctx, fmt.Sprintf("127.0.0.1:%d", port)); err != nil {
		child.Kill()
		return nil, err
	}
	return child, nil
}

// Admin runs mqadmin with a command and returns all it printed.
func (p *Peer) Admin(ctx context.Context, dir, namesrv string, command ...string) (string, error) {
	args, err := p.jvm(dir, "96m", "-Drocketmq.namesrv.addr="+namesrv)
	if err != nil {
		return "", err
	}
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, "java", append(append(args, "org.apache.rocketmq.tools.command.MQAdminStartup"), command...)...)
	cmd.Env = append(os.Environ(), "ROCKETMQ_HOME="+filepath.Join(dir, "home"))
	if filepath.IsAbs(dir) && filepath.IsAbs(p.lib) {
		cmd.Dir = dir // consumerStatus writes files where it runs
	}
	out, err := cmd.CombinedOutput()
	if err != nil {
		return string(out), fmt.Errorf("peers: mqadmin %s %s: %w\n%s", p.Version, strings.Join(command, " "), err, out)
	}
	return string(out), nil
}
