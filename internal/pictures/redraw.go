package pictures

import (
	"bytes"
	"cmp"
	"context"
	"fmt"
	"image"
	"image/color"
	_ "image/gif" // the formats that platforms use
	"image/jpeg"
	_ "image/png"
	"io"

	"golang.org/x/image/draw"
	_ "golang.org/x/image/webp"
)

const (
	// MaxSide is the maximum width and height of a re-encoded picture, in pixels.
	MaxSide = 320

	// maxPixels limits the memory for decoding: usually to 64 MiB, to 128 MiB with 16 bits per
	// color, and to 320 MiB for a progressive JPEG with four colors.
	maxPixels = 16 << 20

	quality = 75
)

func redraw(ctx context.Context, raw []byte) ([]byte, error) {
	config, _, err := image.DecodeConfig(bytes.NewReader(raw))
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrNoImage, err)
	}
	if config.Width < 1 || config.Height < 1 || int64(config.Width)*int64(config.Height) > maxPixels {
		return nil, fmt.Errorf("%w: it is %d by %d pixels", ErrNoImage, config.Width, config.Height)
	}
	full, _, err := image.Decode(deadlineReader{ctx, bytes.NewReader(raw)}) // the first frame of a GIF
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrNoImage, cmp.Or(ctx.Err(), err))
	}
	var out bytes.Buffer
	if err := jpeg.Encode(&out, small(full), &jpeg.Options{Quality: quality}); err != nil {
		return nil, fmt.Errorf("encode picture: %w", err)
	}
	return out.Bytes(), nil
}

type deadlineReader struct {
	ctx context.Context //nolint:containedctx // decoders take a reader alone
	in  io.Reader
}

func (d deadlineReader) Read(p []byte) (int, error) {
	if err := d.ctx.Err(); err != nil {
		return 0, err
	}
	return d.in.Read(p)
}

// small draws a picture on a white background. The result is at most MaxSide pixels wide and high,
// and never larger than the original.
func small(full image.Image) image.Image {
	bounds := full.Bounds()
	width, height := bounds.Dx(), bounds.Dy()
	if long := max(width, height); long > MaxSide {
		width, height = max(1, width*MaxSide/long), max(1, height*MaxSide/long)
	}
	out := image.NewRGBA(image.Rect(0, 0, width, height))
	draw.Draw(out, out.Bounds(), image.NewUniform(color.White), image.Point{}, draw.Src)
	draw.ApproxBiLinear.Scale(out, out.Bounds(), full, bounds, draw.Over, nil)
	return out
}
