// Command package makes deb, rpm, ipk and tar.gz of the programs that `make cross` has
// built, without root, and the same bytes from the same sources.
//
// What is in them, where, and what happens when they are installed is said in
// packaging/; here is what has to be made for that: completions from the
// command line itself, the man page of the configuration from the configuration,
// the list of modules and their licenses from what the linker wrote into the
// programs. It is a module of its own, since nfpm brings forty others along, and
// compresses by the xz program (folder xz), since nfpm's own library packs less well.
package main
