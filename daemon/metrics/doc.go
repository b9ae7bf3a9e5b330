// Package metrics shows the daemon's numbers to Prometheus: which there are, as
// text in its exposition format 0.0.4, over HTTP or as a file for node_exporter's
// textfile collector.
//
// It gathers nothing itself: who has numbers puts them into a Page when one is
// asked for. The format has been stable since 2014, so it is written here; a client
// library would bring registries and protobuf and double the program.
package metrics
