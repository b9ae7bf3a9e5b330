package main

import (
	"sync"
	"time"

	"pairmq/daemon/metrics"
	"pairmq/hal/board"
)

// boardReadings is what the machine tells of itself, read once a minute at most,
// when somebody asks. What it does not tell is not there.
type boardReadings struct {
	hw     *board.Board
	folder string // of the store

	mu     sync.Mutex
	looked time.Time
	values []boardValue
}

type boardValue struct {
	metric metrics.Metric
	value  float64
	labels []string
}

func (r *boardReadings) measure(p *metrics.Page) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.looked.IsZero() || time.Since(r.looked) > time.Minute {
		r.looked, r.values = time.Now(), r.read()
	}
	for _, v := range r.values {
		p.Set(v.metric, v.value, v.labels...)
	}
}

func (r *boardReadings) read() (all []boardValue) {
	add := func(m metrics.Metric, v float64, labels ...string) { all = append(all, boardValue{m, v, labels}) }
	place, _ := r.hw.Place(r.folder) // what is missing was logged when the daemon started
	if d := place.Base(); d != nil {
		if life, err := r.hw.Life(d); err == nil {
			if e := life.Worst(); e.Known() {
				add(metrics.FlashLifeUsed, float64(e.To)/100, d.Name)
			}
			if life.Reserve != board.ReserveUnknown {
				add(metrics.FlashReserve, float64(life.Reserve), d.Name)
			}
		}
		if n, err := r.hw.Written(d); err == nil {
			add(metrics.DeviceWritten, float64(n), d.Name)
		}
	}
	zones, _ := r.hw.Zones()
	for _, z := range zones {
		add(metrics.Temperature, z.Celsius, z.Name, z.Type)
	}
	for _, resource := range []string{"cpu", "io", "memory"} {
		if s, err := r.hw.Pressure(resource); err == nil {
			add(metrics.Pressure, s.Some.Avg60/100, resource)
		}
	}
	return all
}
