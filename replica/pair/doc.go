// Package pair knows who of a pair is master, and under which epoch: what each
// broker remembers of it, what the two tell each other, and how one that comes
// back learns that it is master no more.
//
// Nothing here elects anybody. A person, or their automation, makes a slave
// master, which begins an epoch with a higher number; a master that learns of a
// higher number from a broker that it asked itself gives way. Masters of the same number
// do not: only a person knows which one is meant.
//
// Brokers exchange their states with request 31001, of a range that RocketMQ does not
// use: its brokers answer REQUEST_CODE_NOT_SUPPORTED. How the log is copied and what is done
// when roles change is the business of package replica and of the daemon.
package pair
