package realtime

import "slices"

const (
	// The newest entries are kept so that a stream that has just caught up finds what came meanwhile without another
	// read: some milliseconds of a busy log are enough, this is about 50.
	ringEntries = 512
	// The same in bytes, so that an app of long texts does not hold more.
	ringBytes = 1 << 20
)

// ring holds the newest entries that have passed the hub. Everything above floor is in it.
type ring struct {
	floor   int64
	entries []*fanout
	bytes   int
}

func (r *ring) push(f *fanout) {
	r.entries = append(r.entries, f)
	r.bytes += f.size
	drop := 0
	for len(r.entries)-drop > ringEntries || r.bytes > ringBytes && len(r.entries)-drop > 1 {
		r.floor = r.entries[drop].entry.Seq()
		r.bytes -= r.entries[drop].size
		drop++
	}
	if drop > 0 {
		r.entries = slices.Delete(r.entries, 0, drop)
	}
}

// after gives the entries above a position; false when some of them have left the ring.
func (r *ring) after(position int64) ([]*fanout, bool) {
	if position < r.floor {
		return nil, false
	}
	i, _ := slices.BinarySearchFunc(r.entries, position+1, func(f *fanout, seq int64) int { return int(f.entry.Seq() - seq) })
	return r.entries[i:], true
}
