package config

import (
	"fmt"
	"net"
	"net/netip"
	"os"
	"path"
	"path/filepath"
	"strconv"
	"strings"
)

// validate fills in what follows from other keys and returns what does not
// fit together.
func validate(c *Config) (errs []error) {
	complain := func(format string, args ...any) { errs = append(errs, fmt.Errorf("configuration: "+format, args...)) }
	if c.BrokerName == "" {
		c.BrokerName, c.HostNamed = hostName(), true
	}
	if c.BrokerName == AutoName && c.EnableBroker && c.Slave() {
		complain("brokerName is auto, but a slave has its master's name, which it cannot make up: pairmq status at the master shows it")
	}
	if c.HAListenPort == 0 {
		c.HAListenPort = c.ListenPort + 1
	}
	if !c.EnableBroker && !c.EnableNamesrv {
		complain("enableBroker and enableNamesrv are both false: nothing to run")
	}
	if c.EnableBroker && c.NamesrvAddr == "" && !c.EnableNamesrv {
		complain("namesrvAddr is empty: name at least one name server, or set enableNamesrv=true to run one here")
	}
	if c.NamesrvAddr == "" && c.EnableNamesrv {
		c.NamesrvAddr = net.JoinHostPort("127.0.0.1", strconv.Itoa(c.NamesrvListenPort))
	}
	if c.SegmentSize%4096 != 0 {
		complain("mappedFileSizeCommitLog is %d; want a multiple of 4096", c.SegmentSize)
	}
	if most := int64(c.MaxMessageSize) + 64<<10; c.EnableBroker && c.SegmentSize < most {
		complain("mappedFileSizeCommitLog is %d, but a message of maxMessageSize %d needs %d", c.SegmentSize, c.MaxMessageSize, most)
	}
	if c.EnableBroker && c.BrokerID != 0 && !c.Slave() {
		complain("brokerId is %d, but brokerRole %s is a master, which has brokerId 0", c.BrokerID, c.BrokerRole)
	}
	if c.EnableBroker && c.BrokerID == 0 && c.Slave() {
		complain("brokerRole is SLAVE, but brokerId is 0, which is the master's; give each slave another number")
	}
	if err := badPattern(c.MeteredLinks); err != nil {
		complain("meteredLinks is %q; want names of links or patterns of names, as in wwan0;ppp*: %v", c.MeteredLinks, err)
	}
	if c.MeteredRate > 0 && c.MeteredRate < 1024 {
		complain("haMeteredBytesPerSecond is %d; want 0, or at least 1024, which leaves room for heartbeats", c.MeteredRate)
	}
	for _, a := range []struct{ key, value string }{{"haMasterAddress", c.HAMasterAddress}, {"haSlaveAddress", c.HASlaveAddress}} {
		host, _, err := net.SplitHostPort(a.value)
		if a.value != "" && err != nil {
			complain("%s is %q; want host:port", a.key, a.value)
		}
		if ip, err := netip.ParseAddr(host); err == nil && ip.Is6() && ip.IsLinkLocalUnicast() && ip.Zone() == "" {
			complain("%s is %q: every link has these addresses: add the name of the one that is meant, as in [fe80::7%%eth0]:10912", a.key, a.value)
		}
	}
	if _, err := ParseAllowedBrokers(c.NamesrvAllowed); err != nil {
		complain("namesrvAllowedBrokers %v", err)
	}
	if _, port, err := net.SplitHostPort(c.MetricsListen); c.MetricsListen != "" && (err != nil || !isPort(port)) {
		complain("metricsListen is %q; want host:port, such as 127.0.0.1:10915, or nothing", c.MetricsListen)
	}
	if c.MetricsTextfile != "" && (!filepath.IsAbs(c.MetricsTextfile) || filepath.Ext(c.MetricsTextfile) != ".prom") {
		complain("metricsTextfile is %q; want an absolute path that ends in .prom, or nothing", c.MetricsTextfile)
	}
	if c.HASilence < 2*c.HAHeartbeat {
		complain("haHousekeepingInterval is %v; want at least twice haSendHeartbeatInterval, which is %v", c.HASilence, c.HAHeartbeat)
	}
	// Two segments that take messages, one that is given back, and as much as the index may need.
	if least := 4*c.SegmentSize + 32<<20; c.StoreMaxBytes != 0 && c.StoreMaxBytes < least {
		complain("storeMaxBytes is %d; want 0 or at least four segments of mappedFileSizeCommitLog and 32m (%d)", c.StoreMaxBytes, least)
	}
	if c.DiskFilling >= c.DiskTight || c.DiskTight >= c.DiskFull || c.DiskFull >= c.DiskCritical {
		complain("diskMaxUsedSpaceRatio %d, diskSpaceCleanForciblyRatio %d, diskSpaceWarningLevelRatio %d and diskSpaceCriticalRatio %d must follow each other upwards",
			c.DiskFilling, c.DiskTight, c.DiskFull, c.DiskCritical)
	}
	if m := filepath.Clean(c.StoreMountPoint); c.StoreMountPoint != "" && !within(filepath.Clean(c.StoreRoot), m) {
		complain("storeMountPoint is %q; want storePathRootDir %q or a folder above it", c.StoreMountPoint, c.StoreRoot)
	}
	if _, err := netip.ParseAddr(c.BindAddress); c.BindAddress != "" && err != nil {
		complain("bindAddress is %q; want an IP address", c.BindAddress)
	}
	for _, a := range []struct{ key, value string }{{"brokerIP1", c.BrokerIP1}, {"brokerIP2", c.BrokerIP2}} {
		if ip, err := netip.ParseAddr(a.value); a.value != "" && err != nil && !isLinkName(a.value) {
			complain("%s is %q; want an IP address or the name of a link", a.key, a.value)
		} else if err == nil && ip.IsUnspecified() {
			complain("%s is %s, which is no address that others could use", a.key, a.value)
		}
	}
	if c.ACL && c.ACLFile == "" {
		complain("aclEnable is true, but aclFile names no file of accounts")
	}
	return append(append(errs, tlsFiles(c)...), ports(c)...)
}

// tlsFiles complains about files that TLS needs and that are not named. What they hold is
// looked at when they are read.
func tlsFiles(c *Config) (errs []error) {
	complain := func(format string, args ...any) { errs = append(errs, fmt.Errorf("configuration: "+format, args...)) }
	if c.TLSMode != TLSDisabled && (c.TLSCert == "" || c.TLSKey == "") {
		complain("tlsServerMode is %s, which needs tlsServerCertPath and tlsServerKeyPath; pairmq cert makes them", c.TLSMode)
	}
	if c.TLSMode != TLSDisabled && c.TLSClientAuth != TLSAuthNone && c.TLSTrust == "" {
		complain("tlsServerNeedClientAuth is %s, but tlsServerTrustCertPath names nobody who signs the certificates of clients", c.TLSClientAuth)
	}
	if c.TLSEnable && c.TLSAuthServer != TLSByNone && c.TLSServers == "" {
		complain("tlsEnable is true, but tlsClientTrustCertPath names nobody who signs the certificates of servers")
	}
	if (c.TLSOwnCert == "") != (c.TLSOwnKey == "") {
		complain("tlsClientCertPath and tlsClientKeyPath are needed together")
	}
	if c.TLSMode == TLSEnforcing && c.EnableBroker && c.EnableNamesrv && !c.TLSEnable {
		complain("tlsServerMode is enforcing and tlsEnable false: the broker could not register with the name server in its own process")
	}
	return errs
}

// badPattern fails if one of these names, separated by semicolons, can be no link's, nor a
// pattern of such.
func badPattern(names string) error {
	for n := range strings.SplitSeq(names, ";") {
		if _, err := path.Match(strings.TrimSpace(n), ""); err != nil {
			return err
		}
		if strings.ContainsAny(strings.TrimSpace(n), "/ ") {
			return fmt.Errorf("%q has a blank or a slash", n)
		}
	}
	return nil
}

// isPort says whether s is the number of a port.
func isPort(s string) bool {
	n, err := strconv.ParseUint(s, 10, 16)
	return err == nil && n > 0
}

// within says whether the path is the folder, or below it; both are clean.
func within(path, folder string) bool {
	rel, err := filepath.Rel(folder, path)
	return err == nil && filepath.IsLocal(rel)
}

// isLinkName says whether s is what links are called, and no address that was
// mistyped, or a name of a host.
func isLinkName(s string) bool {
	return len(s) < 16 && s != "localhost" && !strings.ContainsAny(s, "/ :") && (s[0]|0x20 >= 'a' && s[0]|0x20 <= 'z')
}

// ports complains about two listeners on one port.
func ports(c *Config) (errs []error) {
	used := map[int]string{}
	claim := func(what string, port int) {
		if other, taken := used[port]; taken {
			errs = append(errs, fmt.Errorf("configuration: %s and %s are both port %d", other, what, port))
		}
		used[port] = what
	}
	if c.EnableBroker {
		claim("listenPort", c.ListenPort)
		claim("listenPort - 2", c.ListenPort-2)
		claim("haListenPort", c.HAListenPort)
	}
	if c.EnableNamesrv {
		claim("namesrvListenPort", c.NamesrvListenPort)
	}
	if _, port, err := net.SplitHostPort(c.MetricsListen); err == nil {
		if n, err := strconv.Atoi(port); err == nil { // else validate complains
			claim("metricsListen", n)
		}
	}
	return errs
}

// hostName is what the machine calls itself, made a name RocketMQ allows.
func hostName() string {
	h, err := os.Hostname()
	if err != nil || h == "" {
		return "pairmq"
	}
	h, _, _ = strings.Cut(h, ".")
	return strings.Map(func(r rune) rune {
		if r < 128 && (r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || r == '-' || r == '_') {
			return r
		}
		return '-'
	}, h)
}
