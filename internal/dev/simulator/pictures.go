package simulator

import (
	"fmt"
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
	return PicturesURL + "/" + string(kind) + "/" + strings.ReplaceAll(id, ":", "_") + ".svg"
}

// pictureFile is what stands behind the last slash but one of an address. Any id has a picture: it is drawn from it.
var pictureFile = regexp.MustCompile(`/(post|video|page|person)/([0-9A-Za-z_-]{1,128})\.svg$`)

// ServePicture draws the picture that the end of the path names. It is the same for ever, so it may be kept for ever. Who takes PNG and no
// SVG, as programs that keep pictures do, gets it in pixels.
func ServePicture(w http.ResponseWriter, r *http.Request) {
	found := pictureFile.FindStringSubmatch(r.URL.Path)
	if found == nil {
		http.NotFound(w, r)
		return
	}
	header := w.Header()
	header.Set("Content-Type", "image/svg+xml")
	header.Set("Cache-Control", "public, max-age=31536000, immutable")
	header.Set("X-Content-Type-Options", "nosniff")
	header.Set("Access-Control-Allow-Origin", "*") // a page may draw on a canvas with it
	header.Set("Vary", "Accept")
	if accept := r.Header.Get("Accept"); strings.Contains(accept, "image/png") && !strings.Contains(accept, "image/svg") && !strings.Contains(accept, "*/*") {
		header.Set("Content-Type", "image/png")
		_, _ = w.Write(paint(Picture(found[1]), found[2]))
		return
	}
	_, _ = w.Write([]byte(draw(Picture(found[1]), found[2])))
}

// palettes are sky, far, near and accent.
var palettes = [...][4]string{
	{"#f6d8ae", "#d98e73", "#8a4f5c", "#fff3dd"},
	{"#cfe6e8", "#7fb3b5", "#2f6f73", "#f4f1de"},
	{"#e8e4f0", "#a89cc8", "#5b4b8a", "#f5c16c"},
	{"#fde2cf", "#f2a679", "#c4572f", "#40513b"},
	{"#dbe9d3", "#97ba85", "#4d7148", "#f7efd2"},
	{"#d7e3f4", "#86a8d4", "#34568b", "#ffd166"},
	{"#f3e9dc", "#c9a27e", "#6b4a34", "#9cb380"},
	{"#fbe4ea", "#e59bb0", "#93395b", "#f6f1eb"},
}

// pen draws; its numbers follow from the picture's name alone.
type pen struct {
	strings.Builder
	dice    *rand.Rand
	palette [4]string
}

func (p *pen) addf(format string, args ...any) { fmt.Fprintf(p, format, args...) }

// near is a whole number of [low, high).
func (p *pen) between(low, high int) int { return low + p.dice.IntN(high-low) }

func draw(kind Picture, id string) string {
	seed := hash(0, string(kind), id)
	p := &pen{dice: rand.New(rand.NewPCG(seed, seed)), palette: palettes[seed%uint64(len(palettes))]}
	p.addf(`<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 320 320" width="320" height="320" role="img">`)
	p.addf(`<rect width="320" height="320" fill="%s"/>`, p.palette[0])
	switch kind {
	case PicturePerson:
		p.person()
	case PicturePage:
		p.emblem()
	case PicturePost, PictureVideo:
		scenes := []func(){p.hills, p.table, p.street, p.sea, p.garden}
		scenes[p.dice.IntN(len(scenes))]()
	}
	if kind == PictureVideo {
		p.addf(`<circle cx="160" cy="160" r="44" fill="#000" fill-opacity=".45"/><path d="M146 136v48l42-24z" fill="#fff"/>`)
	}
	p.addf(`</svg>`)
	return p.String()
}

func (p *pen) sun() {
	p.addf(`<circle cx="%d" cy="%d" r="%d" fill="%s"/>`, p.between(60, 260), p.between(50, 120), p.between(22, 44), p.palette[3])
}

func (p *pen) hills() {
	p.sun()
	for i, height := range []int{150, 205, 255} {
		a, b := p.between(-50, 40), p.between(-40, 50)
		p.addf(`<path d="M0 %d C 90 %d 180 %d 320 %d V320 H0Z" fill="%s" fill-opacity="%s"/>`,
			height, height+a, height+b, height-p.between(0, 30), p.palette[1+i/2], []string{"1", ".6", "1"}[i])
	}
}

// table has round things on a board: loaves, plates, wheels, flower pots.
func (p *pen) table() {
	p.addf(`<rect y="190" width="320" height="130" fill="%s"/>`, p.palette[2])
	for i := range p.between(3, 6) {
		x, r := 50+i*58, p.between(24, 42)
		p.addf(`<circle cx="%d" cy="%d" r="%d" fill="%s"/><circle cx="%d" cy="%d" r="%d" fill="none" stroke="%s" stroke-width="5"/>`,
			x, 200-r/2, r, p.palette[1], x, 200-r/2, r*6/10, p.palette[3])
	}
}

func (p *pen) street() {
	p.sun()
	for x := 0; x < 320; {
		width, height := p.between(44, 78), p.between(90, 200)
		p.addf(`<rect x="%d" y="%d" width="%d" height="%d" fill="%s"/>`, x, 290-height, width, height, p.palette[1+p.dice.IntN(2)])
		for y := 305 - height; y < 265; y += 32 {
			p.addf(`<rect x="%d" y="%d" width="12" height="16" fill="%s"/>`, x+width/2-6, y, p.palette[3])
		}
		x += width + 4
	}
	p.addf(`<rect y="290" width="320" height="30" fill="%s"/>`, p.palette[2])
}

func (p *pen) sea() {
	p.sun()
	for i := range 4 {
		y := 165 + i*40
		p.addf(`<path d="M-20 %d q 45 %d 90 0 t 90 0 t 90 0 t 90 0 V320 H-20Z" fill="%s" fill-opacity=".7"/>`,
			y, -p.between(8, 26), p.palette[1+i%2])
	}
	x := p.between(90, 210)
	p.addf(`<path d="M%d 170 h70 l-14 22 h-42z" fill="%s"/><path d="M%d 165 v-70 l34 62z" fill="%s"/>`,
		x, p.palette[2], x+34, p.palette[3])
}

func (p *pen) garden() {
	for range p.between(9, 15) {
		x, y := p.between(20, 300), p.between(40, 290)
		p.addf(`<g transform="translate(%d %d) rotate(%d)"><ellipse rx="14" ry="34" fill="%s"/><path d="M0 -30V44" stroke="%s" stroke-width="3"/></g>`,
			x, y, p.between(-80, 80), p.palette[1+p.dice.IntN(2)], p.palette[3])
	}
}

func (p *pen) person() {
	p.addf(`<path d="M52 320c0-70 48-104 108-104s108 34 108 104z" fill="%s"/>`, p.palette[2])
	skin := []string{"#f1c9a5", "#d9a37a", "#a9714b", "#7a4b30", "#f5d7bf"}[p.dice.IntN(5)]
	hair := []string{"#2e2320", "#6a4530", "#b98b4e", "#8d8d8d", "#402a4a"}[p.dice.IntN(5)]
	p.addf(`<circle cx="160" cy="140" r="%d" fill="%s"/><rect x="138" y="190" width="44" height="44" fill="%s"/>`, p.between(70, 84), hair, skin)
	p.addf(`<ellipse cx="160" cy="%d" rx="54" ry="64" fill="%s"/>`, p.between(148, 162), skin)
}

func (p *pen) emblem() {
	p.addf(`<circle cx="160" cy="160" r="126" fill="%s"/>`, p.palette[2])
	leaves := p.between(3, 9)
	for i := range leaves {
		p.addf(`<ellipse cx="160" cy="96" rx="26" ry="58" fill="%s" transform="rotate(%d 160 160)"/>`, p.palette[i%2], i*360/leaves)
	}
	p.addf(`<circle cx="160" cy="160" r="24" fill="%s"/>`, p.palette[3])
}
