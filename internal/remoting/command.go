package remoting

// Version is the release this side claims to be, as RocketMQ numbers them:
// V4_9_7. Java clients ask for SQL filters only from 232 up.
const Version = 407

// A SerializeType is the form of a frame's header. Answers take the form of
// their request.
type SerializeType uint8

// The two forms.
const (
	JSON   SerializeType = 0
	Binary SerializeType = 1 // RocketMQ's own; codes and versions have 16 bits there
)

// The bits of a command's flag.
const (
	flagResponse = 1
	flagOneway   = 2
)

// A Command is one frame: a request, or the response to one.
type Command struct {
	Code      int32    // request code (Req…), or response code (Resp…)
	Language  Language // the sender's
	Version   int32    // the sender's release; see Version
	Opaque    int32    // pairs a response with its request; each side counts its own
	Flag      int32    // bit 0: response; bit 1: oneway, wants no response
	Remark    string   // for people: what went wrong
	Fields    Fields
	Body      []byte
	Serialize SerializeType
}

// IsResponse says whether c answers a request.
func (c *Command) IsResponse() bool { return c.Flag&flagResponse != 0 }

// IsOneway says whether c is a request that must not be answered.
func (c *Command) IsOneway() bool { return c.Flag&flagOneway != 0 }

// AppendCommand appends c as a whole frame, header and body, to dst. It does
// not check sizes: no peer reads a frame beyond 16 MiB, and a header must be
// shorter than that. A header of the binary form has neither fields with an
// empty value, which mean "absent" there, nor keys beyond 32767 bytes.
func AppendCommand(dst []byte, c *Command) []byte {
	start := len(dst)
	dst = appendHead(dst, c)
	header := len(dst)
	finishFrame(dst, start, header, len(c.Body), c.Serialize)
	return append(dst, c.Body...)
}

// appendHead appends what comes before c's body; finishFrame has to follow.
func appendHead(dst []byte, c *Command) []byte {
	dst = append(dst, 0, 0, 0, 0, 0, 0, 0, 0)
	if c.Serialize == Binary {
		return appendBinaryHeader(dst, c)
	}
	return appendJSONHeader(dst, c)
}

// DecodeCommand reads the frame at the front of frame, which begins with its
// length word; bytes behind it are left alone. Body aliases frame, all strings
// are copies. It fails with ErrShortFrame if frame ends too early (read more
// and try again), with ErrBadFrame and ErrBadHeader if no peer could mean it or
// lim does not allow it (hang up). Zero fields of lim mean the defaults.
func DecodeCommand(frame []byte, lim Limits) (Command, error) {
	lim = lim.withDefaults()
	size, err := parseFrameSize(frame, &lim)
	if err != nil {
		return Command{}, err
	}
	if len(frame) < size.total {
		return Command{}, ErrShortFrame
	}
	var c Command
	err = decodeFrame(&c, frame, size, lim.Fields, new(headerParser))
	return c, err
}

// decodeFrame fills c from a frame of which size is known to be right.
func decodeFrame(c *Command, frame []byte, size frameSize, maxFields int, p *headerParser) error {
	header := frame[frameHead : frameHead+size.header]
	c.Serialize = size.serialize
	if body := frame[frameHead+size.header : size.total : size.total]; len(body) > 0 {
		c.Body = body // an empty one would keep frame alive for nothing
	}
	if size.serialize == Binary {
		return decodeBinaryHeader(c, header, maxFields)
	}
	return p.decode(c, header, maxFields)
}
