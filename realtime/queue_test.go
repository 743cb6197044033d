package realtime

import (
	"fmt"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"parley/models"
)

// TestQueueGivesWayInOrder: random frames of conversations and of chat rooms, against a list that does what is promised in
// the plainest way.
func TestQueueGivesWayInOrder(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		q := newQueue()
		var kept []*frame
		lost := map[string]int64{}
		overflowed := false
		var seq int64
		t.Repeat(map[string]func(*rapid.T){
			"push": func(t *rapid.T) {
				f := randomFrame(t, &seq)
				ok, dropped := q.push(f)
				var fits bool
				var gone []*frame
				kept, gone, fits = pushPlainly(kept, f, overflowed)
				var counted losses
				for _, g := range gone {
					counted[laneOf(g.priority)]++
					if g.seq > 0 {
						lost[g.room] = max(lost[g.room], g.seq)
					}
				}
				overflowed = overflowed || !fits
				if ok != (!overflowed || f.room != "") || dropped != counted {
					t.Fatalf("ok %v, dropped %v; not %v, %v", ok, dropped, !overflowed, counted)
				}
			},
			"take": func(t *rapid.T) {
				frames, told, over, _ := q.take(nil)
				if over != overflowed {
					t.Fatalf("overflowed: %v, not %v", over, overflowed)
				}
				if over { // the stream is attached anew
					q.reset()
					kept, overflowed = nil, false
					return
				}
				if !slices.Equal(frames, kept) || fmt.Sprint(told) != fmt.Sprint(lost) {
					t.Fatalf("took %v and lost %v, not %v and %v", numbers(frames), told, numbers(kept), lost)
				}
				kept = nil
				clear(lost)
			},
			"": func(t *rapid.T) {
				bytes := 0
				for _, f := range kept {
					bytes += len(f.data)
				}
				if q.empty() != (len(kept) == 0 && len(lost) == 0 && !overflowed) || q.count != len(kept) || q.bytes != bytes || len(q.frames) > 2*queueFrames {
					t.Fatalf("%d frames of %d bytes in %d places, not %d of %d", q.count, q.bytes, len(q.frames), len(kept), bytes)
				}
			},
		})
	})
}

// randomFrame is often large, so that few fill the queue.
func randomFrame(t *rapid.T, seq *int64) *frame {
	f := &frame{data: make([]byte, rapid.SampledFrom([]int{100, 40 << 10, 90 << 10, 200 << 10}).Draw(t, "size"))}
	if rapid.IntRange(0, 9).Draw(t, "beside the log") > 0 {
		*seq++
		f.seq = *seq
	}
	if rapid.IntRange(0, 3).Draw(t, "of a room") > 0 {
		f.room = rapid.SampledFrom([]string{"a", "b"}).Draw(t, "room")
		f.priority = models.Priority(rapid.IntRange(-1, 1).Draw(t, "priority"))
	}
	return f
}

// pushPlainly is push on a plain list.
func pushPlainly(kept []*frame, f *frame, overflowed bool) (after, dropped []*frame, fits bool) {
	full := func() bool {
		bytes := len(f.data)
		for _, k := range kept {
			bytes += len(k.data)
		}
		return len(kept) >= queueFrames || bytes > queueBytes
	}
	kept = slices.Clone(kept)
	for priority := models.LowPriority; priority <= models.HighPriority; priority++ {
		for full() {
			oldest := slices.IndexFunc(kept, func(k *frame) bool { return k.room != "" && k.priority == priority })
			if oldest < 0 || f.room != "" && f.priority < priority {
				break
			}
			dropped = append(dropped, kept[oldest])
			kept = slices.Delete(kept, oldest, oldest+1)
		}
	}
	switch {
	case !full() && !overflowed:
		return append(kept, f), dropped, true
	case f.room != "":
		return kept, append(dropped, f), true
	}
	return nil, dropped, false
}

func numbers(frames []*frame) (seqs []int64) {
	for _, f := range frames {
		seqs = append(seqs, f.seq)
	}
	return seqs
}

// TestQueueOfManySmallFrames: the bound is also on their number, and dropping thousands leaves no holes behind.
func TestQueueOfManySmallFrames(t *testing.T) {
	q := newQueue()
	for i := range int64(10_000) {
		if ok, _ := q.push(&frame{seq: i + 1, data: []byte("x"), room: "a"}); !ok {
			t.Fatal("a chat room has made the queue overflow")
		}
	}
	if ok, dropped := q.push(&frame{seq: 10_001, data: []byte("x")}); !ok || dropped != (losses{0, 1, 0}) {
		t.Fatalf("%v, %v dropped", ok, dropped)
	}
	frames, lost, _, _ := q.take(nil)
	if len(frames) != queueFrames || frames[0].seq != 10_001-queueFrames+1 || lost["a"] != 10_001-queueFrames {
		t.Fatalf("%d frames from %d on, %v lost", len(frames), frames[0].seq, lost)
	}
}
