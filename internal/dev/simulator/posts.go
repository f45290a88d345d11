package simulator

import (
	"slices"
	"strconv"
	"time"

	"github.com/ledgerboard/ledgerboard/domain"
)

func itoa(n int64) string { return strconv.FormatInt(n, 10) }

// Kind is what a post is.
type Kind string

// The kinds. Facebook knows photo, video and reel, Instagram photo, carousel, reel and story,
// LinkedIn photo (a share) and video (a ugcPost), TikTok video.
const (
	KindPhoto    Kind = "photo"
	KindVideo    Kind = "video"
	KindReel     Kind = "reel"
	KindStory    Kind = "story"
	KindCarousel Kind = "carousel"
)

// Post is a post of an account.
type Post struct {
	ID      string    // the platform's form: "{page}_{digits}", digits, "urn:li:share:{digits}"
	Kind    Kind      // KindPhoto when empty
	Created time.Time // whole seconds
	Text    string
	VideoID string // Facebook videos: the id of the video behind the post
	PhotoID string // Facebook photos: the id of the photo behind the post, which publishing answers too
	Private bool   // TikTok: not listed and silently left out of queries
	Dead    bool   // deleted: reading it is an error
}

// PostsOf generates the posts of an account in [from, until): one in each interval, at a time within
// it that is fixed for (seed, id). The same call with a later until gives the same posts and the ones
// published since, so history and live listing agree. Oldest first.
func PostsOf(seed uint64, p domain.Platform, accountID string, every time.Duration, from, until time.Time) []Post {
	step := int64(every / time.Second)
	if step <= 0 || from.IsZero() {
		return nil
	}
	var out []Post
	// A day more on both ends: a post may lie outside of its interval by the hour at which it is published.
	for slot := (from.Unix() - daySeconds) / step; slot*step < until.Unix()+daySeconds; slot++ {
		name := itoa(slot)
		created := time.Unix(slot*step+between(0, step, seed, "at", accountID, name), 0).UTC()
		if step >= 2*daySeconds {
			created = byDay(seed, accountID, created)
		}
		if created.Before(from) || !created.Before(until) {
			continue
		}
		out = append(out, generated(seed, p, accountID, name, created))
	}
	slices.SortStableFunc(out, func(a, b Post) int { return a.Created.Compare(b.Created) })
	return out
}

// byDay moves an instant into the hours of its day at which people publish.
func byDay(seed uint64, accountID string, at time.Time) time.Time {
	const first, last = 7 * 3600, 20 * 3600
	begin := at.Truncate(daySeconds * time.Second)
	return begin.Add(time.Duration(between(first, last, seed, "hour", accountID, itoa(at.Unix()))) * time.Second)
}

func generated(seed uint64, p domain.Platform, accountID, slot string, created time.Time) Post {
	digits := itoa(between(1e14, 9e14, seed, "post", p.String(), accountID, slot))
	dice := between(0, 100, seed, "kind", accountID, slot)
	post := Post{Created: created, Kind: KindPhoto, Text: "A post of " + accountID}
	switch p {
	case domain.Facebook:
		post.ID = accountID + "_" + digits
		switch {
		case dice < 20:
			post.Kind, post.VideoID = KindVideo, "7"+digits
		case dice < 35:
			post.Kind, post.ID = KindReel, "8"+digits
		default:
			post.PhotoID = "6" + digits
		}
	case domain.Instagram:
		post.ID = "179" + digits
		switch {
		case dice < 30:
			post.Kind = KindReel
		case dice < 50:
			post.Kind = KindCarousel
		case dice < 60:
			post.Kind = KindStory
		}
	case domain.LinkedIn:
		post.Text = "A post of Account " + accountID + " (#launch_day, 10% off)"
		post.ID = "urn:li:share:7" + digits + "123"
		if dice < 30 {
			post.Kind, post.ID = KindVideo, "urn:li:ugcPost:7"+digits+"456"
		}
	case domain.TikTok:
		post.Kind, post.ID = KindVideo, "7"+digits+"842" // 19 digits, beyond 2^53
	}
	return post
}

// postsOf are all posts of an account that exist at now, newest first.
func (s *Server) postsOf(a *account, now time.Time) []Post {
	a.mu.Lock()
	defer a.mu.Unlock()
	posts := slices.Clone(a.generatedBefore(s.cfg.Seed, now.Add(time.Second)))
	for _, p := range a.Posts {
		if !p.Created.After(now) {
			posts = append(posts, p)
		}
	}
	slices.SortStableFunc(posts, func(x, y Post) int { return y.Created.Compare(x.Created) })
	return posts
}

// generatedAhead is for how long posts are generated at once.
const generatedAhead = 7 * 24 * time.Hour

// generatedBefore are the generated posts before an instant, oldest first. It requires the lock. They are
// kept, because each request needs them, and a later instant has the same ones and more.
func (a *account) generatedBefore(seed uint64, until time.Time) []Post {
	if until.After(a.generatedUntil) {
		a.generatedUntil = until.Add(generatedAhead)
		a.generated = PostsOf(seed, a.platform, a.ID, a.PostEvery, a.PostsFrom, a.generatedUntil)
		for i, p := range a.generated {
			if a.Caption != nil {
				a.generated[i].Text = a.Caption(p)
			}
		}
	}
	n, _ := slices.BinarySearchFunc(a.generated, until, func(p Post, t time.Time) int { return p.Created.Compare(t) })
	return a.generated[:n]
}

// all are the account's posts, put together once per request.
func (s *Server) all(c *request) []Post {
	if c.posts == nil {
		c.posts = s.postsOf(c.acc, c.now)
	}
	return c.posts
}

// named is the post that has an id, or whose video or photo has it.
func (s *Server) named(c *request, id string) (Post, bool) {
	posts := s.all(c)
	i := slices.IndexFunc(posts, func(p Post) bool { return id != "" && (p.ID == id || p.VideoID == id || p.PhotoID == id) })
	if i < 0 {
		return Post{}, false
	}
	return posts[i], true
}

// findPost looks an id up, by the post's id or its video's; dead ones and stories that are over are
// not found.
func (s *Server) findPost(c *request, id string) (Post, bool) {
	p, found := s.named(c, id)
	over := p.Kind == KindStory && c.now.Sub(p.Created) >= storyLife
	return p, found && !p.Dead && !over
}

func (s *Server) counters(c *request, p Post) PostCounters {
	return PostAt(s.cfg.Seed, p.ID, p.Created, c.now)
}
