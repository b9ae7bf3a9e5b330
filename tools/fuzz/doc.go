// Command fuzz runs the fuzz targets of this module, each for the same time, several at once
// where it is told to, and fails with the first input that one of them fails on; go test
// keeps that input in the package's testdata, where every later test tries it.
//
// Each target begins with its corpus, the inputs that went new ways in runs before: they are
// in corpora.tgz beside this file, so that a run on a fresh machine goes on where a long one
// has ended. With -write the corpora are kept again, and docs/fuzzing.md says for how long
// each target ran, and how many inputs were tried.
package main
