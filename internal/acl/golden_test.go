package acl

import (
	"bufio"
	"encoding/hex"
	"encoding/json"
	"net/netip"
	"os"
	"testing"

	"pairmq/internal/remoting"
)

// golden returns the lines of one kind of what RocketMQ's own classes said: see
// testdata/Vectors.java.
func golden(t *testing.T, kind string) (lines [][]string) {
	f, err := os.Open("testdata/rocketmq-4.9.7.jsonl")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	for s := bufio.NewScanner(f); s.Scan(); {
		var l []string
		if err := json.Unmarshal(s.Bytes(), &l); err != nil {
			t.Fatal(err)
		}
		if l[0] == kind {
			lines = append(lines, l[1:])
		}
	}
	if len(lines) == 0 {
		t.Fatalf("testdata has no %s", kind)
	}
	return lines
}

func decodeFrame(t *testing.T, text string) *remoting.Command {
	b, err := hex.DecodeString(text)
	if err != nil {
		t.Fatal(err)
	}
	cmd, err := remoting.DecodeCommand(b, remoting.Limits{})
	if err != nil {
		t.Fatal(err)
	}
	return &cmd
}

// TestSignaturesOfApachesClients: requests that RocketMQ's client has signed are what we
// would have signed, and nothing else is.
func TestSignaturesOfApachesClients(t *testing.T) {
	for _, l := range golden(t, "frame") {
		what, secret := l[0], l[2]
		s, cmd := newSigner(secret), decodeFrame(t, l[3])
		if !s.signed(cmd) {
			t.Errorf("%s: the signature of Apache's client is refused", what)
		}
		if newSigner(secret + "x").signed(cmd) {
			t.Errorf("%s: a signature with another secret is accepted", what)
		}
		for i := range cmd.Fields {
			was := cmd.Fields[i].Value
			cmd.Fields[i].Value += "x"
			if s.signed(cmd) {
				t.Errorf("%s: it is accepted with field %s changed", what, cmd.Fields[i].Key)
			}
			cmd.Fields[i].Value = was
		}
		cmd.Body = append(cmd.Body, 'x')
		if s.signed(cmd) {
			t.Errorf("%s: it is accepted with a byte more", what)
		}
	}
}

// TestUniqueKeyQuery: request 12 may be signed with that field or without, others not.
func TestUniqueKeyQuery(t *testing.T) {
	s := newSigner("12345678")
	cmd := &remoting.Command{Code: remoting.ReqQueryMessage, Fields: remoting.Fields{{Key: "topic", Value: "T"}, {Key: fieldAccessKey, Value: "RocketMQ"}}}
	sig := s.sign(cmd.Fields, nil, "")
	cmd.Fields.Add(fieldSignature, string(sig[:]))
	cmd.Fields.Add(fieldUniqueKey, "true")
	if !s.signed(cmd) {
		t.Error("a query that was signed before the field was added is refused")
	}
	cmd.Code = remoting.ReqPullMessage
	if s.signed(cmd) {
		t.Error("another request is accepted with a field that is not signed")
	}
}

// TestTheLastOfTwoFieldsIsSigned: it is the one that counts for who serves the request.
func TestTheLastOfTwoFieldsIsSigned(t *testing.T) {
	s := newSigner("12345678")
	cmd := &remoting.Command{Fields: remoting.Fields{{Key: "topic", Value: "mine"}}}
	sig := s.sign(cmd.Fields, nil, "")
	cmd.Fields = remoting.Fields{{Key: "topic", Value: "mine"}, {Key: "topic", Value: "yours"}, {Key: fieldSignature, Value: string(sig[:])}}
	if s.signed(cmd) {
		t.Error("a second topic that is not signed is accepted")
	}
	cmd.Fields[0].Value, cmd.Fields[1].Value = "yours", "mine"
	if !s.signed(cmd) {
		t.Error("the topic that counts is signed, and refused")
	}
}

// TestAddressesAreNeverReadWider: a pattern means what it means to RocketMQ, or less.
func TestAddressesAreNeverReadWider(t *testing.T) {
	other := map[string]string{ // pattern: what differs
		"10.1-20.5.6":   "RocketMQ overlooks what follows a range",
		"fd00::*":       "RocketMQ takes it for fd00:0:*",
		" 192.168.0.1 ": "RocketMQ takes no blanks around an address",
	}
	seen := map[string]bool{}
	for _, l := range golden(t, "pattern") {
		p, err := ParsePattern(l[0])
		for i := 1; i < len(l); i += 2 {
			got := err == nil && p.Match(netip.MustParseAddr(l[i]))
			if got == (l[i+1] == "true") {
				continue
			}
			if seen[l[0]] = true; other[l[0]] == "" {
				t.Errorf("%q with %s: %v, %v; RocketMQ says %s", l[0], l[i], got, err, l[i+1])
			}
		}
	}
	for p, why := range other {
		if !seen[p] {
			t.Errorf("%q is read as by RocketMQ; %s", p, why)
		}
	}
}

// TestYAMLIsReadAsSnakeYAMLDoes: what is not refused comes out as it does there.
func TestYAMLIsReadAsSnakeYAMLDoes(t *testing.T) {
	var refused []string
	for _, l := range golden(t, "value") {
		root, errs := readYAML([]byte("accounts:\n- secretKey: " + l[0] + "\n  admin: false\n"))
		if len(errs) > 0 {
			refused = append(refused, l[0])
			continue
		}
		r := reading{}
		n := root.keys[0].value.items[0].keys[0].value
		got := "null"
		var text string
		if n.kind == list {
			refused = append(refused, l[0])
			continue
		}
		if text = r.text("secretKey", n); n.kind == scalar {
			got = "text"
		}
		if len(r.wrong.errs) > 0 {
			refused = append(refused, l[0])
			continue
		}
		if got != l[1] || text != l[2] {
			t.Errorf("%s is %s %q; to SnakeYAML it is %s %q", l[0], got, text, l[1], l[2])
		}
	}
	t.Logf("refused: %q", refused)
	if len(refused) > 60 {
		t.Errorf("%d values are refused", len(refused))
	}
}
