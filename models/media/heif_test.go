package media

import (
	"slices"
	"testing"
)

// heifOf is a picture of a phone: a grid of tiles as the primary item 49, whose properties are given, and a tile with
// its own.
func heifOf(brands []string, isLong bool, properties ...[]byte) []byte {
	itemID, index := func(n uint16) []byte { return u16(n) }, func(n byte) []byte { return []byte{0x80 | n} }
	version, flags := byte(0), uint32(0)
	if isLong {
		itemID, index = func(n uint16) []byte { return u32(uint32(n)) }, func(n byte) []byte { return u16(0x8000 | uint16(n)) }
		version, flags = 1, 1
	}
	tile := slices.Concat(itemID(1), []byte{1}, index(1))
	primary := slices.Concat(itemID(49), []byte{byte(len(properties))})
	for i := range properties {
		primary = append(primary, index(byte(i+2))...)
	}
	all := append([][]byte{sizeProperty(512, 512)}, properties...)
	meta := fullBox("meta", 0, 0,
		fullBox("hdlr", 0, 0, u32(0), []byte("pict"), make([]byte, 13)),
		fullBox("pitm", version, 0, itemID(49)),
		boxOf("iinf", make([]byte, 900)),
		boxOf("iprp", boxOf("ipco", all...), fullBox("ipma", version, flags, u32(2), tile, primary)))
	return slices.Concat(fileType(brands...), meta, boxOf("mdat", make([]byte, 3000)))
}

func sizeProperty(width, height uint32) []byte { return fullBox("ispe", 0, 0, u32(width, height)) }
func turnProperty(quarters byte) []byte        { return boxOf("irot", []byte{quarters}) }
func cropProperty(width, height uint32) []byte {
	return boxOf("clap", u32(width*2, 2, height, 1, 0, 1, 0, 1))
}

func heifSamples() []sample {
	colour := boxOf("colr", []byte("nclx"), make([]byte, 7))
	size := sizeProperty(4032, 3024)
	lying := Info{MIMEType: "image/heic", Format: "heic", Width: 4032, Height: 3024}
	standing := Info{MIMEType: "image/heic", Format: "heic", Width: 3024, Height: 4032}
	phone := []string{"heic", "mif1", "heic"}
	as := func(info Info, mimeType, format string) Info {
		info.MIMEType, info.Format = mimeType, format
		return info
	}
	return []sample{
		{name: "plain.heic", data: heifOf(phone, false, colour, size), want: lying},
		{name: "upright.heic", data: heifOf(phone, false, size, turnProperty(0)), want: lying},
		{name: "quarter.heic", data: heifOf(phone, false, size, colour, turnProperty(1)), want: standing},
		{name: "half.heic", data: heifOf(phone, true, size, turnProperty(2)), want: lying},
		{name: "three quarters.heic", data: heifOf(phone, true, size, turnProperty(3)), want: standing},
		{name: "cropped.heic", data: heifOf(phone, false, sizeProperty(4096, 4096), cropProperty(4032, 3024), turnProperty(1)), want: standing},
		{name: "android.heic", data: heifOf([]string{"mif1", "mif1", "heic"}, false, size, turnProperty(3)), want: standing},
		{name: "a.heif", data: heifOf([]string{"mif1", "mif1"}, false, size), want: as(lying, "image/heif", "heif")},
		{name: "a.avif", data: heifOf([]string{"avif", "mif1", "miaf"}, true, size, turnProperty(1)), want: as(standing, "image/avif", "avif")},
		{name: "android.avif", data: heifOf([]string{"mif1", "avif", "miaf"}, false, size), want: as(lying, "image/avif", "avif")},
	}
}

func TestHEIF(t *testing.T) {
	checkSamples(t, heifSamples())
}

// A property of the primary item that cannot be read may have been one that turns it.
func TestHEIFWithAPropertyThatIsCut(t *testing.T) {
	data := heifOf([]string{"heic"}, false, sizeProperty(4032, 3024), boxOf("irot"))
	if got := measure(t, data, "a.heic"); got.Width != 0 || got.Height != 0 {
		t.Errorf("measured %+v", got)
	}
}

func FuzzHEIF(f *testing.F) {
	fuzz(f, append(heifSamples(), ofTypes("image/heic", "image/avif")...), readHEIF)
}
