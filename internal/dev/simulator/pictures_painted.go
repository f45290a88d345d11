package simulator

import (
	"bytes"
	"image"
	"image/color"
	"image/png"
	"math"
	"math/rand/v2"
	"strconv"
)

// painted is the side of a picture in pixels.
const painted = 320

// paint draws a picture in pixels, in the colours of its drawing: a sun over three ranges of hills, and on a video the sign that it plays.
func paint(kind Picture, id string) []byte {
	seed := hash(0, string(kind), id)
	dice := rand.New(rand.NewPCG(seed, seed))
	var colours color.Palette
	for _, name := range palettes[seed%uint64(len(palettes))] {
		rgb, _ := strconv.ParseUint(name[1:], 16, 32)
		colours = append(colours, color.RGBA{uint8(rgb >> 16), uint8(rgb >> 8), uint8(rgb), 255})
	}
	const sky, far, near, accent, white = 0, 1, 2, 3, 4
	drawing := image.NewPaletted(image.Rect(0, 0, painted, painted), append(colours, color.White))
	sunX, sunY, radius := 60+dice.IntN(200), 50+dice.IntN(70), 22+dice.IntN(22)
	phases := [3]float64{}
	for i := range phases {
		phases[i] = dice.Float64() * 2 * math.Pi
	}
	for x := range painted {
		for y := range painted {
			at := uint8(sky)
			if (x-sunX)*(x-sunX)+(y-sunY)*(y-sunY) < radius*radius {
				at = accent
			}
			for i, phase := range phases {
				if height := 150 + 50*float64(i) + 30*math.Sin(float64(x)/60+phase); float64(y) > height {
					at = []uint8{far, near, far}[i]
				}
			}
			if kind == PictureVideo && x > 140 && x < 190 && abs(y-160) < (190-x)/2 {
				at = white
			}
			drawing.SetColorIndex(x, y, at)
		}
	}
	var out bytes.Buffer
	_ = (&png.Encoder{CompressionLevel: png.BestSpeed}).Encode(&out, drawing) // into memory, of a picture that has pixels
	return out.Bytes()
}

func abs(n int) int { return max(n, -n) }
