// Package java holds what the tests need beside Apache's jars: the pom that
// names them, quiet configuration for its servers, and the client agent's
// sources, one file per concern.
//
// agent/ and admin/, which drives mqadmin, are compiled against each version,
// with v4/ or v5/ for what differs.
package java

import "embed"

// Files are the sources, by their path below this folder.
//
//go:embed pom.template.xml conf agent admin v4 v5
var Files embed.FS
