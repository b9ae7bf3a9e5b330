package doctor

import (
	"strings"

	"pairmq/hal/link"
)

// modems are names that Linux, its network managers and the makers of modems give to
// links of mobile networks.
const modems = "wwan*;wwp*;wwx*;ppp*;rmnet*"

// links compares meteredLinks with the links that there are. A modem is none of them by
// mistake only where there is another half that the log is sent to, now or after it took over.
func (x *exam) links() {
	const name = "links"
	if !x.known || !x.cfg.EnableBroker {
		return
	}
	metered, err := link.ParseNames(x.cfg.MeteredLinks)
	if err != nil {
		return // the configuration's check has said so
	}
	mobile, err := link.ParseNames(modems)
	if err != nil {
		panic(err) // a constant
	}
	list, err := x.opts.Links()
	if err != nil {
		x.warn(name, "run this as root", "the links are not known: %v", err)
		return
	}
	paired := x.cfg.WaitsForSlaves() || x.cfg.Slave()
	missing := map[string]bool{}
	for _, m := range metered {
		missing[m] = true
		for _, l := range list {
			if link.Among([]string{m}, l.Name) {
				delete(missing, m)
			}
		}
	}
	var found []string
	for _, l := range list {
		switch {
		case link.Among(metered, l.Name):
			found = append(found, l.Name)
		case paired && link.Among(mobile, l.Name):
			x.warn(name, "if its traffic costs money, add it to meteredLinks: a slave that is behind is sent everything over it else",
				"%s has the name of a mobile network's link, and is none of meteredLinks", l.Name)
		}
	}
	for _, m := range metered {
		if missing[m] {
			x.warn(name, "right if it is not plugged in now; else see ip link for its name", "no link is called %s, which meteredLinks has", m)
		}
	}
	if len(found) > 0 {
		x.ok(name, "traffic over %s costs money: a slave that is behind waits for another link, or is sent little", strings.Join(found, ", "))
	}
}
