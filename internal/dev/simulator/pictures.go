package simulator

import (
	"image"
	"image/color"
	"image/png"
	"math"
	"math/rand/v2"
	"net/http"
	"regexp"
	"strings"
)

// Picture is what a picture shows.
type Picture string

// The pictures.
const (
	PicturePost   Picture = "post"   // of a post
	PictureVideo  Picture = "video"  // the cover of a video or reel
	PicturePage   Picture = "page"   // of a page or profile
	PicturePerson Picture = "person" // of a user
)

// PicturesURL is where the addresses of pictures begin, in answers of the platforms and in what is made of them. No host
// has this name. A server of pictures ([ServePicture]) puts an address of its own in its place: only a request tells
// under which name, port and prefix its sender reaches them.
const PicturesURL = "https://pictures.ledgerboard.invalid"

// PictureURL is the address of a picture.
func PictureURL(kind Picture, id string) string {
	return PicturesURL + "/" + string(kind) + "/" + strings.ReplaceAll(id, ":", "_") + ".png"
}

// pictureFile is what stands behind the last slash but one of an address. Any id has a picture: it is drawn from it.
var pictureFile = regexp.MustCompile(`/(post|video|page|person)/([0-9A-Za-z_-]{1,128})\.png$`)

// ServePicture draws the picture that the end of the path names. It is the same for ever, so it may be kept for ever.
func ServePicture(w http.ResponseWriter, r *http.Request) {
	found := pictureFile.FindStringSubmatch(r.URL.Path)
	if found == nil {
		http.NotFound(w, r)
		return
	}
	header := w.Header()
	header.Set("Content-Type", "image/png")
	header.Set("Cache-Control", "public, max-age=31536000, immutable")
	header.Set("X-Content-Type-Options", "nosniff")
	header.Set("Access-Control-Allow-Origin", "*") // a page may draw on a canvas with it
	_ = png.Encode(w, draw(Picture(found[1]), found[2]))
}

// The colors of a picture, and their numbers in its palette.
const (
	sky = iota
	far
	near
	accent
)

var palettes = [...]color.Palette{
	colors(0xf6d8ae, 0xd98e73, 0x8a4f5c, 0xfff3dd),
	colors(0xcfe6e8, 0x7fb3b5, 0x2f6f73, 0xf4f1de),
	colors(0xe8e4f0, 0xa89cc8, 0x5b4b8a, 0xf5c16c),
	colors(0xfde2cf, 0xf2a679, 0xc4572f, 0x40513b),
	colors(0xdbe9d3, 0x97ba85, 0x4d7148, 0xf7efd2),
	colors(0xd7e3f4, 0x86a8d4, 0x34568b, 0xffd166),
	colors(0xf3e9dc, 0xc9a27e, 0x6b4a34, 0x9cb380),
	colors(0xfbe4ea, 0xe59bb0, 0x93395b, 0xf6f1eb),
}

func colors(rgb ...uint32) (palette color.Palette) {
	for _, c := range rgb {
		palette = append(palette, color.RGBA{uint8(c >> 16), uint8(c >> 8), uint8(c), 255})
	}
	return palette
}

// side is the side of a picture in pixels.
const side = 320

// draw draws a head and shoulders, an emblem, or a sun over three ranges of hills, on a video with the sign that it plays.
func draw(kind Picture, id string) image.Image {
	seed := hash(0, string(kind), id)
	dice := rand.New(rand.NewPCG(seed, seed))
	sunX, sunY, radius := 60+dice.IntN(200), 50+dice.IntN(70), 22+dice.IntN(22)
	var phases [3]float64
	for i := range phases {
		phases[i] = dice.Float64() * 2 * math.Pi
	}
	drawing := image.NewPaletted(image.Rect(0, 0, side, side), palettes[seed%uint64(len(palettes))])
	for x := range side {
		for y := range side {
			in := func(centerX, centerY, radius int) bool {
				return (x-centerX)*(x-centerX)+(y-centerY)*(y-centerY) < radius*radius
			}
			at := uint8(sky)
			switch {
			case kind == PicturePerson && in(160, 130, radius+30), kind == PicturePage && in(160, 160, radius):
				at = accent
			case kind == PicturePerson && in(160, 340, 130), kind == PicturePage && in(160, 160, 3*radius):
				at = near
			case kind == PicturePerson, kind == PicturePage:
			case kind == PictureVideo && x > 140 && x < 190 && max(y-160, 160-y) < (190-x)/2:
				at = accent
			default:
				if in(sunX, sunY, radius) {
					at = accent
				}
				for i, phase := range phases {
					if float64(y) > 150+50*float64(i)+30*math.Sin(float64(x)/60+phase) {
						at = []uint8{far, near, far}[i]
					}
				}
			}
			drawing.SetColorIndex(x, y, at)
		}
	}
	return drawing
}
