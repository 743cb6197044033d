package media

import (
	"bytes"
	"encoding/binary"
	"math"
	"slices"
	"testing"
)

// oggPageOf is a page with one packet, whose checksum is computed bit by bit (RFC 3533, 6).
func oggPageOf(flags byte, granule uint64, serial, number uint32, packet []byte) []byte {
	le := binary.LittleEndian
	page := le.AppendUint64([]byte{'O', 'g', 'g', 'S', 0, flags}, granule)
	page = le.AppendUint32(le.AppendUint32(le.AppendUint32(page, serial), number), 0)
	page = append(page, byte(len(packet)/255+1))
	for n := len(packet); ; n -= 255 {
		page = append(page, byte(min(n, 255)))
		if n < 255 {
			break
		}
	}
	page = append(page, packet...)
	crc := uint32(0)
	for _, b := range page {
		for bit := 7; bit >= 0; bit-- {
			carry := crc>>31 ^ uint32(b>>bit&1)
			crc <<= 1
			if carry == 1 {
				crc ^= 0x04c11db7
			}
		}
	}
	le.PutUint32(page[22:], crc)
	return page
}

func opusHead(skip uint16) []byte {
	head := binary.LittleEndian.AppendUint16([]byte("OpusHead\x01\x01"), skip)
	return append(binary.LittleEndian.AppendUint32(head, 16000), 0, 0, 0)
}

func vorbisHead(rate uint32) []byte {
	head := binary.LittleEndian.AppendUint32([]byte("\x01vorbis\x00\x00\x00\x00\x01"), rate)
	return append(head, make([]byte, 14)...)
}

// oggOf is a file of one stream, with a page for each of those seconds.
func oggOf(head []byte, rate, skip, seconds int) []byte {
	b := slices.Concat(oggPageOf(2, 0, 7, 0, head), oggPageOf(0, 0, 7, 1, []byte("tags")))
	for i := range seconds {
		b = append(b, oggPageOf(0, uint64((i+1)*rate+skip), 7, uint32(i+2), make([]byte, 2500))...)
	}
	return b
}

func oggSamples() []sample {
	want := func(mimeType, format string) Info { return Info{MIMEType: mimeType, Format: format, Duration: 5} }
	const none = math.MaxUint64
	video := slices.Concat(oggPageOf(2, 0, 9, 0, []byte("\x80theora\x03\x02\x01")), oggOf(vorbisHead(44100), 44100, 0, 5), oggPageOf(4, 999999, 9, 1, make([]byte, 999)))
	return []sample{
		{name: "a.opus", data: oggOf(opusHead(312), 48000, 312, 5), want: want("audio/ogg", "opus"), counted: true},
		{name: "a.ogg", data: oggOf(vorbisHead(44100), 44100, 0, 5), want: want("audio/ogg", "ogg"), counted: true},
		{name: "a.ogv", data: video, want: want("video/ogg", "ogg"), counted: true},
		{name: "unfinished.opus", data: append(oggOf(opusHead(312), 48000, 312, 5), oggPageOf(0, none, 7, 9, make([]byte, 50_000))...), want: want("audio/ogg", "opus"), counted: true},
		{name: "followed.opus", data: append(oggOf(opusHead(312), 48000, 312, 5), "OggS\x00\x04 and more"...), want: want("audio/ogg", "opus"), counted: true},
	}
}

func TestOgg(t *testing.T) {
	checkSamples(t, oggSamples())
}

// The last page is damaged, so it is not played: the sound is a second shorter.
func TestOggWithADamagedLastPage(t *testing.T) {
	data := oggOf(opusHead(312), 48000, 312, 5)
	data[len(data)-2000] ^= 1
	if got := measure(t, data, "a.opus"); got.Duration != 4 {
		t.Errorf("measured %+v, want 4 seconds", got)
	}
}

// A damaged first page says nothing, and neither does the end of another stream.
func TestOggOfNobodyKnows(t *testing.T) {
	data := oggOf(vorbisHead(44100), 44100, 0, 5)
	data[40] ^= 1 // in the rate
	if got := measure(t, data, "a.ogg"); got.Duration != 0 {
		t.Errorf("damaged: measured %+v", got)
	}
	chained := slices.Concat(oggOf(vorbisHead(44100), 44100, 0, 5), oggPageOf(2, 0, 8, 0, vorbisHead(8000)))
	for i := range 100 {
		chained = append(chained, oggPageOf(0, uint64(i)*8000, 8, 1, make([]byte, 5000))...)
	}
	if got := measure(t, chained, "a.ogg"); got.Duration != 0 {
		t.Errorf("chained: measured %+v", got)
	}
}

// The fuzzer cannot guess a checksum, so each page gets the right one.
func FuzzOgg(f *testing.F) {
	fuzz(f, append(oggSamples(), ofTypes("audio/ogg")...), func(src *source) Info {
		data := bytes.Clone(src.upTo(0, maxBytes))
		for at := 0; at < len(data); at++ {
			if n := oggPageSize(data[at:]); n > 0 && n <= len(data)-at {
				binary.LittleEndian.PutUint32(data[at+22:], oggChecksum(data[at:at+n]))
				at += n - 1
			}
		}
		return readOgg(newSource(bytes.NewReader(data), int64(len(data))))
	})
}
