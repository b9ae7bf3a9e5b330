package replica

import (
	"reflect"

	"pairmq/internal/remoting"
)

// copyModes makes the request modes, which say who pops, those of an answer to 402. What
// the master does not have stays as long as the logs may be others'.
func (c *Copier) copyModes(s *copyStep, resp *remoting.Command) error {
	master, refused, why, err := decodeModes(resp.Body)
	if err != nil {
		return err
	}
	c.left(s, refused, why)
	have, err := c.opts.Metadata.RequestModes()
	if err != nil {
		return err
	}
	gone := 0
	for topic, groups := range have {
		for group := range groups {
			if _, there := master[topic][group]; !there {
				gone++
			}
		}
	}
	if !c.removes(s, gone) {
		for _, groups := range have {
			for group, m := range groups {
				if _, there := master[m.Topic][group]; !there {
					master.Set(m)
				}
			}
		}
	}
	if reflect.DeepEqual(have, master) {
		return nil
	}
	if err := c.opts.Metadata.SetRequestModes(master); err != nil {
		return err
	}
	c.log.Info("modes of consuming copied from the master", "modes", master.Count())
	return nil
}
