package media

import (
	"image"
	"image/gif"
	"image/png"
	"io"

	"golang.org/x/image/bmp"
	"golang.org/x/image/webp"
)

// The decoders' DecodeConfig reads the header alone and allocates no pixels.

func readPNG(src *source) Info {
	return decodeConfig(src, png.DecodeConfig)
}

func readGIF(src *source) Info {
	return decodeConfig(src, gif.DecodeConfig)
}

func readWebP(src *source) Info {
	return decodeConfig(src, webp.DecodeConfig)
}

func readBMP(src *source) Info {
	return decodeConfig(src, bmp.DecodeConfig)
}

func decodeConfig(src *source, decode func(io.Reader) (image.Config, error)) Info {
	config, err := decode(io.NewSectionReader(src, 0, src.size))
	if err != nil {
		return Info{}
	}
	return Info{Width: config.Width, Height: config.Height}
}
