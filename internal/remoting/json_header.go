package remoting

import (
	"fmt"
	"sync"
)

// A span is a piece of a headerParser's text.
type span struct{ start, end int }

// A headerParser collects what a JSON header says. All strings go, unescaped,
// into text; they become one Go string at the end. One may be used again and
// again, by one goroutine at a time; the zero value is ready.
type headerParser struct {
	scan  jsonScanner
	text  []byte
	spans []span // of the fields: key, value, key, value …
	most  int    // fields
}

// decode fills c from header, a JSON object of at most maxFields
// extFields. It is as lenient as Java peers are: members may come in any order,
// may be null or missing, unknown ones are skipped, the language may be a name
// or a number, and field values that are no strings count as their text. The
// last of members with one name counts.
func (p *headerParser) decode(c *Command, header []byte, maxFields int) error {
	p.scan = jsonScanner{in: header}
	p.text, p.spans, p.most = p.text[:0], p.spans[:0], maxFields
	remark, err := p.object(c)
	if err != nil {
		return err
	}
	all := string(p.text)
	c.Remark = all[remark.start:remark.end]
	if len(p.spans) == 0 {
		return nil
	}
	c.Fields = make(Fields, len(p.spans)/2)
	for i := range c.Fields {
		k, v := p.spans[2*i], p.spans[2*i+1]
		c.Fields[i] = Field{all[k.start:k.end], all[v.start:v.end]}
	}
	return nil
}

// A parserPool keeps header parsers for reuse. The zero value is ready.
type parserPool struct{ pool sync.Pool }

func (p *parserPool) get() *headerParser {
	if h, ok := p.pool.Get().(*headerParser); ok {
		return h
	}
	return new(headerParser)
}

// put takes back a parser; it forgets one that a long header made large.
func (p *parserPool) put(h *headerParser) {
	if h.scan.in = nil; cap(h.text) <= minBuffer {
		p.pool.Put(h)
	}
}

// object reads the whole header; it returns where the remark is.
func (p *headerParser) object(c *Command) (remark span, err error) {
	c.Language = Other
	if err := p.scan.expect('{'); err != nil {
		return remark, err
	}
	for first := true; ; first = false {
		more, err := p.scan.next('}', first)
		if err != nil {
			return remark, err
		}
		if !more {
			return remark, p.scan.end()
		}
		if err := p.member(c, &remark); err != nil {
			return remark, err
		}
	}
}

// member reads one member of the header.
func (p *headerParser) member(c *Command, remark *span) (err error) {
	mark := len(p.text)
	if p.text, err = p.scan.str(p.text); err != nil {
		return err
	}
	name := p.text[mark:]
	if err := p.scan.expect(':'); err != nil {
		return err
	}
	p.text = p.text[:mark] // name stays readable until more is appended
	switch string(name) {
	case "code":
		c.Code, err = p.scan.int32()
	case "version":
		c.Version, err = p.scan.int32()
	case "opaque":
		c.Opaque, err = p.scan.int32()
	case "flag":
		c.Flag, err = p.scan.int32()
	case "language":
		c.Language, err = p.language()
	case "remark":
		*remark, _, err = p.value()
	case "extFields":
		err = p.fields()
	default:
		err = p.scan.skip(0)
	}
	return err
}

// value reads any value as text; there is none if it is null.
func (p *headerParser) value() (s span, ok bool, err error) {
	s.start = len(p.text)
	switch p.scan.peek() {
	case '"':
		p.text, err = p.scan.str(p.text)
		ok = true
	case 'n':
		err = p.scan.skip(0)
	default:
		from := p.scan.pos
		err = p.scan.skip(0)
		p.text = append(p.text, p.scan.in[from:p.scan.pos]...)
		ok = true
	}
	s.end = len(p.text)
	return s, ok, err
}

// fields reads the value of extFields.
func (p *headerParser) fields() error {
	p.spans = p.spans[:0]
	if p.scan.peek() == 'n' {
		return p.scan.skip(0)
	}
	if err := p.scan.expect('{'); err != nil {
		return err
	}
	for first := true; ; first = false {
		more, err := p.scan.next('}', first)
		if err != nil || !more {
			return err
		}
		if err := p.field(); err != nil {
			return err
		}
	}
}

// field reads one member of extFields; one that is null is absent.
func (p *headerParser) field() (err error) {
	key := span{start: len(p.text)}
	if p.text, err = p.scan.str(p.text); err != nil {
		return err
	}
	key.end = len(p.text)
	if err := p.scan.expect(':'); err != nil {
		return err
	}
	v, ok, err := p.value()
	if err != nil || !ok {
		return err
	}
	if len(p.spans) >= 2*p.most {
		return fmt.Errorf("%w: more than %d fields", ErrBadHeader, p.most)
	}
	p.spans = append(p.spans, key, v)
	return nil
}

// language reads a language by name or by number.
func (p *headerParser) language() (Language, error) {
	mark := len(p.text)
	number := p.scan.peek() != '"'
	s, ok, err := p.value()
	text := p.text[s.start:s.end]
	p.text = p.text[:mark]
	if err != nil || !ok {
		return Other, err
	}
	if !number {
		return languageOf(text), nil
	}
	if n, ok := parseInt32(text); ok && n >= 0 && n <= 255 {
		return Language(n), nil
	}
	return Other, nil
}
