// Package proof lets the two halves of a pair make sure of each other: each shows that it
// has the secret that both were given, without telling it.
//
// Who dials is told from who listens, and both speak in turn. All messages are of fixed
// size; numbers are big-endian:
//
//	hello, who dials      ff 'p' 'm' 'q' 'p', version 1, use, flags; 32 bytes of nonce; -1 in 8
//	challenge, the other  the same with a nonce of its own
//	proof, who dials      claim; 32 bytes of HMAC-SHA256
//	verdict, the other    one byte, 0: proven; claim; 32 bytes of HMAC-SHA256
//
//	claim                 1: slave, 0: master; int64 epoch; SHA-256 of the brokerName;
//	                      SHA-256 of the certificate that it shows, or, of who dials in use 2,
//	                      of the address:port that it has dialled, or zeros
//
// The MAC of a proof is over a label of who dials, hello, challenge and claim; that of a
// verdict over a label of who listens, hello, challenge, proof, the first byte and claim. So neither can be played to
// where it came from, nor again, nor in another use, nor to a broker of another name. Who listens says nothing
// that is made of the secret to one that has not shown it. Who dials does: whoever is dialled, because a
// name server named him, or hears the four messages, can try secrets by the billion at home.
// So a secret has to be one that nobody guesses: 32 random bytes, not a word.
// The use is 1 on the replication port and 2 in request 31012 of the port for clients, whose two requests
// and answers have the four messages as bodies. There who listens refuses one that has dialled an address
// that is not its own: somebody else, whom a name server had named, has passed the messages on. He can do that
// from where packets to that address come by alone, which takes TLS to be kept from.
//
// Bit 0 of the flags, of hello: the connection is to be sealed; of challenge: it will be,
// because one of the two wants it. Then TLS 1.3 begins behind the verdict, both sides show
// a certificate made for that alone, and its hash must be the one of the claim: no authority is
// needed, and no clock. Both sides of the replication port want it. What is not sealed is proven at its beginning alone: who
// passes the four messages on, because he was dialled or sits between the two, can say himself what follows.
//
// A hello is safe to send to a stock broker: as reports, which are of 8 bytes, all of it is
// negative, and those start nothing there; the last one is what it begins with.
package proof
