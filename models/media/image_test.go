package media

import (
	"bytes"
	"encoding/base64"
	"encoding/binary"
	"hash/crc32"
	"image"
	"image/color/palette"
	"image/gif"
	"image/jpeg"
	"image/png"
	"runtime"
	"slices"
	"testing"

	"golang.org/x/image/bmp"
)

// imageOf is the size of a picture.
type imageOf struct{ width, height int }

func (m imageOf) picture() image.Image {
	picture := image.NewPaletted(image.Rect(0, 0, m.width, m.height), palette.WebSafe)
	for i := range picture.Pix {
		picture.Pix[i] = byte(i % 200)
	}
	return picture
}

// encoded is what the encoder makes of a picture of that size.
func encoded(encode func(*bytes.Buffer, image.Image) error, width, height int) []byte {
	var b bytes.Buffer
	if err := encode(&b, imageOf{width, height}.picture()); err != nil {
		panic(err)
	}
	return b.Bytes()
}

func encodePNG(b *bytes.Buffer, m image.Image) error  { return png.Encode(b, m) }
func encodeJPEG(b *bytes.Buffer, m image.Image) error { return jpeg.Encode(b, m, nil) }
func encodeGIF(b *bytes.Buffer, m image.Image) error  { return gif.Encode(b, m, nil) }
func encodeBMP(b *bytes.Buffer, m image.Image) error  { return bmp.Encode(b, m) }

// Made by libwebp's cwebp of pictures of 37 × 21 pixels: lossy, lossless, and lossy with alpha (VP8X).
const (
	webpLossy    = "UklGRkYAAABXRUJQVlA4IDoAAAAwAwCdASolABUAPzmaxVuvKyekJWgB4CcJZwDRvA8KmggAAP7kAX64ubIw1//jeP7lP8U+OgD/JwAA"
	webpLossless = "UklGRhwAAABXRUJQVlA4TA8AAAAvJAAFAAcQ/Y/+ByKi/wEA"
	webpAlpha    = "UklGRmoAAABXRUJQVlA4WAoAAAAQAAAAJAAAFAAAQUxQSAoAAAARB9C/iAhERP8DVlA4IDoAAAAwAwCdASolABUAPzmaxVuvKyekJWgB4CcJZwDRvA8KmggAAP7kAX64ubIw1//jeP7lP8U+OgD/JwAA"
)

func fromBase64(text string) []byte {
	data, err := base64.StdEncoding.DecodeString(text)
	if err != nil {
		panic(err)
	}
	return data
}

// jpegSegment is a marker with what follows it.
func jpegSegment(marker byte, body []byte) []byte {
	return slices.Concat([]byte{0xff, marker, byte((len(body) + 2) >> 8), byte(len(body) + 2)}, body)
}

// exif is an Exif segment whose first directory has a few entries before the orientation, as a camera writes it.
func exif(order interface {
	binary.ByteOrder
	binary.AppendByteOrder
}, orientation uint16) []byte {
	b := []byte("Exif\x00\x00II*\x00")
	if order.String() == "BigEndian" {
		b = []byte("Exif\x00\x00MM\x00*")
	}
	b = order.AppendUint32(b, 8)
	b = order.AppendUint16(b, 3)
	for _, entry := range []struct {
		tag, kind uint16
		count     uint32
		value     uint16
	}{{0x0100, 4, 1, 4000}, {0x010f, 2, 6, 50}, {0x0112, 3, 1, orientation}} {
		b = order.AppendUint16(b, entry.tag)
		b = order.AppendUint16(b, entry.kind)
		b = order.AppendUint32(b, entry.count)
		b = order.AppendUint16(b, entry.value)
		b = order.AppendUint16(b, 0)
	}
	b = order.AppendUint32(b, 0)
	return jpegSegment(jpegAPP1, append(b, "Phone\x00"...))
}

// withSegments puts segments behind the start of a JPEG.
func withSegments(data []byte, segments ...[]byte) []byte {
	return slices.Concat(data[:2], slices.Concat(segments...), data[2:])
}

func imageSamples() []sample {
	still := func(mimeType, format string) Info {
		return Info{MIMEType: mimeType, Format: format, Width: 37, Height: 21}
	}
	upright := still("image/jpeg", "jpeg")
	turned := upright
	turned.Width, turned.Height = 21, 37
	photo := encoded(encodeJPEG, 37, 21)
	app := jpegSegment(0xe2, bytes.Repeat([]byte{0xff, 0xd8}, 30_000))
	samples := []sample{
		{name: "a.png", data: encoded(encodePNG, 37, 21), want: still("image/png", "png")},
		{name: "a.gif", data: encoded(encodeGIF, 37, 21), want: still("image/gif", "gif")},
		{name: "a.bmp", data: encoded(encodeBMP, 37, 21), want: still("image/bmp", "bmp")},
		{name: "lossy.webp", data: fromBase64(webpLossy), want: still("image/webp", "webp")},
		{name: "lossless.webp", data: fromBase64(webpLossless), want: still("image/webp", "webp")},
		{name: "alpha.webp", data: fromBase64(webpAlpha), want: still("image/webp", "webp")},
		{name: "a.jpg", data: photo, want: upright},
		{name: "xmp first.jpg", data: withSegments(photo, jpegSegment(jpegAPP1, []byte("http://ns.adobe.com/xap/1.0/\x00<x:xmpmeta/>")), exif(binary.LittleEndian, 6)), want: turned},
		{name: "filled.jpg", data: withSegments(photo, []byte{0xff, 0xff, 0xff}, exif(binary.BigEndian, 8), app, app, app), want: turned},
		{name: "no orientation.jpg", data: withSegments(photo, exif(binary.BigEndian, 0)), want: upright},
		{name: "orientation of 9.jpg", data: withSegments(photo, exif(binary.LittleEndian, 9)), want: upright},
	}
	for orientation := range uint16(8) {
		want := upright
		if orientation+1 >= 5 {
			want = turned
		}
		samples = append(samples,
			sample{name: "intel.jpg", data: withSegments(photo, exif(binary.LittleEndian, orientation+1)), want: want},
			sample{name: "motorola.jpg", data: withSegments(photo, exif(binary.BigEndian, orientation+1)), want: want})
	}
	return samples
}

func TestImages(t *testing.T) {
	checkSamples(t, imageSamples())
}

// emptyPNG is a PNG of that size with no pixels in it.
func emptyPNG(width, height uint32) []byte {
	chunk := func(kind string, body []byte) []byte {
		b := binary.BigEndian.AppendUint32(nil, uint32(len(body)))
		b = append(append(b, kind...), body...)
		return binary.BigEndian.AppendUint32(b, crc32.ChecksumIEEE(b[4:]))
	}
	header := binary.BigEndian.AppendUint32(nil, width)
	header = binary.BigEndian.AppendUint32(header, height)
	return slices.Concat([]byte("\x89PNG\r\n\x1a\n"), chunk("IHDR", append(header, 8, 6, 0, 0, 0)),
		chunk("IDAT", make([]byte, 900)), chunk("IEND", nil))
}

// A picture that claims 2.5 billion pixels in a kilobyte costs what its header costs.
func TestHugePNGCostsNothing(t *testing.T) {
	data := emptyPNG(50_000, 50_000)
	if got, want := measure(t, data, "bomb.png"), (Info{MIMEType: "image/png", Format: "png", Width: 50_000, Height: 50_000}); got != want {
		t.Errorf("measured %+v, want %+v", got, want)
	}
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	for range 100 {
		Measure(bytes.NewReader(data), int64(len(data)), "bomb.png")
	}
	runtime.ReadMemStats(&after)
	if each := (after.TotalAlloc - before.TotalAlloc) / 100; each > 64<<10 {
		t.Errorf("%d bytes were allocated", each)
	}
}

func TestSidesThatCannotBeAreLeftOut(t *testing.T) {
	for _, sides := range [][2]uint32{{0, 5}, {5, 0}, {maxSide + 1, 5}, {5, 1<<31 - 1}, {1 << 31, 1}} {
		if got := measure(t, emptyPNG(sides[0], sides[1]), "a.png"); got.Width != 0 {
			t.Errorf("a PNG of %v was measured as %+v", sides, got)
		}
	}
}

// A portrait of a phone: 3 MB of depth map in front of the size of the picture.
func TestPortraitWithADepthMap(t *testing.T) {
	photo := encoded(encodeJPEG, 37, 21)
	portrait := (&sparse{}).put(photo[:2]).put(exif(binary.BigEndian, 6))
	for range 48 {
		segment := jpegSegment(jpegAPP1, append([]byte("http://ns.adobe.com/xmp/extension/\x00"), make([]byte, 65_000)...))
		portrait.put(segment[:100]).skip(int64(len(segment) - 100))
	}
	portrait.put(photo[2:])
	file := &meter{r: portrait}
	want := Info{MIMEType: "image/jpeg", Format: "jpeg", Width: 21, Height: 37}
	if got := Measure(file, portrait.size, "a.jpg"); got != want || file.reads > maxReads || file.bytes > maxBytes {
		t.Errorf("measured %+v in %d reads of %d bytes, want %+v", got, file.reads, file.bytes, want)
	}
}

// What image/jpeg finds in its own files, our walk over the markers finds.
func TestJPEGAsTheStandardLibrary(t *testing.T) {
	for side := 1; side < 400; side += 7 {
		data := encoded(encodeJPEG, side, 400-side)
		config, err := jpeg.DecodeConfig(bytes.NewReader(data))
		if got := measure(t, data, "a.jpg"); err != nil || got.Width != config.Width || got.Height != config.Height {
			t.Errorf("measured %+v, image/jpeg %+v, %v", got, config, err)
		}
	}
}

func FuzzJPEG(f *testing.F) {
	fuzz(f, imageSamples(), readJPEG)
}

// The other images are read by modules that have panicked before: guarded must keep that in.
func FuzzImages(f *testing.F) {
	for _, s := range imageSamples() {
		f.Add(s.data)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		for _, mimeType := range []string{"image/png", "image/gif", "image/webp", "image/bmp"} {
			guarded(newSource(bytes.NewReader(data), int64(len(data))), mimeType)
		}
	})
}
