package pop

import "container/heap"

// An agenda is flights as a heap, the one that is due first at its root. Each knows
// its place.
type agenda []*flight

func (a agenda) Len() int           { return len(a) }
func (a agenda) Less(i, j int) bool { return a[i].due < a[j].due }

func (a agenda) Swap(i, j int) {
	a[i], a[j] = a[j], a[i]
	a[i].at, a[j].at = i, j
}

// Push is for package heap.
func (a *agenda) Push(x any) {
	f := x.(*flight)
	f.at = len(*a)
	*a = append(*a, f)
}

// Pop is for package heap.
func (a *agenda) Pop() any {
	old := *a
	f := old[len(old)-1]
	old[len(old)-1] = nil
	*a = old[:len(old)-1]
	f.at = -1
	return f
}

// drop takes f out if it is there.
func (a *agenda) drop(f *flight) {
	if f.at >= 0 {
		heap.Remove(a, f.at)
	}
}
