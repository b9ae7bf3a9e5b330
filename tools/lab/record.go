package main

func recordResults(file string, all []*trial) error { return nil }
