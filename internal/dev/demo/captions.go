package demo

import (
	"fmt"

	"github.com/ledgerboard/ledgerboard/internal/dev/simulator"
)

// categories are tDefaultCategories; ids count from 1. Posts of campaigns are in the last.
var categories = [...]string{"Behind the scenes", "Product news", "Tips", "Events", "Customer stories", "Offers", "Campaigns"}

const campaignCategory = int64(len(categories))

// campaigns are what the town celebrates by turns, in captions of posts.
var campaigns = [...]string{"Lantern Week", "Harvest Table", "Open Workshops", "Harbour Days"}

// openings are how a post of a category begins; the last of them is of no category. What it is about follows.
var openings = [...][]string{
	{
		"Before we open: %s, seen from behind the counter.", "What nobody sees: %s at six in the morning.",
		"The team had a long day with %s. Worth it.",
	},
	{
		"New with us: %s. Come and have a look.", "You asked for it, here it is: %s.",
		"This week for the first time: %s.",
	},
	{
		"Three things worth knowing about %s.", "A small tip that saves you trouble with %s.",
		"How we would go about %s, step by step.",
	},
	{
		"On Saturday it is all about %s. The doors open at ten.", "An evening with %s: a few places are left.",
		"Thank you for coming! So many of you wanted to see %s.",
	},
	{
		"“I came for %s and stayed for the talk.” Thank you, that made our day.",
		"A customer sent us this picture of %s.", "Why a family from the quay keeps coming back for %s.",
	},
	{
		"Until Sunday a tenth off: %s.", "Two for the price of one, while they last: %s.",
		"Early birds get %s for less this week.",
	},
	{
		"%[2]s with us: %[1]s, all week long.", "It is %[2]s! Our part of it: %[1]s.",
		"Day by day through %[2]s. Today: %[1]s.",
	},
	{"A quiet morning, and %s.", "Just because it looks so good: %s.", "Good morning from us, with %s."},
}

// things are what the posts of each trade are about.
var things = map[string][]string{
	"bakery": {
		"rye bread with walnuts", "cinnamon knots", "the sourdough that is ten years old", "plum cake",
		"pretzels from the stone oven", "poppy seed rolls",
	},
	"catering": {
		"a garden table for forty", "soup in jars", "the vegetable buffet",
		"cheese boards for long evenings", "a wedding in a barn", "canapés with smoked trout",
	},
	"kitchen": {
		"the carbon steel pan", "wooden spoons from a workshop nearby", "proofing baskets",
		"sharp knives", "enamel pots in four colours", "linen towels",
	},
	"cycles": {
		"a touring frame in forest green", "winter tyres", "the free brake check",
		"a cargo bike for two children", "handmade wheels", "lights that last a night",
	},
	"tours": {
		"the river loop", "a weekend along the coast", "the vineyard route",
		"three days with luggage transfer", "sunrise on the dyke", "the tour for beginners",
	},
	"dental": {
		"a check-up without fear", "electric toothbrushes", "the first visit of a child",
		"gums in winter", "cleaning between teeth", "our new quiet room",
	},
	"books": {
		"a debut novel about tides", "picture books for rainy days", "the reading circle",
		"crime stories in translation", "a shelf of poetry", "the signed edition",
	},
	"garden": {
		"bulbs for spring", "apple trees on dwarf stock", "raised beds", "herbs for the windowsill",
		"the last dahlias", "compost",
	},
	"boats": {
		"two-seat kayaks", "the evening paddle", "rowing boats for families",
		"life jackets in all sizes",
	},
	"yoga": {"the class at sunrise", "breathing for desk people", "a weekend of quiet", "yoga for runners"},
}

// topicOf is the category of a post, whether the main application knows of it or not; 0: none.
func (w *World) topicOf(c *channel, p simulator.Post) int64 {
	if _, ok := simulator.CampaignPost(w.cfg.Seed, p.ID, p.Created); ok {
		return campaignCategory
	}
	return int64(roll(w.cfg.Seed, len(categories), "category", c.Key(), p.ID))
}

// caption is the text of a post of a channel.
func (w *World) caption(c *channel, p simulator.Post) string {
	topic := w.topicOf(c, p)
	number, _ := simulator.CampaignPost(w.cfg.Seed, p.ID, p.Created)
	pick := func(n int, what string) int { return roll(w.cfg.Seed, n, what, c.Key(), p.ID) }
	ways := openings[(topic+campaignCategory)%(campaignCategory+1)] // none comes last
	about := things[c.client.plan.trade]
	format := ways[pick(len(ways), "opening")]
	thing := about[pick(len(about), "thing")]
	if topic == campaignCategory {
		return fmt.Sprintf(format, thing, campaigns[number%int64(len(campaigns))])
	}
	return fmt.Sprintf(format, thing)
}

// picture is the address of what a post shows.
func (p post) picture() string {
	if p.Kind == simulator.KindVideo || p.Kind == simulator.KindReel {
		return simulator.PictureURL(simulator.PictureVideo, p.ID)
	}
	return simulator.PictureURL(simulator.PicturePost, p.ID)
}
