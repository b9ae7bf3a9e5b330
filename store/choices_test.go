//go:build !race

package store_test

// choices is in how many ways one power cut can end that are looked at.
const choices = 8
