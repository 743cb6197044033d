// Package media tells what the bytes of an uploaded file are: its type, and of pictures, sound and video the width,
// height and duration. It believes the content and not the client; what cannot be measured is left out, and nothing is
// an error. It reads headers, and of some kinds the tail, within a fixed budget (source.go), because the file may lie
// in a store where every read is a request. No pixel and no sample is decoded.
//
// What is found, by kind. "Format" is the word for the guide's metaData "format":
//
//	Format             MIMEType                     Width, Height   Duration
//	png                image/png                    yes             -
//	jpeg               image/jpeg                   yes, upright    -
//	gif, webp, bmp     image/gif …                  yes             -
//	heic, heif, avif   image/heic …                 yes, upright    -
//	mp4                video/mp4                    yes, upright    yes
//	m4a                audio/mp4                    -               yes    (an mp4 without pictures)
//	mov                video/quicktime              yes, upright    yes
//	3gp, 3g2           video/3gpp, audio/3gpp …     yes, upright    yes
//	webm               video/webm, audio/webm       yes             yes
//	mkv                video/matroska, audio/…      yes             yes
//	mp3, mp2, mp1      audio/mpeg                   -               yes    (MPEG audio by its layer)
//	wav                audio/wav                    -               yes
//	ogg                audio/ogg, video/ogg         -               yes, of its sound (Vorbis, FLAC, Speex)
//	opus               audio/ogg                    -               yes    (Opus in Ogg)
//	flac               audio/flac                   -               yes
//	amr                audio/amr, audio/amr-wb      -               yes
//	aac                audio/aac                    -               yes    (ADTS)
//	svg, tiff, …       as the mimetype module says  -               -
//
// Upright: as a viewer shows it, after the EXIF orientation of a JPEG, the rotation of a HEIF image, or the matrix of a
// video track. Width and height are of the canvas of an animation, and of a video its display size.
//
// A file that is cut off or damaged has the values that its remaining headers state, or, where they are counted and not
// stated (ogg, opus, amr, aac, wav, mp3 of constant bit rate), those of what still plays.
//
// What is absent: the length of more than 384 KB of AAC, AMR or MP3 without a header whose bit rate varies by more than
// a twentieth (of steadier ones it is estimated, within a hundredth or so); of a browser's recording without a stated
// length whose last cluster or fragment does not begin in the tail (256 to 500 KB of it); of Ogg that is chained; and
// the size of Theora's pictures.
package media

import (
	"io"
	"math"
)

// Info is what Measure found. The zero value of a field means that it is not known.
type Info struct {
	// MIMEType has no parameters. It is never empty: what nobody knows is application/octet-stream. It is what the
	// bytes are, and no promise that they are harmless: a server lists the types that it lets a browser show, and those
	// do not include HTML, SVG or any other XML.
	MIMEType string
	// Format is a short lower-case word for pictures, sound and video (the table above), else empty.
	Format string
	// Width and Height are in pixels; both are there or none.
	Width, Height int
	// Duration is in seconds, to the millisecond.
	Duration float64
}

const (
	// No picture that a browser shows is wider (JPEG ends at 65,535), and most that damaged fields state are.
	maxSide = 1_000_000
	// A year. No recording is longer, and most damaged durations are.
	maxDuration = 365 * 24 * 60 * 60
)

// Measure tells what the size bytes of r are; name is the file's name, and decides only between types that the content
// leaves open (refine in sniff.go). It takes bounded time, memory, and reads of r (source.go), whatever the bytes say.
// It never fails and never panics: what cannot be measured, or cannot be right, is left out.
func Measure(r io.ReaderAt, size int64, name string) Info {
	src := newSource(r, size)
	info := sniff(src, name)
	found := guarded(src, info.MIMEType)
	if found.MIMEType != "" {
		info.MIMEType = found.MIMEType
	}
	if found.Format != "" {
		info.Format = found.Format
	}
	if plausibleSide(found.Width) && plausibleSide(found.Height) {
		info.Width, info.Height = found.Width, found.Height
	}
	info.Duration = plausibleDuration(found.Duration)
	return info
}

// guarded is read without its panics. Our own readers have none, as far as fuzzing tells; those of the image modules
// have had some, and a file from a stranger must not end a request.
func guarded(src *source, mimeType string) (found Info) {
	defer func() {
		if recover() != nil {
			found = Info{}
		}
	}()
	return read(src, mimeType)
}

// read measures src as a file of that type. In what it returns MIMEType and Format are set only where the reader knows
// better than the sniffer.
func read(src *source, mimeType string) Info {
	switch mimeType {
	case "image/png":
		return readPNG(src)
	case "image/jpeg":
		return readJPEG(src)
	case "image/gif":
		return readGIF(src)
	case "image/webp":
		return readWebP(src)
	case "image/bmp":
		return readBMP(src)
	case "image/heic", "image/heif", "image/avif":
		return readHEIF(src)
	case "video/mp4", "audio/mp4", "video/quicktime", "video/3gpp", "video/3gpp2":
		return readMP4(src, mimeType)
	case "video/webm", "video/matroska":
		return readMatroska(src, mimeType)
	case "audio/mpeg", "audio/aac":
		return readMPEG(src)
	case "audio/wav":
		return readWAV(src)
	case "audio/ogg", "video/ogg", "application/ogg":
		return readOgg(src)
	case "audio/flac":
		return readFLAC(src, 0)
	case "audio/amr":
		return readAMR(src)
	}
	return Info{}
}

func plausibleSide(pixels int) bool {
	return pixels > 0 && pixels <= maxSide
}

// plausibleDuration rounds to the millisecond, and is 0 for what is no duration: NaN, infinite, negative or longer than
// a year.
func plausibleDuration(seconds float64) float64 {
	if !(seconds > 0 && seconds <= maxDuration) {
		return 0
	}
	return math.Round(seconds*1000) / 1000
}
