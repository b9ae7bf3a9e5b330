package main

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"pairmq/internal/remoting"
)

// set starts what a stage needs, and the client.
func (w *world) set(ctx context.Context, on stage) (_ *scene, err error) {
	s := &scene{world: w, stage: on}
	keys := []string{"brokerName=gw", "brokerIP1=" + gatewayIP}
	var files map[string][]byte
	c := &client{dial: w.client.dial, addr: fmt.Sprintf("%s:%d", gatewayIP, brokerPort)}
	defer func() {
		if err != nil {
			err = errors.Join(err, s.strikeSet())
		}
	}()
	switch on {
	case secured:
		var ours *tls.Config
		if files, ours, err = makeCerts(filepath.Join(w.dir, "certs")); err != nil {
			return s, err
		}
		c.tls = ours
		keys = append(keys, "tlsServerMode=enforcing", "tlsServerNeedClientAuth=require", "tlsEnable=true")
		for key, file := range map[string]string{
			"tlsServerCertPath": "gw.crt", "tlsServerKeyPath": "gw.key", "tlsServerTrustCertPath": "ca.crt",
			"tlsClientCertPath": "gw.crt", "tlsClientKeyPath": "gw.key", "tlsClientTrustCertPath": "ca.crt",
		} {
			keys = append(keys, key+"=/etc/pairmq/tls/"+file)
		}
	case accounts:
		c.account = clientAccount()
		files = map[string][]byte{"../plain_acl.yml": []byte(accountsFile)}
		keys = append(keys, "aclEnable=true", "aclFile=/etc/pairmq/plain_acl.yml", "metricsListen=0.0.0.0:10915")
	case paired:
		keys = append(keys, "brokerRole=SYNC_MASTER", "haSlaveAddress="+fmt.Sprintf("%s:%d", peerIP, haPort))
		if w.keys["haPeers"] {
			keys = append(keys, "haPeers="+peerIP)
		}
		if w.keys["namesrvAllowedBrokers"] {
			keys = append(keys, "namesrvAllowedBrokers=gw@"+gatewayIP+";gw@"+peerIP)
		}
	}
	if s.target, err = w.startDaemon(ctx, "gateway-"+on.String(), nil, keys, files); err != nil {
		return s, err
	}
	s.judged = s.target
	switch on {
	case misled:
		if s.slave, err = w.startDaemon(ctx, "misled", w.peer, []string{"brokerName=gw", "brokerId=1", "brokerRole=SLAVE", "brokerIP1=" + peerIP, "enableNamesrv=false",
			fmt.Sprintf("namesrvAddr=%s:%d", strangerIP, namesrvPort), fmt.Sprintf("haMasterAddress=%s:%d", strangerIP, haPort), "haPeers=" + strangerIP}, nil); err != nil {
			return s, err
		}
		s.judged = s.slave
	case paired:
		keys := []string{"brokerName=gw", "brokerId=1", "brokerRole=SLAVE", "brokerIP1=" + peerIP, "enableNamesrv=false",
			fmt.Sprintf("namesrvAddr=%s:%d", gatewayIP, namesrvPort), fmt.Sprintf("haMasterAddress=%s:%d", gatewayIP, haPort)}
		if w.keys["haPeers"] {
			keys = append(keys, "haPeers="+gatewayIP)
		}
		if s.slave, err = w.startDaemon(ctx, "slave", w.peer, keys, nil); err != nil {
			return s, err
		}
		if err = s.follows(ctx); err != nil {
			return s, err
		}
	}
	s.client = c
	return s, startClient(ctx, c)
}

// follows waits until the slave copies its master.
func (s *scene) follows(ctx context.Context) error {
	for until := time.Now().Add(startTime); ; pause(ctx, 50*time.Millisecond) {
		page, err := s.slave.fetch("/metrics")
		if err == nil && sumOf(page, "pairmq_replication_connected") == 1 {
			return nil
		}
		if time.Now().After(until) || ctx.Err() != nil {
			return errors.Join(err, fmt.Errorf("the slave does not copy its master after %v; see %s", startTime, s.slave.Log))
		}
	}
}

// strikeSet ends what set has started.
func (s *scene) strikeSet() error {
	var errs []error
	if s.client != nil {
		s.client.stopSend()
		s.client.stopTake()
	}
	for _, d := range []*daemon{s.slave, s.target} {
		if d != nil {
			errs = append(errs, d.stop())
		}
	}
	return errors.Join(errs...)
}

// ownAsk asks a port of the gateway from the gateway itself.
func (s *scene) ownAsk(ctx context.Context, port int, code int32, f remoting.Fields) (*remoting.Command, error) {
	c := remoting.NewClient(remoting.ClientOptions{DialTimeout: callTime})
	defer c.Close()
	ctx, cancel := context.WithTimeout(ctx, callTime)
	defer cancel()
	conn, err := c.Conn(ctx, fmt.Sprintf("127.0.0.1:%d", port))
	if err != nil {
		return nil, err
	}
	if s.stage == accounts {
		f = adminAccount().sign(f, nil)
	}
	resp, err := conn.Call(ctx, &remoting.Command{Code: code, Fields: f})
	if err != nil {
		return nil, err
	}
	if resp.Code != remoting.RespSuccess {
		err = fmt.Errorf("%s: %s", remoting.RequestName(code), resp.Remark)
	}
	return resp, err
}

// configs are what broker and name server say their configuration is.
func configs(ctx context.Context, s *scene) (string, error) {
	broker, err := s.ownAsk(ctx, brokerPort, remoting.ReqGetBrokerConfig, nil)
	if err != nil {
		return "", err
	}
	namesrv, err := s.ownAsk(ctx, namesrvPort, remoting.ReqGetNamesrvConfig, nil)
	if err != nil {
		return "", err
	}
	files, err := os.ReadFile(filepath.Join(s.target.root, "etc/pairmq/pairmqd.conf"))
	return string(broker.Body) + string(namesrv.Body) + string(files), err
}

// whereabouts is where clients are led, and the slave: the cluster, the route of the
// client's topic, and whether the slave copies its master.
func whereabouts(ctx context.Context, s *scene) (string, error) {
	cluster, err := s.ownAsk(ctx, namesrvPort, remoting.ReqGetBrokerClusterInfo, nil)
	if err != nil {
		return "", err
	}
	route, err := s.ownAsk(ctx, namesrvPort, remoting.ReqGetRouteinfoByTopic, fields("topic", topic))
	if err != nil {
		return "", err
	}
	follows, err := following(ctx, s)
	return string(cluster.Body) + "\n" + string(route.Body) + "\n" + follows, err
}

// following is whether the slave copies its master.
func following(_ context.Context, s *scene) (string, error) {
	page, err := s.slave.fetch("/metrics")
	return fmt.Sprintf("connected %v", sumOf(page, "pairmq_replication_connected")), err
}
