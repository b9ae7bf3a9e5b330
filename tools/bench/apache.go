package main

import (
	"context"
	"embed"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
)

//go:embed files
var files embed.FS

// apache is a broker of Apache RocketMQ with a name server of the same
// version, both on the machine's JVM with its own choice of collector and JIT.
// Its configuration leaves everything else at the defaults of that version.
type apache struct {
	label   string // "apache-5.4.0"
	release string // "5.4.0"
	lib     string // folder of jars
	java    string
	heap    string
	port    int
}

// moduleFlags open what RocketMQ needs of a JDK from 17 on, as its own start
// scripts do.
func moduleFlags() []string {
	var all []string
	for _, pkg := range []string{"sun.nio.ch", "jdk.internal.ref", "jdk.internal.misc"} {
		all = append(all, "--add-exports=java.base/"+pkg+"=ALL-UNNAMED")
	}
	for _, pkg := range []string{"java.nio", "sun.nio.ch", "java.lang", "jdk.internal.misc"} {
		all = append(all, "--add-opens=java.base/"+pkg+"=ALL-UNNAMED")
	}
	return all
}

func newApache(ctx context.Context, c config, label string) (*apache, error) {
	java, err := exec.LookPath("java")
	if err != nil {
		return nil, fmt.Errorf("%w; install a JDK of version 17 or later, or leave this broker out with -only", err)
	}
	a := &apache{label: label, release: strings.TrimPrefix(label, "apache-"), java: java, heap: c.heap, port: c.port}
	cache, err := filepath.Abs(c.peers)
	if err != nil {
		return nil, err
	}
	home := filepath.Join(cache, "rocketmq-"+a.release)
	a.lib = filepath.Join(home, "lib")
	if _, err := os.Stat(filepath.Join(a.lib, "rocketmq-broker-"+a.release+".jar")); err == nil {
		return a, nil
	}
	return a, fetch(ctx, cache, home, a.release)
}

func (a *apache) name() string    { return a.label }
func (a *apache) version() string { return "Apache RocketMQ " + a.release }

// fetch has Maven copy the jars of a release, with those that the interop
// tests need of it, into the folder lib of home, which is in cache.
func fetch(ctx context.Context, cache, home, release string) error {
	mvn, err := exec.LookPath("mvn")
	if err != nil {
		return fmt.Errorf("no jars in %s and no Maven to fetch them: %w", home, err)
	}
	if err := os.MkdirAll(cache, 0o755); err != nil {
		return err
	}
	fresh, err := os.MkdirTemp(cache, "fetch-") // and renamed when it is whole
	if err != nil {
		return err
	}
	defer os.RemoveAll(fresh)
	pom := filepath.Join(fresh, "pom.xml")
	if err := writeFile(pom, "pom.xml", "@VERSION@", release); err != nil {
		return err
	}
	cmd := exec.CommandContext(ctx, mvn, "-q", "-B", "-f", pom, "dependency:copy-dependencies", "-DoutputDirectory=lib", "-DincludeScope=runtime")
	cmd.Stdout, cmd.Stderr = os.Stderr, os.Stderr
	if err := cmd.Run(); err != nil {
		return fmt.Errorf("fetch the jars with %s: %w", cmd, err)
	}
	return os.Rename(fresh, home)
}

func (a *apache) start(ctx context.Context, dir, flush string) (*broker, error) {
	return a.startMaster(ctx, dir, flush, asyncMaster)
}

func (a *apache) startMaster(ctx context.Context, dir, flush, role string) (*broker, error) {
	ports := portsFrom(a.port)
	if err := ports.waitFree(ctx); err != nil {
		return nil, err
	}
	if err := a.configure(dir, flush, ports, 0, role); err != nil {
		return nil, err
	}
	namesrv, err := startProcess(a.spawn(dir, "namesrv", "256m", "org.apache.rocketmq.namesrv.NamesrvStartup"))
	if err != nil {
		return nil, err
	}
	if err := waitFor(ctx, namesrv, loopback(ports.namesrv), namesrvAnswers); err != nil {
		return nil, errors.Join(err, namesrv.stop())
	}
	b, err := a.run(ctx, dir, ports)
	if err != nil {
		return nil, errors.Join(err, namesrv.stop())
	}
	b.namesrv = namesrv
	return b, nil
}

func (a *apache) startSlave(ctx context.Context, dir, flush string) (*broker, error) {
	ports := portsFrom(a.port).slave()
	if err := waitFree(ctx, ports.own()); err != nil {
		return nil, err
	}
	if err := a.configure(dir, flush, ports, 1, "SLAVE"); err != nil {
		return nil, err
	}
	return a.run(ctx, dir, ports)
}

// configure writes what a broker and its name server read at their start.
func (a *apache) configure(dir, flush string, ports ports, id int, role string) error {
	values := []string{
		"@DIR@", dir, "@FLUSH@", flush, "@PORT@", strconv.Itoa(ports.listen), "@ID@", strconv.Itoa(id), "@ROLE@", role,
		"@HAPORT@", strconv.Itoa(ports.listen + 1), "@NSPORT@", strconv.Itoa(ports.namesrv),
	}
	for _, name := range []string{"broker.conf", "namesrv.conf"} {
		if err := writeFile(filepath.Join(dir, name), name, values...); err != nil {
			return err
		}
	}
	return a.writeLogging(filepath.Join(dir, "conf"))
}

func (a *apache) run(ctx context.Context, dir string, ports ports) (*broker, error) {
	s := a.spawn(dir, "broker", a.heap, "org.apache.rocketmq.broker.BrokerStartup")
	s.addr = ports.broker
	return startBroker(ctx, s)
}

// spawn is how to start one of the two Java processes, with dir/role.conf.
func (a *apache) spawn(dir, role, heap, class string) spawn {
	conf := filepath.Join(dir, "conf")
	args := append(moduleFlags(), "-Xms"+heap, "-Xmx"+heap,
		"-Drocketmq.home.dir="+dir, "-Duser.home="+filepath.Join(dir, "home-"+role), "-Drocketmq.client.logUseSlf4j=false",
		"-cp", conf+":"+a.lib+"/*", class, "-c", filepath.Join(dir, role+".conf"))
	return spawn{dir: dir, log: role, path: a.java, args: args, env: []string{"ROCKETMQ_HOME=" + dir}}
}

// writeLogging writes the logging configuration that this version looks for:
// warnings to the console, for both brokers.
func (a *apache) writeLogging(conf string) error {
	names, prefix := []string{"rmq.logback.xml"}, "org.apache.rocketmq.logging."
	if strings.HasPrefix(a.release, "4.") {
		names, prefix = []string{"logback_broker.xml", "logback_namesrv.xml"}, ""
	}
	for _, name := range names {
		if err := writeFile(filepath.Join(conf, name), "logback.xml", "@PREFIX@", prefix); err != nil {
			return err
		}
	}
	return nil
}

// writeFile writes an embedded file with its marks replaced.
func writeFile(path, name string, oldnew ...string) error {
	b, err := files.ReadFile("files/" + name)
	if err != nil {
		return err
	}
	return replaceFile(path, []byte(strings.NewReplacer(oldnew...).Replace(string(b))))
}
