package media

import (
	"bytes"
	"path"
	"strings"

	"github.com/gabriel-vasile/mimetype"
)

// sniffBytes is what the mimetype module looks at by default. Its limit is a variable of the whole process, and so is
// left alone: what it misses for that (office documents whose first entries are long) the name tells.
const sniffBytes = 4096

// sniff tells the type by content. What starts as markup is never taken for anything but markup, since a browser would
// run it: what the mimetype module does not know as a kind of XML or HTML, plain text or an archive with "<b" in front,
// is text/html.
func sniff(src *source, name string) Info {
	head := src.upTo(0, sniffBytes)
	if len(head) == 0 && src.size > 0 {
		return Info{MIMEType: "application/octet-stream"} // the store fails; an empty file is text/plain
	}
	found := detect(head)
	mimeType := canonical(bare(found.String()))
	if mimeType == "application/octet-stream" && isLongWAV(head) {
		mimeType = "audio/wav"
	}
	if startsAsMarkup(head) && !isMarkup(mimeType) {
		mimeType = "text/html"
	}
	mimeType = refine(mimeType, name)
	return Info{MIMEType: mimeType, Format: format(mimeType, found.Extension())}
}

// isLongWAV tells the WAV files of more than 4 GB, which recorders also write for less, and which the mimetype module
// does not know.
func isLongWAV(head []byte) bool {
	return len(head) >= 12 && (string(head[:4]) == "RF64" || string(head[:4]) == "BW64") && string(head[8:12]) == "WAVE"
}

// detect guards against a panic of the mimetype module's parsers, as guarded does.
func detect(head []byte) (found *mimetype.MIME) {
	defer func() {
		if recover() != nil {
			found = mimetype.Lookup("application/octet-stream")
		}
	}()
	return mimetype.Detect(head)
}

// bare cuts off the parameters: the module's guess of a charset is one of few bytes.
func bare(mimeType string) string {
	mimeType, _, _ = strings.Cut(mimeType, ";")
	return strings.TrimSpace(mimeType)
}

// canonical gives one name for what browsers take for the same.
func canonical(mimeType string) string {
	switch mimeType {
	case "image/apng":
		return "image/png"
	case "image/heic-sequence":
		return "image/heic"
	case "image/heif-sequence":
		return "image/heif"
	case "audio/x-m4a":
		return "audio/mp4"
	case "video/x-m4v":
		return "video/mp4"
	}
	return mimeType
}

// format is the word for a type of picture, sound or video; "" for others. The extension is the mimetype module's.
func format(mimeType, extension string) string {
	kind, subtype, _ := strings.Cut(mimeType, "/")
	if kind != "image" && kind != "audio" && kind != "video" {
		return ""
	}
	switch subtype {
	case "png", "jpeg", "heic", "heif", "avif", "bmp", "webp", "gif", "aac", "flac", "amr", "wav", "webm":
		return subtype
	case "svg+xml":
		return "svg"
	case "ogg":
		return "ogg"
	case "mp4":
		if kind == "audio" {
			return "m4a"
		}
		return "mp4"
	}
	return strings.TrimPrefix(extension, ".")
}

// isMarkup tells the types that a browser runs or that every server has to treat as if it did.
func isMarkup(mimeType string) bool {
	return mimeType == "text/html" || mimeType == "text/xml" || strings.HasSuffix(mimeType, "+xml")
}

// startsAsMarkup: after a byte order mark and white space there is a "<" with what a tag, a comment, a declaration or a
// processing instruction goes on with. Browsers that sniff do not look further than the start either (WHATWG MIME
// Sniffing, 7.1). NULs are passed over only in UTF-16, since an MP4 may begin with the bytes 0, 0, 0, "<ftyp".
func startsAsMarkup(head []byte) bool {
	for _, mark := range []string{"\xff\xfe", "\xfe\xff"} {
		if utf16, ok := bytes.CutPrefix(head, []byte(mark)); ok {
			head = bytes.ReplaceAll(utf16, []byte{0}, nil)
		}
	}
	head = bytes.TrimPrefix(head, []byte("\xef\xbb\xbf"))
	head = bytes.TrimLeft(head, "\t\n\v\f\r ")
	if len(head) < 2 || head[0] != '<' {
		return false
	}
	c := head[1] | 0x20 // lower case
	return c >= 'a' && c <= 'z' || head[1] == '!' || head[1] == '?' || head[1] == '/'
}

// refine lets the name decide where the content leaves the type open: among texts, among zip archives, among
// Microsoft's older documents, and between XML and its kinds. It can make a text into something that runs (and that is
// then not shown), never something into a picture, a sound or a video, except that XML may be an SVG, which runs.
func refine(mimeType, name string) string {
	extension := strings.ToLower(path.Ext(name))
	var byName string
	switch mimeType {
	case "text/plain":
		byName = textByName(extension)
	case "text/xml", "text/html":
		byName = markupByName(extension)
	case "application/zip":
		byName = zipByName(extension)
	case "application/x-ole-storage":
		byName = oleByName(extension)
	}
	if byName != "" {
		return byName
	}
	return mimeType
}

func textByName(extension string) string {
	switch extension {
	case ".htm", ".html", ".shtml":
		return "text/html"
	case ".js", ".mjs":
		return "text/javascript"
	case ".css":
		return "text/css"
	case ".csv":
		return "text/csv"
	case ".md", ".markdown":
		return "text/markdown"
	case ".json":
		return "application/json"
	case ".xml":
		return "text/xml"
	case ".ics":
		return "text/calendar"
	case ".vcf":
		return "text/vcard"
	}
	return markupByName(extension)
}

func markupByName(extension string) string {
	switch extension {
	case ".svg":
		return "image/svg+xml"
	case ".xhtml", ".xht":
		return "application/xhtml+xml"
	}
	return ""
}

func zipByName(extension string) string {
	switch extension {
	case ".docx":
		return "application/vnd.openxmlformats-officedocument.wordprocessingml.document"
	case ".xlsx":
		return "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
	case ".pptx":
		return "application/vnd.openxmlformats-officedocument.presentationml.presentation"
	case ".odt":
		return "application/vnd.oasis.opendocument.text"
	case ".ods":
		return "application/vnd.oasis.opendocument.spreadsheet"
	case ".odp":
		return "application/vnd.oasis.opendocument.presentation"
	case ".epub":
		return "application/epub+zip"
	case ".apk":
		return "application/vnd.android.package-archive"
	case ".jar":
		return "application/java-archive"
	}
	return ""
}

func oleByName(extension string) string {
	switch extension {
	case ".doc":
		return "application/msword"
	case ".xls":
		return "application/vnd.ms-excel"
	case ".ppt":
		return "application/vnd.ms-powerpoint"
	case ".msg":
		return "application/vnd.ms-outlook"
	}
	return ""
}
