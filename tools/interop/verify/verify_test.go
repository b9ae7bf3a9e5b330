package verify

import (
	"maps"
	"slices"
	"testing"
)

// delivered is an account of n messages without a fault.
func delivered(n int) ([]Want, []Sent, []Got) {
	want := Corpus(7, n)
	var sent []Sent
	var got []Got
	for i := range n {
		sent = append(sent, Sent{Index: i, Status: "SEND_OK", QueueID: int32(i % 4), QueueOffset: int64(i / 4)})
		props := maps.Clone(want[i].User)
		props["KEYS"], props["WAIT"] = want[i].Keys, "true"
		if want[i].Tag != "" {
			props["TAGS"] = want[i].Tag
		}
		got = append(got, Got{Index: i, QueueID: int32(i % 4), QueueOffset: int64(i / 4), Length: want[i].Length, CRC: want[i].CRC,
			Flag: want[i].Flag, Properties: props, Micros: int64(10 * i), DoneMicros: int64(10*i + 5)})
	}
	return want, sent, got
}

func TestDeliveriesNoticesEveryMutation(t *testing.T) {
	want, sent, got := delivered(40)
	if r := Deliveries(want, sent, got); r.Err() != nil || r.Redelivered != 0 {
		t.Fatalf("a perfect history: %v", r.Err())
	}
	changed := func(change func(*Got)) []Got {
		all := slices.Clone(got)
		all[12].Properties = maps.Clone(all[12].Properties)
		change(&all[12])
		return all
	}
	mutations := map[string][]Got{
		"dropped":        slices.Delete(slices.Clone(got), 12, 13),
		"invented":       append(slices.Clone(got), Got{Index: 41}),
		"without index":  append(slices.Clone(got), Got{Index: -1}),
		"stored twice":   append(slices.Clone(got), changed(func(g *Got) { g.QueueOffset += 100 })[12]),
		"moved":          changed(func(g *Got) { g.QueueOffset++ }),
		"other queue":    changed(func(g *Got) { g.QueueID++ }),
		"body changed":   changed(func(g *Got) { g.CRC++ }),
		"body cut":       changed(func(g *Got) { g.Length-- }),
		"flag changed":   changed(func(g *Got) { g.Flag++ }),
		"tag lost":       changed(func(g *Got) { delete(g.Properties, "TAGS") }),
		"key changed":    changed(func(g *Got) { g.Properties["KEYS"] += "x" }),
		"property lost":  changed(func(g *Got) { delete(g.Properties, "颜色") }),
		"property added": changed(func(g *Got) { g.Properties["extra"] = "1" }),
	}
	for name, history := range mutations {
		if err := Deliveries(want, sent, history).Err(); err == nil {
			t.Errorf("%s: not noticed", name)
		}
	}
	if r := Deliveries(want, sent, append(slices.Clone(got), got[12])); r.Err() != nil || r.Redelivered != 1 {
		t.Errorf("a redelivery: %+v", r)
	}
}

func TestOrderNoticesEveryMutation(t *testing.T) {
	_, _, got := delivered(40)
	if n, err := Order(got); n != 0 || err != nil {
		t.Fatalf("a perfect history: %d redelivered, %v", n, err)
	}
	swapped := slices.Clone(got)
	swapped[8].QueueOffset, swapped[12].QueueOffset = swapped[12].QueueOffset, swapped[8].QueueOffset
	overlapping := slices.Clone(got)
	overlapping[8].DoneMicros = overlapping[12].Micros + 1
	unended := slices.Clone(got)
	unended[8].DoneMicros = 0
	for name, history := range map[string][]Got{
		"swapped": swapped, "overlapping": overlapping, "dropped": slices.Delete(slices.Clone(got), 8, 9), "unended": unended,
	} {
		if _, err := Order(history); err == nil {
			t.Errorf("%s: not noticed", name)
		}
	}
	again := got[8]
	again.Micros, again.DoneMicros = 10000, 10001
	if n, err := Order(append(slices.Clone(got), again)); n != 1 || err != nil {
		t.Errorf("a redelivery: %d, %v", n, err)
	}
}
