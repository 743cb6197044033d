package media

import (
	"bytes"
	"math"
	"math/rand/v2"
	"slices"
	"testing"
)

// adtsFrame is a frame of AAC of that size at 44.1 kHz in stereo.
func adtsFrame(size int) []byte {
	frame := make([]byte, size)
	copy(frame, []byte{0xff, 0xf1, 0x50, 0x80 | byte(size>>11), byte(size >> 3), byte(size<<5) | 0x1f, 0xfc})
	return frame
}

// adtsFrames are n frames whose sizes vary around one.
func adtsFrames(n, size int) (b []byte) {
	random := rand.New(rand.NewPCG(1, 2))
	for range n {
		b = append(b, adtsFrame(size*3/4+random.IntN(size/2))...)
	}
	return b
}

func adtsSamples() []sample {
	want := Info{MIMEType: "audio/aac", Format: "aac", Duration: math.Round(100*1024.0/44.1) / 1000}
	return []sample{
		{name: "a.aac", data: adtsFrames(100, 100), want: want, counted: true},
		{name: "tagged.aac", data: slices.Concat(id3(200, 0), adtsFrames(100, 100)), want: want, counted: true},
	}
}

// amrFrames are n frames of a voice in AMR, every fourth of them silence.
func amrFrames(n int) []byte {
	b := []byte("#!AMR\n")
	for i := range n {
		frame := append([]byte{0x3c}, bytes.Repeat([]byte{0xff}, 31)...) // 12.2 kbit/s
		if i%4 == 3 {
			frame = []byte{0x44, 0xff, 2, 3, 4, 5} // comfort noise
		}
		b = append(b, frame...)
	}
	return b
}

func amrSamples() []sample {
	wide := append([]byte("#!AMR-WB\n"), bytes.Repeat(append([]byte{0x44}, make([]byte, 60)...), 75)...)
	return []sample{
		{name: "voice.amr", data: amrFrames(150), want: Info{MIMEType: "audio/amr", Format: "amr", Duration: 3}, counted: true},
		{name: "voice.awb", data: wide, want: Info{MIMEType: "audio/amr-wb", Format: "amr", Duration: 1.5}, counted: true},
	}
}

func TestFrames(t *testing.T) {
	checkSamples(t, append(adtsSamples(), amrSamples()...))
}

// Too long to be counted: the rate is taken from three places.
func TestLongVoices(t *testing.T) {
	for _, c := range []struct {
		name    string
		data    []byte
		seconds float64
	}{
		{"a.aac", adtsFrames(20_000, 190), 20_000 * 1024.0 / 44100},
		{"a.amr", amrFrames(30_000), 600},
	} {
		if got := measure(t, c.data, c.name).Duration; math.Abs(got-c.seconds) > c.seconds/50 {
			t.Errorf("%s: %v seconds, want %v", c.name, got, c.seconds)
		}
	}
}

// A damaged frame is passed over.
func TestVoiceWithADamagedFrame(t *testing.T) {
	data := amrFrames(150)
	data[6] |= 0x80 // the first frame's header
	if got := measure(t, data, "a.amr").Duration; got != 2.98 {
		t.Errorf("%v seconds, want 2.98", got)
	}
}

// Mostly something else than frames: nobody knows.
func TestFramesBetweenOthers(t *testing.T) {
	data := slices.Concat(adtsFrames(50, 100), make([]byte, 50_000), adtsFrames(50, 100))
	if got := measure(t, data, "a.aac"); got.Duration != 0 {
		t.Errorf("measured %+v", got)
	}
	if got := measure(t, []byte("#!AMR_MC1.0\n\x00\x00\x00\x02"+string(amrFrames(50)[6:])), "a.amr"); got.Duration != 0 {
		t.Errorf("several channels: measured %+v", got)
	}
}

func FuzzAMR(f *testing.F) {
	fuzz(f, append(amrSamples(), ofTypes("audio/amr")...), readAMR)
}
