// Package archive writes messages to files that outlive a store, and reads them: as
// lines of JSON, which other programs understand, and raw, as the bytes of whole
// records. It is pure: it knows records, and nothing of folders, brokers or flags.
//
// # Raw
//
// Big-endian:
//
//	0 magic   4  "PMRX"
//	4 version 4  1
//	8 records, each as it lay in its log, back to back; see package record
//	then, in the place of one more record,
//	 0 size    4  28
//	 4 magic   4  "PMRE", where a record has its magic code
//	 8 records 8  how many there are
//	16 bytes   8  that they take
//	24 crc     4  CRC-32C (Castagnoli) of all that comes before it in the file
//
// Without that end, a file was cut off. Records say where they lay in their log; here
// they lie behind each other, in any order, perhaps of several queues only.
//
// # Lines
//
// One JSON object for each message, with these members in this order:
//
//	topic, queueId, queueOffset, phyOffset  where it lay
//	flag, sysFlag, reconsumeTimes           numbers, as in the record
//	preparedTransactionOffset               unless it is 0
//	bornTimestamp, storeTimestamp           ms since 1970
//	bornHost, storeHost                     "192.0.2.1:4711", "[2001:db8::1]:4711"
//	msgId                                   the client's unique key, if there is one
//	offsetMsgId                             the broker's
//	properties                              an object of strings, in the record's order; a
//	                                        name may come twice, the last one counts
//	body                                    base64, as stored: compressed, if sysFlag says so
//
// Properties that are not UTF-8 are propertiesBase64 instead. Those without a value
// are left out, as every client does that reads them; so is the record's checksum.
// Who reads lines needs topic and body; the rest is 0 or nothing where it is missing,
// and members that are none of these do not count.
package archive
