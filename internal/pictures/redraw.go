package pictures

import (
	"bytes"
	"cmp"
	"context"
	"fmt"
	"image"
	"image/color"
	_ "image/gif" // the kinds of pictures that platforms have
	"image/jpeg"
	_ "image/png"
	"io"

	"golang.org/x/image/draw"
	_ "golang.org/x/image/webp"
)

const (
	// MaxSide is how many pixels a picture that was drawn anew has at most, each way.
	MaxSide = 320

	// maxPixels bounds what a picture takes in memory while it is decoded: 64 MiB as most are, 128 with 16 bits a colour, 320 as a progressive
	// JPEG of four colours.
	maxPixels = 16 << 20

	quality = 75
)

// redraw makes a small JPEG of a picture.
func redraw(ctx context.Context, raw []byte) ([]byte, error) {
	config, _, err := image.DecodeConfig(bytes.NewReader(raw))
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrNoImage, err)
	}
	if config.Width < 1 || config.Height < 1 || int64(config.Width)*int64(config.Height) > maxPixels {
		return nil, fmt.Errorf("%w: it is %d by %d pixels", ErrNoImage, config.Width, config.Height)
	}
	full, _, err := image.Decode(ending{ctx, bytes.NewReader(raw)}) // of a GIF, the first picture
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrNoImage, cmp.Or(ctx.Err(), err))
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
