package media

import "encoding/binary"

// behindTags gives the offset behind the ID3v2 tags that begin at off (ID3v2.4, 3.1); a cover in them may be megabytes.
func behindTags(src *source, off int64) int64 {
	for range 4 { // one is usual, two have been seen
		head := src.at(off, 10)
		if head == nil || string(head[:3]) != "ID3" {
			break
		}
		size := int64(head[6]&0x7f)<<21 | int64(head[7]&0x7f)<<14 | int64(head[8]&0x7f)<<7 | int64(head[9]&0x7f)
		off += 10 + size
		if head[5]&0x10 != 0 { // a footer
			off += 10
		}
	}
	return off
}

// beforeTags gives the offset where the sound ends, before an ID3v1 and an APEv2 tag.
func beforeTags(src *source) int64 {
	const id3v1, ape = 128, 32
	end := src.size
	src.upTo(max(0, end-laterChunk), laterChunk)
	if tag := src.at(end-id3v1, 3); string(tag) == "TAG" {
		end -= id3v1
	}
	if footer := src.at(end-ape, ape); footer != nil && string(footer[:8]) == "APETAGEX" {
		size, flags := int64(binary.LittleEndian.Uint32(footer[12:])), binary.LittleEndian.Uint32(footer[20:])
		if flags&(1<<31) != 0 { // a header, which size leaves out
			size += ape
		}
		end -= min(size, end)
	}
	return end
}
