package media

import (
	"embed"
	"testing"
)

// Files of other programs, so that our readers are not only tried on what our own writers understand by a format. Made
// with ffmpeg 5.1 (-bitexact), heif-enc 1.15 and SoX 14.4, of
//
//	V="-f lavfi -i color=blue:s=32x24:r=5:d=1.2" A="-f lavfi -i sine=440:r=16000:d=1.2"
//	X="-c:v libx264 -preset ultrafast -g 3 -c:a aac -b:a 8k" W="-c:v libvpx -b:v 1k -deadline realtime -c:a libopus -b:a 6k"
//
//	$V $A $X film.mp4, and with -movflags: faststart faststart.mp4, frag_keyframe+empty_moov+default_base_moof fragments.mp4,
//	   frag_keyframe part.mp4 (the first part is in the moov box), frag_keyframe+empty_moov+global_sidx index.mp4,
//	   frag_keyframe+empty_moov+skip_trailer recorded.mp4
//	-i film.mov -c copy -metadata:s:v rotate=90 turned.mov
//	$V $A $W film.webm, and with -f webm into a pipe recorded.webm; $V -c:v libx264 -preset ultrafast film.mkv
//	$A -c:a libopus -b:a 6k voice.opus, and with -f webm into a pipe voice.webm
//	$A -c:a aac -b:a 8k voice.m4a and voice.aac
//	$A -ar 8000, to 12.2 kbit/s by sox: voice.amr; -i voice.amr -c copy voice.3gp
//	$A -ar 8000 -b:a 8k cbr.mp3, with -write_xing 0 bare.mp3; $A -ar 8000 -q:a 9 vbr.mp3
//	$A -c:a libspeex -b:a 4k speech.ogg; -f lavfi -i sine=440:r=8000:d=1.2 -c:a libvorbis -q:a -1 sound.ogg
//	-f lavfi -i sine=440:r=8000:d=0.2 -c:a flac sound.oga, and -c:a adpcm_ima_wav adpcm.wav
//	-f lavfi -i sine=440:r=8000:d=0.1 tone.wav, and with -rf64 always long.wav; sox tone.wav sound.flac
//	heif-enc -q 20 and heif-enc -A of a PNG of 37 × 21: photo.heic, photo.avif
//
//go:embed testdata/*.*
var referenceFiles embed.FS

// referenceSamples expects what ffprobe says, or, where it says nothing or counts what encoders add in front, what was
// put in.
func referenceSamples() []sample {
	film := func(mimeType, format string, duration float64) Info {
		return Info{MIMEType: mimeType, Format: format, Width: 32, Height: 24, Duration: duration}
	}
	sound := func(mimeType, format string, duration float64) Info {
		return Info{MIMEType: mimeType, Format: format, Duration: duration}
	}
	samples := []sample{
		{name: "film.mp4", want: film("video/mp4", "mp4", 1.2)},
		{name: "faststart.mp4", want: film("video/mp4", "mp4", 1.2)},
		{name: "fragments.mp4", want: film("video/mp4", "mp4", 1.264), counted: true},
		{name: "part.mp4", want: film("video/mp4", "mp4", 1.264), counted: true},
		{name: "index.mp4", want: film("video/mp4", "mp4", 1.264)},
		{name: "recorded.mp4", want: film("video/mp4", "mp4", 1.264), counted: true},
		{name: "turned.mov", want: Info{MIMEType: "video/quicktime", Format: "mov", Width: 24, Height: 32, Duration: 1.2}},
		{name: "film.webm", want: film("video/webm", "webm", 1.208)},
		{name: "recorded.webm", want: film("video/webm", "webm", 1.221), counted: true},
		{name: "film.mkv", want: film("video/matroska", "mkv", 1.2)},
		{name: "voice.webm", want: sound("audio/webm", "webm", 1.221), counted: true},
		{name: "voice.opus", want: sound("audio/ogg", "opus", 1.2), counted: true},
		{name: "voice.m4a", want: sound("audio/mp4", "m4a", 1.2)},
		{name: "voice.aac", want: sound("audio/aac", "aac", 1.28), counted: true},
		{name: "voice.amr", want: sound("audio/amr", "amr", 1.2), counted: true},
		{name: "voice.3gp", want: sound("audio/3gpp", "3gp", 1.2)},
		{name: "cbr.mp3", want: sound("audio/mpeg", "mp3", 1.2), counted: true},
		{name: "vbr.mp3", want: sound("audio/mpeg", "mp3", 1.2), counted: true},
		{name: "bare.mp3", want: sound("audio/mpeg", "mp3", 1.368), counted: true},
		{name: "speech.ogg", want: sound("audio/ogg", "ogg", 1.191), counted: true},
		{name: "sound.ogg", want: sound("audio/ogg", "ogg", 1.2), counted: true},
		{name: "sound.oga", want: sound("audio/ogg", "ogg", 0.2), counted: true},
		{name: "sound.flac", want: sound("audio/flac", "flac", 0.1)},
		{name: "tone.wav", want: sound("audio/wav", "wav", 0.1), counted: true},
		{name: "long.wav", want: sound("audio/wav", "wav", 0.1), counted: true},
		{name: "adpcm.wav", want: sound("audio/wav", "wav", 0.255), counted: true},
		{name: "photo.heic", want: Info{MIMEType: "image/heic", Format: "heic", Width: 37, Height: 21}},
		{name: "photo.avif", want: Info{MIMEType: "image/avif", Format: "avif", Width: 37, Height: 21}},
	}
	for i := range samples {
		data, err := referenceFiles.ReadFile("testdata/" + samples[i].name)
		if err != nil {
			panic(err)
		}
		samples[i].data = data
	}
	return samples
}

func TestFilesOfOtherPrograms(t *testing.T) {
	checkSamples(t, referenceSamples())
}

// ofTypes are the samples of some types, for the fuzzers.
func ofTypes(mimeTypes ...string) (samples []sample) {
	for _, s := range referenceSamples() {
		for _, mimeType := range mimeTypes {
			if s.want.MIMEType == mimeType {
				samples = append(samples, s)
			}
		}
	}
	return samples
}
