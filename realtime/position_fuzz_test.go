package realtime

import (
	"math"
	"strconv"
	"testing"
)

// A position that is accepted prints back as it came, so that there is one spelling of each, and every position that
// the server writes is accepted.
func FuzzParsePosition(f *testing.F) {
	for _, text := range []string{"", "0", "-0", "1", "-1", "+1", "01", " 1", "1 ", "1\n", "1e3", "0x10", "1_000", "1.0", "x", "１",
		"9223372036854775807", "9223372036854775808", "99999999999999999999999999", "\x00", "\xff"} {
		f.Add(text, int64(0))
	}
	f.Add("", int64(math.MaxInt64))
	f.Add("", int64(math.MinInt64))
	f.Fuzz(func(t *testing.T, text string, number int64) {
		position, ok := parsePosition(text)
		if ok && (position < 0 || strconv.FormatInt(position, 10) != text) {
			t.Fatalf("%q was accepted as %d", text, position)
		}
		written, err := Position(number).MarshalText()
		if err != nil {
			t.Fatal(err)
		}
		if read, ok := parsePosition(string(written)); ok != (number >= 0) || ok && read != number {
			t.Fatalf("%q, which is written for %d, was read as %d, %t", written, number, read, ok)
		}
	})
}
