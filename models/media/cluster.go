package media

import (
	"bytes"
	"encoding/binary"
)

// lastBlockEnd gives the time, in steps of timestamps, at which the last block between the first cluster and the end of
// the segment ends, or 0. A browser records with open sizes, so one cannot jump from cluster to cluster: either
// everything fits into the budget, or the last cluster begins in as much of the tail as does.
func lastBlockEnd(src *source, first, end int64) float64 {
	n := int64(src.left())
	if end-first <= n {
		if blocks, ok := walkBlocks(src.at(first, int(end-first))); ok {
			return blocks.end()
		}
		return 0
	}
	id := binary.BigEndian.AppendUint32(nil, mkvCluster)
	tail := src.at(end-n, int(n))
	for range 8 { // tries: what only looks like a cluster costs a walk
		at := bytes.LastIndex(tail, id)
		if at < 0 {
			break
		}
		if blocks, ok := walkBlocks(src.at(end-n+int64(at), int(n)-at)); ok && blocks.isThere() {
			return blocks.end()
		}
		tail = tail[:at]
	}
	return 0
}

// blocks are the last times of the blocks of each track.
type blocks map[uint64]blockTimes

type blockTimes struct {
	last, step float64 // the time of the last one, and from the one before
}

func (b blocks) isThere() bool { return len(b) > 0 }

func (b blocks) add(track uint64, time float64) {
	times, ok := b[track]
	if ok && time > times.last {
		times.step = time - times.last
	}
	times.last = max(times.last, time)
	b[track] = times
}

// end is the time of the latest block, and the time that it takes, if that is as long as the one before took.
func (b blocks) end() float64 {
	latest := 0.0
	for _, times := range b {
		latest = max(latest, times.last+times.step)
	}
	return latest
}

// walkBlocks goes through clusters, and tells whether it came to the end of data; a block that is cut there does not count.
func walkBlocks(data []byte) (b blocks, isAtEnd bool) {
	b = blocks{}
	clusterTime := 0.0
	for len(data) > 0 {
		e, n, size, ok := parseElement(data)
		if !ok {
			return b, len(data) < 12
		}
		data = data[n:]
		if e.id == mkvCluster || e.id == mkvBlockGroup { // what is inside follows
			continue
		}
		if e.isOpen {
			return b, false
		}
		if size > uint64(len(data)) {
			return b, true
		}
		body := data[:size]
		data = data[size:]
		switch e.id {
		case mkvTimestamp:
			clusterTime = float64(bigEndian(body))
		case mkvSimpleBlock, mkvBlock: // track, time from the cluster's on
			track, width, ok := parseVint(body)
			if ok && len(body) >= width+2 {
				b.add(track, clusterTime+float64(int16(binary.BigEndian.Uint16(body[width:]))))
			}
		}
	}
	return b, true
}
