package media

import (
	"bytes"
	"encoding/binary"
	"math"
	"slices"
	"testing"
)

// mp3Frame is a frame of 44.1 kHz in stereo: 26 ms of layer III.
func mp3Frame(bitRate int, body ...byte) []byte {
	for i, rate := range []int{0, 32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320} {
		if rate == bitRate {
			frame := make([]byte, 144000*bitRate/44100)
			copy(frame, []byte{0xff, 0xfb, byte(i << 4), 0})
			copy(frame[4:], body)
			return frame
		}
	}
	panic("no such bit rate")
}

const mp3FrameSeconds = 1152.0 / 44100

func mp3Frames(bitRate, n int) []byte {
	return bytes.Repeat(mp3Frame(bitRate, 'x'), n)
}

// xing is the body of a first frame that states frames and bytes, and, when it is LAME's, the delays.
func xing(word string, frames, size uint32, delays ...int) []byte {
	body := slices.Concat(make([]byte, 32), []byte(word), u32(0x0f, frames, size), make([]byte, 100), u32(50))
	if len(delays) == 2 {
		both := delays[0]<<12 | delays[1]
		body = slices.Concat(body, []byte("LAME3.100"), make([]byte, 12), []byte{byte(both >> 16), byte(both >> 8), byte(both)})
	}
	return body
}

func vbri(frames, size uint32) []byte {
	return slices.Concat(make([]byte, 32), []byte("VBRI"), u16(1, 0, 75), u32(size, frames), make([]byte, 40))
}

// id3 is an ID3v2 tag with a cover of n bytes.
func id3(n int, flags byte) []byte {
	tag := []byte{'I', 'D', '3', 4, 0, flags, byte(n >> 21 & 0x7f), byte(n >> 14 & 0x7f), byte(n >> 7 & 0x7f), byte(n & 0x7f)}
	tag = append(tag, bytes.Repeat([]byte{0xff, 0xfb, 0x90, 0}, n/4+1)[:n]...) // it looks like frames
	if flags&0x10 != 0 {
		tag = append(tag, "3DI\x04\x00\x10\x00\x00\x00\x00"...)
	}
	return tag
}

func apeTag(n int) []byte {
	le := binary.LittleEndian
	tag := le.AppendUint32(le.AppendUint32(nil, 2000), uint32(n+32))
	tag = le.AppendUint32(le.AppendUint32(tag, 1), 1<<31)
	half := append(append([]byte("APETAGEX"), tag...), make([]byte, 8)...)
	return slices.Concat(half, make([]byte, n), half)
}

func id3v1() []byte {
	return append([]byte("TAG"), make([]byte, 125)...)
}

func mp3Samples() []sample {
	of := func(frames float64) Info {
		return Info{MIMEType: "audio/mpeg", Format: "mp3", Duration: math.Round(frames*mp3FrameSeconds*1000) / 1000}
	}
	mixed := slices.Concat(mp3Frames(32, 30), mp3Frames(128, 50), mp3Frames(320, 20))
	size := uint32(len(mixed) + 417)
	return []sample{
		{name: "constant.mp3", data: mp3Frames(128, 200), want: of(200), counted: true},
		{name: "variable without header.mp3", data: mixed, want: of(100), counted: true},
		{name: "xing.mp3", data: append(mp3Frame(128, xing("Xing", 100, size)...), mixed...), want: of(100), counted: true},
		{name: "lame.mp3", data: append(mp3Frame(128, xing("Info", 100, size, 576, 1728)...), mixed...), want: of(98), counted: true},
		{name: "vbri.mp3", data: append(mp3Frame(128, vbri(100, size)...), mixed...), want: of(100), counted: true},
		{name: "no frames stated.mp3", data: append(mp3Frame(128, xing("Xing", 0, size)...), mixed...), want: of(100), counted: true},
		{name: "too many stated.mp3", data: append(mp3Frame(128, xing("Xing", 1<<31, size)...), mixed...), want: of(100), counted: true},
		{name: "too few stated.mp3", data: append(mp3Frame(128, xing("Xing", 1, size)...), mixed...), want: of(100), counted: true},
		{name: "tags.mp3", data: slices.Concat(id3(3000, 0), mp3Frames(128, 200), apeTag(50_000), id3v1()), want: of(200), counted: true},
		{name: "padded tag.mp3", data: slices.Concat(id3(300, 0x10), make([]byte, 999), mp3Frames(64, 200), id3v1()), want: of(200), counted: true},
		{name: "two tags.mp3", data: slices.Concat(id3(300, 0), id3(500, 0), mp3Frames(64, 200)), want: of(200), counted: true},
	}
}

func TestMP3(t *testing.T) {
	checkSamples(t, mp3Samples())
}

// A song of an hour with a cover of 3 MB.
func TestLongMP3(t *testing.T) {
	const frames = 137_813
	want := math.Round(frames*mp3FrameSeconds*1000) / 1000
	for name, file := range map[string]*sparse{
		"stated":  (&sparse{}).put(id3(3<<20, 0)).put(mp3Frame(128, xing("Xing", frames, frames*417)...)).put(mp3Frames(128, 40)).skip((frames - 41) * 417),
		"counted": (&sparse{}).put(id3(3<<20, 0)).put(mp3Frames(128, frames)).put(id3v1()),
	} {
		read := &meter{r: file}
		got := Measure(read, file.size, "a.mp3")
		if got.MIMEType != "audio/mpeg" || math.Abs(got.Duration-want) > want/1000 || read.reads > maxReads || read.bytes > 200<<10 {
			t.Errorf("%s: measured %+v in %d reads of %d bytes, want %v seconds", name, got, read.reads, read.bytes, want)
		}
	}
}

// Of a long stream of variable bit rate without a header nobody knows the length without reading all of it.
func TestLongMP3OfVariableBitRateWithoutHeader(t *testing.T) {
	data := slices.Concat(mp3Frames(32, 5000), mp3Frames(320, 1000))
	if got := measure(t, data, "a.mp3"); got.Duration != 0 || got.Format != "mp3" {
		t.Errorf("measured %+v", got)
	}
}

// Of a cut file the header's word is not believed: what plays is what is left.
func TestCutMP3(t *testing.T) {
	frames := slices.Concat(mp3Frames(32, 30), mp3Frames(128, 50), mp3Frames(320, 20))
	data := append(mp3Frame(128, xing("Xing", 100, uint32(len(frames)+417))...), frames...)
	if got, want := measure(t, data[:417+len(mp3Frames(32, 30))+417*10+5], "a.mp3").Duration, 40*mp3FrameSeconds; math.Abs(got-want) > 0.001 {
		t.Errorf("%v seconds, want %v", got, want)
	}
}

// A damaged frame is passed over.
func TestMP3WithADamagedFrame(t *testing.T) {
	data := mp3Frames(128, 200)
	copy(data[417*100:], "????")
	if got, want := measure(t, data, "a.mp3").Duration, 199*mp3FrameSeconds; math.Abs(got-want) > 0.001 {
		t.Errorf("%v seconds, want %v", got, want)
	}
}

// The sizes and lengths of frames as tables of the standards have them, for each version and layer.
func TestMP3Headers(t *testing.T) {
	for _, c := range []struct {
		header  uint32
		size    int
		samples float64
		rate    float64
	}{
		{0xfffb9000, 417, 1152, 44100}, // version 1, layer III, 128 kbit/s
		{0xfffb9200, 418, 1152, 44100}, // with padding
		{0xfffbe400, 960, 1152, 48000}, // 320 kbit/s
		{0xfff38000, 208, 576, 22050},  // version 2, layer III, 64 kbit/s
		{0xffe31800, 72, 576, 8000},    // version 2.5, layer III, 8 kbit/s
		{0xfffd6000, 313, 1152, 44100}, // version 1, layer II, 96 kbit/s
		{0xfffd6400, 288, 1152, 48000},
		{0xffff1800, 48, 384, 32000}, // version 1, layer I, 32 kbit/s
	} {
		got, ok := parseMP3(u32(c.header))
		if !ok || got.bytes != c.size || math.Abs(got.seconds-c.samples/c.rate) > 1e-9 {
			t.Errorf("%x: %+v, %v, want %d bytes", c.header, got, ok, c.size)
		}
	}
	for _, header := range []uint32{0xfffb0000, 0xfffbf000, 0xfffb9c00, 0xffeb9000, 0xfff99000, 0x7ffb9000} {
		if got, ok := parseMP3(u32(header)); ok {
			t.Errorf("%x: %+v is no frame", header, got)
		}
	}
}

func FuzzMPEG(f *testing.F) {
	fuzz(f, append(append(mp3Samples(), adtsSamples()...), ofTypes("audio/mpeg", "audio/aac")...), readMPEG)
}
