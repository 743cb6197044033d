package media

import (
	"bytes"
	"encoding/binary"
	"math"
	"slices"
	"testing"
)

var be = binary.BigEndian

func boxOf(kind string, bodies ...[]byte) []byte {
	body := slices.Concat(bodies...)
	return slices.Concat(be.AppendUint32(nil, uint32(len(body)+8)), []byte(kind), body)
}

// fullBox is one with version and flags.
func fullBox(kind string, version byte, flags uint32, bodies ...[]byte) []byte {
	return boxOf(kind, be.AppendUint32(nil, uint32(version)<<24|flags), slices.Concat(bodies...))
}

func u16(n ...uint16) (b []byte) {
	for _, n := range n {
		b = be.AppendUint16(b, n)
	}
	return b
}

func u32(n ...uint32) (b []byte) {
	for _, n := range n {
		b = be.AppendUint32(b, n)
	}
	return b
}

func u64(n ...uint64) (b []byte) {
	for _, n := range n {
		b = be.AppendUint64(b, n)
	}
	return b
}

// timesOf is a mvhd or mdhd box. Version 1 has long times.
func timesOf(kind string, version byte, timescale uint32, ticks uint64) []byte {
	if version == 1 {
		return fullBox(kind, 1, 0, u64(1, 2), u32(timescale), u64(ticks), make([]byte, 80))
	}
	return fullBox(kind, 0, 0, u32(1, 2, timescale, uint32(ticks)), make([]byte, 80))
}

// The matrices of the turns that phones make; 1 is 0x10000.
var (
	upright    = []uint32{0x10000, 0, 0, 0, 0x10000, 0, 0, 0, 0x40000000}
	quarter    = []uint32{0, 0x10000, 0, 0xffff0000, 0, 0, 480 << 16, 0, 0x40000000}
	half       = []uint32{0xffff0000, 0, 0, 0, 0xffff0000, 0, 0, 0, 0x40000000}
	threeTurns = []uint32{0, 0xffff0000, 0, 0x10000, 0, 0, 0, 640 << 16, 0x40000000}
)

// trackOf is a track as a phone's recorder writes it, with a table of samples behind what is read.
type trackOf struct {
	version       byte
	id            uint32
	handler       string
	width, height uint32
	matrix        []uint32
	movieTicks    uint64
	timescale     uint32
	ticks         uint64
	table         int // bytes
}

func (t trackOf) box() []byte {
	matrix := t.matrix
	if matrix == nil {
		matrix = upright
	}
	header := fullBox("tkhd", 0, 7, u32(1, 2, t.id, 0, uint32(t.movieTicks)), make([]byte, 16), u32(matrix...), u32(t.width<<16, t.height<<16))
	if t.version == 1 {
		header = fullBox("tkhd", 1, 7, u64(1, 2), u32(t.id, 0), u64(t.movieTicks), make([]byte, 16), u32(matrix...), u32(t.width<<16, t.height<<16))
	}
	return boxOf("trak", header, boxOf("edts", make([]byte, 28)), boxOf("mdia", timesOf("mdhd", t.version, t.timescale, t.ticks),
		fullBox("hdlr", 0, 0, u32(0), []byte(t.handler), make([]byte, 13)), boxOf("minf", make([]byte, t.table))))
}

func fileType(brands ...string) []byte {
	body := slices.Concat([]byte(brands[0]), u32(512))
	for _, brand := range brands {
		body = append(body, brand...)
	}
	return boxOf("ftyp", body)
}

// filmOf is a movie of seconds with a picture of 640 × 480 and sound.
func filmOf(version byte, seconds float64, matrix []uint32, table int) []byte {
	return boxOf("moov", timesOf("mvhd", version, 600, uint64(seconds*600)),
		trackOf{version: version, id: 1, handler: "vide", width: 640, height: 480, matrix: matrix,
			movieTicks: uint64(seconds * 600), timescale: 90000, ticks: uint64(seconds * 90000), table: table}.box(),
		trackOf{version: version, id: 2, handler: "soun",
			movieTicks: uint64(seconds * 600), timescale: 48000, ticks: uint64(seconds * 48000), table: table}.box(),
		boxOf("udta", make([]byte, 40)))
}

// voiceOf is a movie of sound alone.
func voiceOf(seconds float64) []byte {
	return boxOf("moov", timesOf("mvhd", 0, 1000, uint64(seconds*1000)),
		trackOf{id: 1, handler: "soun", movieTicks: uint64(seconds * 1000), timescale: 44100, ticks: uint64(seconds * 44100), table: 200}.box())
}

func movieSamples() []sample {
	mdat := boxOf("mdat", make([]byte, 4000))
	longMdat := slices.Concat(u32(1), []byte("mdat"), u64(4016), make([]byte, 4000))
	openMdat := slices.Concat(u32(0), []byte("mdat"), make([]byte, 4000))
	isom, quickTime := fileType("isom", "iso2", "mp41"), fileType("qt  ")
	film := func(mimeType, format string, width, height int) Info {
		return Info{MIMEType: mimeType, Format: format, Width: width, Height: height, Duration: 12.5}
	}
	mp4, standing := film("video/mp4", "mp4", 640, 480), film("video/mp4", "mp4", 480, 640)
	moov := filmOf(0, 12.5, nil, 500)
	return []sample{
		{name: "moov first.mp4", data: slices.Concat(isom, moov, mdat), want: mp4},
		{name: "moov last.mp4", data: slices.Concat(isom, boxOf("free"), mdat, moov), want: mp4},
		{name: "long fields.mp4", data: slices.Concat(isom, longMdat, filmOf(1, 12.5, nil, 500)), want: mp4},
		{name: "open data.mp4", data: slices.Concat(isom, moov, openMdat), want: mp4},
		{name: "long table.mp4", data: slices.Concat(isom, mdat, filmOf(0, 12.5, quarter, 50_000)), want: standing},
		{name: "quarter.mp4", data: slices.Concat(isom, mdat, filmOf(0, 12.5, quarter, 500)), want: standing},
		{name: "half.mp4", data: slices.Concat(isom, mdat, filmOf(1, 12.5, half, 500)), want: mp4},
		{name: "three quarters.mp4", data: slices.Concat(isom, mdat, filmOf(1, 12.5, threeTurns, 500)), want: standing},
		{name: "a.m4v", data: slices.Concat(fileType("M4V "), moov, mdat), want: mp4},
		{name: "iphone.mov", data: slices.Concat(quickTime, boxOf("wide"), mdat, filmOf(0, 12.5, quarter, 500)), want: film("video/quicktime", "mov", 480, 640)},
		{name: "old.mov", data: slices.Concat(boxOf("wide"), mdat, moov), want: film("video/quicktime", "mov", 640, 480)},
		{name: "a.3gp", data: slices.Concat(fileType("3gp4", "isom"), mdat, moov), want: film("video/3gpp", "3gp", 640, 480)},
		{name: "new.3gp", data: slices.Concat(fileType("3gr6", "isom"), mdat, moov), want: film("video/3gpp", "3gp", 640, 480)},
		{name: "a.3g2", data: slices.Concat(fileType("3g2a"), mdat, moov), want: film("video/3gpp2", "3g2", 640, 480)},
		{name: "voice.3gp", data: slices.Concat(fileType("3gp4"), mdat, voiceOf(12.5)), want: Info{MIMEType: "audio/3gpp", Format: "3gp", Duration: 12.5}},
		{name: "memo.m4a", data: slices.Concat(fileType("M4A ", "isom"), mdat, voiceOf(12.5)), want: Info{MIMEType: "audio/mp4", Format: "m4a", Duration: 12.5}},
		{name: "cover.m4a", data: slices.Concat(fileType("M4A "), mdat, moov), want: Info{MIMEType: "audio/mp4", Format: "m4a", Duration: 12.5}},
		{name: "voice.mp4", data: slices.Concat(isom, mdat, voiceOf(12.5)), want: Info{MIMEType: "audio/mp4", Format: "m4a", Duration: 12.5}},
	}
}

func TestMovies(t *testing.T) {
	for _, s := range movieSamples() {
		t.Run(s.name, func(t *testing.T) {
			checkWhole(t, s)
			checkCut(t, s)
			checkDamaged(t, s)
		})
	}
}

// What the headers contradict each other about, or do not know, is left out.
func TestMovieDurations(t *testing.T) {
	of := func(movie, shown, ticks uint64) []byte {
		return boxOf("moov", timesOf("mvhd", 0, 600, movie),
			trackOf{id: 1, handler: "soun", movieTicks: shown, timescale: 1000, ticks: ticks}.box())
	}
	for _, c := range []struct {
		name string
		moov []byte
		want float64
	}{
		{"all agree", of(6000, 6000, 10_000), 10},
		{"edited: half of the media is shown", of(3000, 3000, 10_000), 5},
		{"not known to the tracks", of(6000, 0, 0), 10},
		{"known to the track", of(0, 6000, 10_000), 10},
		{"known to the media", of(0, 0, 10_000), 10},
		{"all ones", of(math.MaxUint32, math.MaxUint32, math.MaxUint32), 0},
		{"none", of(0, 0, 0), 0},
		{"contradictory", of(6_000_000, 6000, 10_000), 0},
		{"more than a year", of(4_000_000_000, 4_000_000_000, 0), 6666666.667},
		{"no timescale", boxOf("moov", timesOf("mvhd", 0, 0, 5)), 0},
		{"long ones", boxOf("moov", timesOf("mvhd", 1, 1, math.MaxUint64)), 0},
		{"ages", boxOf("moov", timesOf("mvhd", 1, 1, math.MaxUint64-1)), 0},
		{"no header", boxOf("moov"), 0},
	} {
		got := measure(t, slices.Concat(fileType("isom"), c.moov), "a.mp4")
		if math.Abs(got.Duration-c.want) > 0.001 {
			t.Errorf("%s: %v seconds, want %v", c.name, got.Duration, c.want)
		}
	}
}

// A film of 5 GB, with the moov box and its long tables behind the data, costs a few reads.
func TestMovieOf5GB(t *testing.T) {
	const data = 5 << 30
	film := (&sparse{}).put(fileType("isom")).put(u32(1)).put([]byte("mdat")).put(u64(data + 16)).skip(data).put(filmOf(1, 7200, quarter, 4<<20))
	file := &meter{r: film}
	want := Info{MIMEType: "video/mp4", Format: "mp4", Width: 480, Height: 640, Duration: 7200}
	if got := Measure(file, film.size, "a.mp4"); got != want || file.reads > 4 || file.bytes > 64<<10 {
		t.Errorf("measured %+v in %d reads of %d bytes, want %+v", got, file.reads, file.bytes, want)
	}
}

// Boxes without end, that lie in each other, or that look like fragments, end with the budget and soon.
func TestBoxesWithoutEnd(t *testing.T) {
	many := func(b []byte) []byte { return bytes.Repeat(b, (1<<20)/len(b)) }
	fragment := boxOf("moof", fullBox("mfhd", 0, 0, u32(1)), boxOf("traf", fullBox("tfhd", 0, 0, u32(1)), fullBox("tfdt", 0, 0, u32(1)), fullBox("trun", 0, 0, u32(1))))
	head := slices.Concat(fileType("isom"), boxOf("moov", timesOf("mvhd", 0, 600, 0), trackOf{id: 1, timescale: 1, handler: "soun"}.box(), boxOf("mvex")))
	for name, data := range map[string][]byte{
		"free":      slices.Concat(fileType("isom"), many(boxOf("free"))),
		"tracks":    slices.Concat(fileType("isom"), boxOf("moov", many(boxOf("trak")))),
		"tracks 2":  slices.Concat(fileType("isom"), boxOf("moov", many(trackOf{id: 1, handler: "vide"}.box()))),
		"fragments": slices.Concat(head, many(fragment)),
		"headers":   slices.Concat(head, many(slices.Concat(u32(16), []byte("moof"), u32(8), []byte("mfhd")))),
		"meta":      slices.Concat(fileType("heic"), fullBox("meta", 0, 0, boxOf("iprp", boxOf("ipco", many(boxOf("free")))))),
	} {
		measure(t, data, name)
	}
}

func FuzzMP4(f *testing.F) {
	fuzz(f, append(movieSamples(), append(fragmentSamples(), ofTypes("video/mp4", "video/quicktime", "audio/mp4", "audio/3gpp")...)...),
		func(src *source) Info { return readMP4(src, "video/mp4") })
}
