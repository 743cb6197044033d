package media

import "strings"

// The elements that are looked at (RFC 9559).
const (
	mkvSegment       = 0x18538067
	mkvInfo          = 0x1549a966
	mkvTimestampUnit = 0x2ad7b1
	mkvDuration      = 0x4489
	mkvTracks        = 0x1654ae6b
	mkvTrackEntry    = 0xae
	mkvTrackType     = 0x83
	mkvVideo         = 0xe0
	mkvPixelWidth    = 0xb0
	mkvPixelHeight   = 0xba
	mkvDisplayWidth  = 0x54b0
	mkvDisplayHeight = 0x54ba
	mkvDisplayUnit   = 0x54b2
	mkvCluster       = 0x1f43b675
	mkvTimestamp     = 0xe7
	mkvSimpleBlock   = 0xa3
	mkvBlockGroup    = 0xa0
	mkvBlock         = 0xa1
)

// matroska is what the head of a WebM or Matroska file says.
type matroska struct {
	unit       float64 // seconds of a timestamp's step
	duration   float64 // in steps; 0: not stated
	hasTracks  bool
	picture    mkvPicture
	isPicture  bool
	isSound    bool
	cluster    int64 // where the first cluster begins; 0: not seen
	segmentEnd int64
}

// readMatroska reads the head up to the first cluster. What a browser has recorded states no duration; that is where
// the last of its blocks ends, if it is found in the tail.
func readMatroska(src *source, mimeType string) Info {
	m := matroska{unit: 0.001}
	for e := range src.elements(0, src.size) {
		if e.id == mkvSegment {
			m.readSegment(src, e)
			break
		}
	}
	info := Info{MIMEType: mimeType}
	switch {
	case m.isPicture:
		info.Width, info.Height = m.picture.size()
	case m.hasTracks && m.isSound:
		info.MIMEType = strings.Replace(mimeType, "video/", "audio/", 1)
	}
	info.Duration = m.duration * m.unit
	if m.duration == 0 && m.cluster > 0 {
		info.Duration = lastBlockEnd(src, m.cluster, m.segmentEnd) * m.unit
	}
	return info
}

func (m *matroska) readSegment(src *source, segment element) {
	m.segmentEnd = segment.end
	off := segment.body
	for off < segment.end {
		e, ok := src.elementAt(off, segment.end)
		if !ok {
			return
		}
		switch e.id {
		case mkvInfo:
			m.readInfo(src, e)
		case mkvTracks:
			m.readTracks(src, e)
		case mkvCluster:
			if m.cluster == 0 {
				m.cluster = off
			}
			if e.isOpen || m.hasTracks {
				return
			}
		}
		off = e.end
	}
}

func (m *matroska) readInfo(src *source, info element) {
	for e := range src.elements(info.body, info.end) {
		switch e.id {
		case mkvTimestampUnit:
			m.unit = float64(src.number(e)) / 1e9
		case mkvDuration:
			m.duration = src.float(e)
		}
	}
}

func (m *matroska) readTracks(src *source, tracks element) {
	m.hasTracks = true
	for entry := range src.elements(tracks.body, tracks.end) {
		if entry.id != mkvTrackEntry {
			continue
		}
		const picture, sound = 1, 2
		for e := range src.elements(entry.body, entry.end) {
			switch {
			case e.id == mkvTrackType:
				kind := src.number(e)
				m.isPicture = m.isPicture || kind == picture
				m.isSound = m.isSound || kind == sound
			case e.id == mkvVideo && m.picture == mkvPicture{}:
				m.picture = readPicture(src, e)
			}
		}
	}
}

// mkvPicture is the size of a track of pictures: of what is encoded, and how it is to be shown.
type mkvPicture struct {
	width, height, displayWidth, displayHeight, displayUnit uint64
}

func readPicture(src *source, video element) (p mkvPicture) {
	for e := range src.elements(video.body, video.end) {
		switch n := src.number(e); e.id {
		case mkvPixelWidth:
			p.width = n
		case mkvPixelHeight:
			p.height = n
		case mkvDisplayWidth:
			p.displayWidth = n
		case mkvDisplayHeight:
			p.displayHeight = n
		case mkvDisplayUnit:
			p.displayUnit = n
		}
	}
	return p
}

// size is that of display where it is in pixels, which is unit 0, and not in centimetres or a ratio.
func (p mkvPicture) size() (width, height int) {
	if p.displayUnit == 0 && p.displayWidth > 0 && p.displayHeight > 0 {
		return int(min(p.displayWidth, maxSide+1)), int(min(p.displayHeight, maxSide+1))
	}
	return int(min(p.width, maxSide+1)), int(min(p.height, maxSide+1))
}
