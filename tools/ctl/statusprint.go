package main

import (
	"cmp"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"pairmq/discovery"
	"pairmq/internal/remoting"
)

// number returns a whole number of the broker's own description.
func (b *brokerStatus) number(key string) (int64, bool) {
	n, err := strconv.ParseInt(b.Runtime[key], 10, 64)
	return n, err == nil
}

// rate returns the first of several averages, "12.0 11.5 10.1".
func (b *brokerStatus) rate(keys ...string) string {
	for _, key := range keys {
		if first, _, _ := strings.Cut(b.Runtime[key], " "); first != "" {
			if v, err := strconv.ParseFloat(first, 64); err == nil {
				return strconv.FormatFloat(v, 'f', 1, 64)
			}
		}
	}
	return "-"
}

// since returns how much a counter has grown since midnight.
func (b *brokerStatus) since(now, midnight string) string {
	n, ok := b.number(now)
	m, known := b.number(midnight)
	if !ok || !known {
		return "-"
	}
	return fmt.Sprint(n - m)
}

func (b *brokerStatus) role() string {
	switch {
	case b.BrokerID != discovery.MasterID:
	case b.Runtime["brokerRole"] == "SLAVE": // it alone was asked, and does not tell its settings
		return "slave"
	default:
		return "master"
	}
	return fmt.Sprintf("slave %d", b.BrokerID)
}

// log returns how much log the broker has: what is between its offsets.
func (b *brokerStatus) log() string {
	from, ok := b.number("commitLogMinOffset")
	to, known := b.number("commitLogMaxOffset")
	if !ok || !known {
		return "-"
	}
	return size(max(0, to-from))
}

func (b *brokerStatus) disk() string {
	v, err := strconv.ParseFloat(b.Runtime["commitLogDiskRatio"], 64)
	if err != nil || v < 0 {
		return "-"
	}
	return fmt.Sprintf("%.0f %%", v*100)
}

func (b *brokerStatus) behind() string {
	if b.Behind == nil {
		return "-"
	}
	return size(*b.Behind)
}

// place returns what the broker's store lies on, and how worn that is.
func (b *brokerStatus) place() string {
	if b.Runtime["storeFileSystem"] == "" {
		return ""
	}
	text := "stores in " + b.Runtime["storeFileSystem"]
	if d := b.Runtime["storeDevice"]; d != "" {
		text += ", on " + d
	}
	if l := b.Runtime["flashLife"]; l != "" {
		text += ", " + l
	}
	return text
}

func (e *env) printStatus(st status) error {
	if e.json {
		return e.printJSON(st)
	}
	var err error
	if len(st.Namesrvs) > 0 {
		rows := [][]string{{"NAME SERVER", "STATE", "BROKERS", "MS"}}
		for _, n := range st.Namesrvs {
			if n.Error != "" {
				rows = append(rows, []string{n.Addr, silence(n.err), "-", "-"})
				continue
			}
			rows = append(rows, []string{n.Addr, "answers", fmt.Sprint(n.Brokers), fmt.Sprintf("%.1f", n.Millis)})
		}
		err = printTable(e.out, rows)
		fmt.Fprintln(e.out)
	}
	rows := [][]string{{"CLUSTER", "BROKER", "ROLE", "ADDRESS", "VERSION", "EPOCH", "IN/S", "OUT/S", "IN TODAY", "OUT TODAY", "LOG", "BEHIND", "DISK"}}
	for i := range st.Brokers {
		b := &st.Brokers[i]
		row := []string{orDash(b.Cluster), orDash(b.BrokerName), b.role(), b.Addr}
		if b.Error != "" {
			rows = append(rows, append(row, silence(b.err)))
			continue
		}
		rows = append(rows, append(row, safe(cmp.Or(b.Runtime["brokerVersionDesc"], "-")), safe(cmp.Or(b.Runtime["epoch"], "-")),
			b.rate("putTps"), b.rate("getTransferredTps", "getTransferedTps"),
			b.since("msgPutTotalTodayNow", "msgPutTotalTodayMorning"), b.since("msgGetTotalTodayNow", "msgGetTotalTodayMorning"),
			b.log(), b.behind(), b.disk()))
	}
	err = errors.Join(err, printTable(e.out, rows))
	lead := "\n"
	for i := range st.Brokers {
		b := &st.Brokers[i]
		for _, text := range b.remarks() {
			fmt.Fprintf(e.out, "%s%s, %s: %s\n", lead, orDash(b.BrokerName), b.role(), text)
			lead = ""
		}
	}
	return err
}

// remarks are what a person should know of a broker beside its numbers.
func (b *brokerStatus) remarks() (all []string) {
	add := func(key, before, behind string) {
		if text := b.Runtime[key]; text != "" {
			all = append(all, before+safe(text)+behind)
		}
	}
	add("replication", "", "")
	add("recentTimes", "half of all, and 99 of 100, in the last minutes took no longer than: ", "")
	add("readOnly", "is read-only: ", "")
	if level := b.Runtime["diskLevel"]; level != "ROOMY" {
		add("diskLevel", "the disk is ", "")
	}
	if text := b.place(); text != "" {
		all = append(all, safe(text))
	}
	add("haBytesOut", "log sent to slaves, by link: ", "")
	add("haBytesIn", "log copied, by link: ", "")
	add("addressMissing", "cannot be found by others: ", "")
	add("links", "links: ", "")
	add("sandbox", "sandbox: ", "")
	add("accounts", "accounts: ", "")
	all = append(all, b.machine()...)
	add("indexing", "makes its index anew, ", " of the log so far: until then it stores nothing and gives out what it has indexed")
	add("topicsAtQuota", "refuses messages of topics that have reached their quota: ", "")
	add("configChanges", "goes by other values than its files have, set by updateBrokerConfig: ", "")
	if text := b.damage(); text != "" {
		all = append(all, text)
	}
	if strings.Contains(b.Runtime["namesrvs"], " failing") {
		add("namesrvs", "is not registered everywhere: ", "")
	}
	return all
}

// damage says what is known to be wrong with a broker's log, if anything is or was.
func (b *brokerStatus) damage() string {
	text := ""
	if n := b.Runtime["logDamage"]; n != "" {
		text = fmt.Sprintf("%s parts of its log are damaged: pairmq log verify --broker %s repairs them from the other broker", safe(n), b.Addr)
	}
	if n := b.Runtime["logLost"]; n != "" {
		lost := fmt.Sprintf("%s parts with %s messages are lost, around which consumers were led %s times",
			safe(n), safe(orDash(b.Runtime["logLostMessages"])), safe(orDash(b.Runtime["logLedAround"])))
		text = strings.TrimPrefix(text+"; "+lost, "; ")
	}
	return text
}

// silence tells why nothing is known of a server.
func silence(err error) string {
	if r, ok := errors.AsType[*refusal](err); ok {
		return "refuses: " + remoting.ResponseName(r.code)
	}
	return "does not answer"
}
