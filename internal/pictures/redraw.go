package pictures

import (
	"bytes"
	"context"
	"fmt"
	"image"
	"image/color"
	"image/gif"
	"image/jpeg"
	"image/png"
	"io"
	"net/http"

	"golang.org/x/image/draw"
	"golang.org/x/image/webp"
)

const (
	// MaxSide is how many pixels a picture that was drawn anew has at most, each way.
	MaxSide = 320

	// maxPixels bounds what a picture takes in memory while it is decoded: 64 MiB as most are, 128 with 16 bits a colour, 320 as a progressive
	// JPEG of four colours.
	maxPixels = 16 << 20

	quality = 75
)

// codec decodes one kind of pictures.
type codec struct {
	config func(io.Reader) (image.Config, error)
	decode func(io.Reader) (image.Image, error)
}

// codecs are the kinds of pictures that platforms have, by what their content looks like. Of a GIF the first picture counts.
var codecs = map[string]codec{
	"image/jpeg": {jpeg.DecodeConfig, jpeg.Decode},
	"image/png":  {png.DecodeConfig, png.Decode},
	"image/gif":  {gif.DecodeConfig, gif.Decode},
	"image/webp": {webp.DecodeConfig, webp.Decode},
}

// redraw makes a small JPEG of a picture.
func redraw(ctx context.Context, raw []byte) ([]byte, error) {
	of, known := codecs[http.DetectContentType(raw)]
	if !known {
		return nil, fmt.Errorf("%w: it is of another type", ErrNoImage)
	}
	config, err := of.config(bytes.NewReader(raw))
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrNoImage, err)
	}
	if config.Width < 1 || config.Height < 1 || int64(config.Width)*int64(config.Height) > maxPixels {
		return nil, fmt.Errorf("%w: it is %d by %d pixels", ErrNoImage, config.Width, config.Height)
	}
	full, err := of.decode(ending{ctx, bytes.NewReader(raw)})
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrNoImage, err)
	}
	var out bytes.Buffer
	if err := jpeg.Encode(&out, small(full), &jpeg.Options{Quality: quality}); err != nil {
		return nil, fmt.Errorf("encode picture: %w", err)
	}
	return out.Bytes(), nil
}

// ending is a reader that fails when its time is over.
type ending struct {
	ctx context.Context //nolint:containedctx // decoders take a reader alone
	of  io.Reader
}

// Read implements [io.Reader].
func (e ending) Read(p []byte) (int, error) {
	if err := e.ctx.Err(); err != nil {
		return 0, err
	}
	return e.of.Read(p)
}

// small draws a picture on white, MaxSide pixels at most each way.
func small(full image.Image) image.Image {
	from := full.Bounds()
	width, height := fit(from.Dx(), from.Dy())
	to := image.NewRGBA(image.Rect(0, 0, width, height))
	draw.Draw(to, to.Bounds(), image.NewUniform(color.White), image.Point{}, draw.Src)
	draw.ApproxBiLinear.Scale(to, to.Bounds(), full, from, draw.Over, nil)
	return to
}

// fit is how large a picture is drawn: never larger than it is.
func fit(width, height int) (int, int) {
	long := max(width, height)
	if long <= MaxSide {
		return width, height
	}
	return max(1, width*MaxSide/long), max(1, height*MaxSide/long)
}
