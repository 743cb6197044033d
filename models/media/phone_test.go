package media

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"image"
	"math"
	"math/rand/v2"
	"slices"
	"testing"
)

// phoneKinds make files as phones and browsers do, of random sizes and lengths.
func phoneKinds() map[string]func(*rand.Rand) sample {
	photo := func(encode func(*bytes.Buffer, image.Image) error, mimeType, format string) func(*rand.Rand) sample {
		return func(r *rand.Rand) sample {
			width, height := 1+r.IntN(90), 1+r.IntN(90)
			return sample{data: encoded(encode, width, height), want: Info{MIMEType: mimeType, Format: format, Width: width, Height: height}}
		}
	}
	heif := func(brand, mimeType, format string) func(*rand.Rand) sample {
		return func(r *rand.Rand) sample {
			width, height, quarters := 1000+r.IntN(4000), 1000+r.IntN(4000), r.IntN(4)
			data := heifOf([]string{brand, "mif1"}, r.IntN(2) == 0, sizeProperty(uint32(width), uint32(height)), turnProperty(byte(quarters)))
			if quarters%2 == 1 {
				width, height = height, width
			}
			return sample{data: data, want: Info{MIMEType: mimeType, Format: format, Width: width, Height: height}}
		}
	}
	film := func(brand, mimeType, format string) func(*rand.Rand) sample {
		return func(r *rand.Rand) sample {
			seconds := math.Round(1+r.Float64()*600) / 2
			info := Info{MIMEType: mimeType, Format: format, Width: 640, Height: 480, Duration: seconds}
			matrix := [][]uint32{upright, quarter, half, threeTurns}[r.IntN(4)]
			if matrix[0] == 0 {
				info.Width, info.Height = 480, 640
			}
			moov, mdat := filmOf(byte(r.IntN(2)), seconds, matrix, r.IntN(60_000)), boxOf("mdat", make([]byte, r.IntN(200_000)))
			if r.IntN(2) == 0 {
				moov, mdat = mdat, moov
			}
			return sample{data: slices.Concat(fileType(brand), moov, mdat), want: info}
		}
	}
	sound := func(mimeType, format string, counted bool, make func(*rand.Rand) ([]byte, float64)) func(*rand.Rand) sample {
		return func(r *rand.Rand) sample {
			data, seconds := make(r)
			return sample{data: data, want: Info{MIMEType: mimeType, Format: format, Duration: math.Round(seconds*1000) / 1000}, counted: counted}
		}
	}
	return map[string]func(*rand.Rand) sample{
		"png": photo(encodePNG, "image/png", "png"),
		"gif": photo(encodeGIF, "image/gif", "gif"),
		"bmp": photo(encodeBMP, "image/bmp", "bmp"),
		"jpeg": func(r *rand.Rand) sample {
			width, height, orientation := 1+r.IntN(90), 1+r.IntN(90), 1+r.IntN(8)
			data := withSegments(encoded(encodeJPEG, width, height), exif(binary.BigEndian, uint16(orientation)), jpegSegment(0xe2, make([]byte, r.IntN(60_000))))
			if orientation >= 5 {
				width, height = height, width
			}
			return sample{data: data, want: Info{MIMEType: "image/jpeg", Format: "jpeg", Width: width, Height: height}}
		},
		"heic": heif("heic", "image/heic", "heic"),
		"avif": heif("avif", "image/avif", "avif"),
		"mp4":  film("isom", "video/mp4", "mp4"),
		"mov":  film("qt  ", "video/quicktime", "mov"),
		"3gp":  film("3gp4", "video/3gpp", "3gp"),
		"m4a": sound("audio/mp4", "m4a", false, func(r *rand.Rand) ([]byte, float64) {
			seconds := float64(1 + r.IntN(300))
			return slices.Concat(fileType("M4A "), boxOf("mdat", make([]byte, r.IntN(100_000))), voiceOf(seconds)), seconds
		}),
		"mp4 in fragments": func(r *rand.Rand) sample {
			n := 1 + r.IntN(8)
			return sample{data: slices.Concat(fileType("iso5"), extends(0, nil), fragmentsTo(n)), counted: true,
				want: Info{MIMEType: "video/mp4", Format: "mp4", Width: 640, Height: 480, Duration: float64(n)}}
		},
		"mp3": sound("audio/mpeg", "mp3", true, func(r *rand.Rand) ([]byte, float64) {
			n, rate := 50+r.IntN(500), []int{32, 64, 128, 320}[r.IntN(4)]
			head := id3(1+r.IntN(50_000), 0)
			if r.IntN(2) == 0 {
				head = append(head, mp3Frame(128, xing("Info", uint32(n), uint32(417+len(mp3Frames(rate, n))))...)...)
			}
			return append(head, mp3Frames(rate, n)...), float64(n) * mp3FrameSeconds
		}),
		"aac": sound("audio/aac", "aac", true, func(r *rand.Rand) ([]byte, float64) {
			n := 50 + r.IntN(500)
			return adtsFrames(n, 100+r.IntN(300)), float64(n) * 1024 / 44100
		}),
		"amr": sound("audio/amr", "amr", true, func(r *rand.Rand) ([]byte, float64) {
			n := 50 + r.IntN(3000)
			return amrFrames(n), float64(n) / 50
		}),
		"wav": sound("audio/wav", "wav", true, func(r *rand.Rand) ([]byte, float64) {
			n := 2 * (100 + r.IntN(50_000))
			return waveFile(waveFormat(1, 1, 8000, 16), riffChunk("data", make([]byte, n))), float64(n) / 16000
		}),
		"opus": sound("audio/ogg", "opus", true, func(r *rand.Rand) ([]byte, float64) {
			n := 1 + r.IntN(60)
			return oggOf(opusHead(312), 48000, 312, n), float64(n)
		}),
		"ogg": sound("audio/ogg", "ogg", true, func(r *rand.Rand) ([]byte, float64) {
			n := 1 + r.IntN(60)
			return oggOf(vorbisHead(44100), 44100, 0, n), float64(n)
		}),
		"webm": func(r *rand.Rand) sample {
			n := 60 * (5 + r.IntN(100)) // milliseconds
			s := sample{want: Info{MIMEType: "video/webm", Format: "webm", Width: 640, Height: 480, Duration: float64(n) / 1000}, counted: r.IntN(2) == 0}
			duration := float64Of(float64(n))
			if s.counted {
				duration = nil
			}
			s.data = slices.Concat(webmHead("webm"), ebmlOpen(mkvSegment, webmInfo(duration), webmTracks(webmSound(), webmPicture()), ebmlOpen(mkvCluster, webmBlocks(0, n, r.IntN(900)))))
			return s
		},
	}
}

// 24 files of each kind that a phone makes, a third of them damaged. A whole one is measured right; of one that is cut
// everything is right or absent; of one whose bytes are changed everything can be, for what a changed size or length is
// no one can know.
func TestPhoneFiles(t *testing.T) {
	for kind, make := range phoneKinds() {
		t.Run(kind, func(t *testing.T) {
			random := rand.New(rand.NewPCG(6, 2))
			for i := range 24 {
				s := make(random)
				s.name = fmt.Sprintf("%d.%s", i, s.want.Format)
				switch i % 6 {
				case 2:
					checkCut(t, s)
				case 5:
					checkDamaged(t, s)
				default:
					checkWhole(t, s)
				}
			}
		})
	}
}
