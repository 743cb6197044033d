package media

import (
	"encoding/binary"
	"math"
	"slices"
	"testing"
)

func ebmlID(id uint32) []byte {
	b := be.AppendUint32(nil, id)
	for b[0] == 0 {
		b = b[1:]
	}
	return b
}

// ebml is an element whose size takes four bytes.
func ebml(id uint32, bodies ...[]byte) []byte {
	body := slices.Concat(bodies...)
	return slices.Concat(ebmlID(id), be.AppendUint32(nil, 1<<28|uint32(len(body))), body)
}

// ebmlOpen is an element of unknown size, as a browser's recorder writes it.
func ebmlOpen(id uint32, bodies ...[]byte) []byte {
	return slices.Concat(ebmlID(id), []byte{0x01, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff}, slices.Concat(bodies...))
}

func webmHead(docType string) []byte {
	return ebml(0x1a45dfa3, ebml(0x4286, []byte{1}), ebml(0x4282, []byte(docType)))
}

func webmInfo(duration []byte) []byte {
	unit := ebml(mkvTimestampUnit, []byte{0x0f, 0x42, 0x40}) // a millisecond
	if duration == nil {
		return ebml(mkvInfo, unit)
	}
	return ebml(mkvInfo, unit, ebml(mkvDuration, duration))
}

func float64Of(n float64) []byte { return u64(math.Float64bits(n)) }
func float32Of(n float32) []byte { return u32(math.Float32bits(n)) }

func webmTracks(entries ...[]byte) []byte { return ebml(mkvTracks, entries...) }

func webmSound() []byte {
	return ebml(mkvTrackEntry, ebml(0xd7, []byte{1}), ebml(mkvTrackType, []byte{2}), ebml(0x86, []byte("A_OPUS")))
}

func webmPicture(more ...[]byte) []byte {
	video := append([][]byte{ebml(mkvPixelWidth, u16(640)), ebml(mkvPixelHeight, u16(480))}, more...)
	return ebml(mkvTrackEntry, ebml(0xd7, []byte{2}), ebml(mkvTrackType, []byte{1}), ebml(mkvVideo, video...))
}

// webmBlocks is the content of a cluster: a block of track 1 every 60 ms from start to end, each of n bytes.
func webmBlocks(start, end, n int) []byte {
	b := ebml(mkvTimestamp, u32(uint32(start)))
	for at := start; at < end; at += 60 {
		block := append(binary.BigEndian.AppendUint16([]byte{0x81}, uint16(at-start)), make([]byte, n)...)
		if at%120 == 0 {
			b = append(b, ebml(mkvSimpleBlock, block)...)
		} else {
			b = append(b, ebml(mkvBlockGroup, ebml(mkvBlock, block))...)
		}
	}
	return b
}

func webmSamples() []sample {
	want := Info{MIMEType: "video/webm", Format: "webm", Width: 640, Height: 480, Duration: 6}
	voice := Info{MIMEType: "audio/webm", Format: "webm", Duration: 6}
	mkv := Info{MIMEType: "video/matroska", Format: "mkv", Width: 853, Height: 480, Duration: 6}
	stated, unstated := webmInfo(float64Of(6000)), webmInfo(nil)
	both := webmTracks(webmSound(), webmPicture())
	cluster := ebml(mkvCluster, webmBlocks(0, 6000, 100))
	seek := ebml(0x114d9b74, make([]byte, 50))
	void := ebml(0xec, make([]byte, 100))
	return []sample{
		{name: "a.webm", data: slices.Concat(webmHead("webm"), ebml(mkvSegment, seek, void, stated, both, cluster)), want: want},
		{name: "single.webm", data: slices.Concat(webmHead("webm"), ebmlOpen(mkvSegment, webmInfo(float32Of(6000)), both, cluster)), want: want},
		{name: "head behind.webm", data: slices.Concat(webmHead("webm"), ebml(mkvSegment, seek, cluster, both, stated)), want: want, counted: true},
		{name: "a.mkv", data: slices.Concat(webmHead("matroska"), ebml(mkvSegment, stated, webmTracks(webmPicture(ebml(mkvDisplayWidth, u16(853)), ebml(mkvDisplayHeight, u16(480)))), cluster)), want: mkv},
		{name: "ratio.webm", data: slices.Concat(webmHead("webm"), ebml(mkvSegment, stated, webmTracks(webmPicture(ebml(mkvDisplayUnit, []byte{3}), ebml(mkvDisplayWidth, []byte{4}), ebml(mkvDisplayHeight, []byte{3}))), cluster)), want: want},
		{name: "recorded.webm", data: slices.Concat(webmHead("webm"), ebmlOpen(mkvSegment, unstated, both,
			ebmlOpen(mkvCluster, webmBlocks(0, 3000, 100)), ebmlOpen(mkvCluster, webmBlocks(3000, 6000, 100)))), want: want, counted: true},
		{name: "voice.webm", data: slices.Concat(webmHead("webm"), ebmlOpen(mkvSegment, unstated, webmTracks(webmSound()),
			ebmlOpen(mkvCluster, webmBlocks(0, 6000, 200)))), want: voice, counted: true},
		{name: "closed clusters.webm", data: slices.Concat(webmHead("webm"), ebmlOpen(mkvSegment, unstated, webmTracks(webmSound()),
			ebml(mkvCluster, webmBlocks(0, 3000, 100)), ebml(mkvCluster, webmBlocks(3000, 6000, 100)), ebml(0x1254c367, make([]byte, 20)))), want: voice, counted: true},
	}
}

func TestWebM(t *testing.T) {
	checkSamples(t, webmSamples())
}

// An hour of a browser's voice, without a duration: the last cluster begins in the tail.
func TestLongVoiceInWebM(t *testing.T) {
	data := slices.Concat(webmHead("webm"), ebmlID(mkvSegment), []byte{0x01, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff}, webmInfo(nil), webmTracks(webmSound()))
	for i := range 120 {
		data = append(data, ebmlOpen(mkvCluster, webmBlocks(i*30_000, (i+1)*30_000, 240))...)
	}
	if got, want := measure(t, data, "a.webm"), (Info{MIMEType: "audio/webm", Format: "webm", Duration: 3600}); got != want {
		t.Errorf("measured %+v, want %+v", got, want)
	}
}

// Clusters longer than the tail: nobody knows.
func TestLongClustersInWebM(t *testing.T) {
	data := slices.Concat(webmHead("webm"), ebmlOpen(mkvSegment, webmInfo(nil), webmTracks(webmPicture()),
		ebmlOpen(mkvCluster, webmBlocks(0, 30_000, 5000))))
	if got, want := measure(t, data, "a.webm"), (Info{MIMEType: "video/webm", Format: "webm", Width: 640, Height: 480}); got != want {
		t.Errorf("measured %+v, want %+v", got, want)
	}
}

func TestWebMDurationsThatCannotBe(t *testing.T) {
	for _, duration := range []float64{math.NaN(), math.Inf(1), math.Inf(-1), -6000, 1e300, 0.1} {
		data := slices.Concat(webmHead("webm"), ebml(mkvSegment, webmInfo(float64Of(duration)), webmTracks(webmSound())))
		if got := measure(t, data, "a.webm"); got.Duration != 0 {
			t.Errorf("%v: measured %+v", duration, got)
		}
	}
}

func FuzzMatroska(f *testing.F) {
	fuzz(f, append(webmSamples(), ofTypes("video/webm", "audio/webm", "video/matroska")...), func(src *source) Info { return readMatroska(src, "video/webm") })
}
