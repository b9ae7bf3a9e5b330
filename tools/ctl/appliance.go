package main

// defaultConfig is the configuration of pairmqd.service, as the packages install it.
const defaultConfig = "/etc/pairmq/pairmqd.conf"
