package media

import (
	"encoding/binary"
	"slices"
	"testing"
)

// riffChunk is a chunk of a WAV file, padded to an even length.
func riffChunk(id string, body []byte) []byte {
	b := binary.LittleEndian.AppendUint32([]byte(id), uint32(len(body)))
	return append(append(b, body...), make([]byte, len(body)&1)...)
}

// waveFormat is the fmt chunk of samples that are not compressed.
func waveFormat(kind, channels, rate, bits int) []byte {
	le := binary.LittleEndian
	block := channels * bits / 8
	b := le.AppendUint16(le.AppendUint16(nil, uint16(kind)), uint16(channels))
	b = le.AppendUint32(le.AppendUint32(b, uint32(rate)), uint32(rate*block))
	return riffChunk("fmt ", le.AppendUint16(le.AppendUint16(b, uint16(block)), uint16(bits)))
}

func waveFile(chunks ...[]byte) []byte {
	body := append([]byte("WAVE"), slices.Concat(chunks...)...)
	return append(binary.LittleEndian.AppendUint32([]byte("RIFF"), uint32(len(body))), body...)
}

// ofSize gives a data chunk another size.
func ofSize(chunk []byte, size uint32) []byte {
	binary.LittleEndian.PutUint32(chunk[4:], size)
	return chunk
}

func wavSamples() []sample {
	want := Info{MIMEType: "audio/wav", Format: "wav", Duration: 0.25}
	format := waveFormat(1, 2, 8000, 16)
	data := func() []byte { return riffChunk("data", make([]byte, 8000)) }
	long := waveFile(riffChunk("ds64", slices.Concat(make([]byte, 8), binary.LittleEndian.AppendUint64(nil, 8000), make([]byte, 12))), format, ofSize(data(), 0xffffffff), riffChunk("id3 ", make([]byte, 99)))
	copy(long, "RF64")
	broadcast := slices.Clone(long)
	copy(broadcast, "BW64")
	return []sample{
		{name: "plain.wav", data: waveFile(format, data()), want: want, counted: true},
		{name: "listed.wav", data: waveFile(riffChunk("LIST", make([]byte, 77)), format, riffChunk("fact", make([]byte, 4)), data(), riffChunk("id3 ", make([]byte, 99))), want: want, counted: true},
		{name: "float.wav", data: waveFile(waveFormat(3, 1, 8000, 32), data()), want: want, counted: true},
		{name: "a law.wav", data: waveFile(waveFormat(6, 1, 32000, 8), data()), want: want, counted: true},
		{name: "stopped.wav", data: waveFile(format, ofSize(data(), 0)), want: want, counted: true},
		{name: "open.wav", data: waveFile(format, ofSize(data(), 0xffffffff)), want: want, counted: true},
		{name: "cut.wav", data: waveFile(format, ofSize(data(), 9_000_000)), want: want, counted: true},
		{name: "long.wav", data: long, want: want, counted: true},
		{name: "broadcast.wav", data: broadcast, want: want, counted: true},
	}
}

func TestWAV(t *testing.T) {
	checkSamples(t, wavSamples())
}

// A rate that contradicts the others is not believed.
func TestWAVThatContradictsItself(t *testing.T) {
	for i := 12 + 8 + 2; i < 12+8+16; i++ { // of the fmt chunk, behind the kind
		data := waveFile(waveFormat(1, 2, 8000, 16), riffChunk("data", make([]byte, 8000)))
		data[i] ^= 0x40
		if got := measure(t, data, "a.wav"); got.Duration != 0 {
			t.Errorf("byte %d flipped: measured %+v", i, got)
		}
	}
}

func FuzzWAV(f *testing.F) {
	fuzz(f, append(wavSamples(), ofTypes("audio/wav")...), readWAV)
}

func FuzzFLAC(f *testing.F) {
	fuzz(f, ofTypes("audio/flac"), func(src *source) Info { return readFLAC(src, 0) })
}
