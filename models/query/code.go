package query

import (
	"crypto/sha256"
	"encoding/base64"
	"slices"
	"strconv"
	"strings"
)

// kind is a JSON type and the first byte of a value's code. Their order is the order of a sort.
type kind byte

const (
	nullKind   kind = '0'
	boolKind   kind = '1'
	numberKind kind = '2'
	stringKind kind = '3'
	arrayKind  kind = '4'
	objectKind kind = '5'
)

// end stands behind every code and in none.
const end = "\x00"

// code writes a value so that equal values have equal codes and the greater of two numbers, strings or booleans has the
// greater code, byte by byte. Arrays and objects are known by a hash: only whether they are equal is asked.
func (e element) code() string {
	prefix := string([]byte{byte(e.kind)})
	switch e.kind {
	case numberKind:
		return prefix + numberCode(e.text)
	case stringKind:
		return prefix + escape(e.text)
	case arrayKind:
		codes := make([]string, len(e.items))
		for i, item := range e.items {
			codes[i] = item.code()
		}
		return arrayCode(codes)
	case objectKind:
		codes := make([]string, len(e.items))
		for i, item := range e.items {
			codes[i] = item.code()
		}
		return objectCode(e.names, codes)
	}
	return prefix + e.text
}

func arrayCode(items []string) string {
	return string([]byte{byte(arrayKind)}) + digest(strings.Join(items, end)+end, 16)
}

// objectCode does not depend on the order of the members.
func objectCode(names, items []string) string {
	members := make([]string, len(names))
	for i, name := range names {
		members[i] = escape(name) + end + items[i] + end
	}
	slices.Sort(members)
	return string([]byte{byte(objectKind)}) + digest(strings.Join(members, ""), 16)
}

// digest is a hash in letters, digits, dash and underscore, 4 for 3 bytes.
func digest(text string, bytes int) string {
	sum := sha256.Sum256([]byte(text))
	return base64.RawURLEncoding.EncodeToString(sum[:bytes])
}

// escape takes the byte 0 out of a text and keeps its order. The second byte of a pair is in no UTF-8, so one escaped text
// is inside, before or behind another exactly when the texts are.
func escape(text string) string {
	if !strings.ContainsAny(text, "\x00\x01") {
		return text
	}
	return strings.NewReplacer("\x00", "\x01\xc0", "\x01", "\x01\xc1").Replace(text)
}

// unescape is escape's inverse.
func unescape(text string) string {
	if !strings.Contains(text, "\x01") {
		return text
	}
	return strings.NewReplacer("\x01\xc0", "\x00", "\x01\xc1", "\x01").Replace(text)
}

// mostExponent is where exponents are cut. Such numbers are nobody's; it keeps the arithmetic within 64 bits.
const mostExponent = 1_000_000_000_000_000

// numberCode writes a JSON number exactly, however many digits it has, as sign, exponent and digits of
// ±0.digits × 10^exponent, so that codes are in the order of the numbers: 1, 1.0 and 1e0 have the same.
func numberCode(literal string) string {
	literal, negative := strings.CutPrefix(literal, "-")
	mantissa, power, _ := strings.Cut(strings.ToLower(literal), "e")
	exponent, _ := strconv.ParseInt(power, 10, 64) // empty: 0; out of range: the bound
	exponent = max(min(exponent, mostExponent), -mostExponent)
	whole, fraction, _ := strings.Cut(mantissa, ".")
	digits := strings.TrimLeft(whole+fraction, "0")
	exponent += int64(len(whole)) - int64(len(whole+fraction)-len(digits))
	digits = strings.TrimRight(digits, "0")
	switch {
	case digits == "":
		return "1"
	case negative:
		// Turned round byte by byte; the byte at its end puts the shorter of two, which is the greater, behind.
		return "0" + complement(exponentCode(exponent)+digits, 0xff) + "\xff"
	}
	return "2" + exponentCode(exponent) + digits
}

// exponentCode is how long the exponent is, around P, and its digits: those of a negative one turned round.
func exponentCode(exponent int64) string {
	const middle = 'P' // an exponent has at most 17 digits
	if exponent >= 0 {
		digits := strconv.FormatInt(exponent, 10)
		return string([]byte{byte(middle + len(digits))}) + digits
	}
	digits := strconv.FormatInt(-exponent, 10)
	return string([]byte{byte(middle - len(digits))}) + complement(digits, '0'+'9')
}

func complement(text string, sum byte) string {
	turned := []byte(text)
	for i := range turned {
		turned[i] = sum - turned[i]
	}
	return string(turned)
}
