package simulator

import (
	"cmp"
	"net/http"
	"strings"
	"time"

	"github.com/ledgerboard/ledgerboard/domain"
)

// storyLife is how long a story is listed.
const storyLife = 24 * time.Hour

// instagramNode answers GET /{id} and, with Instagram login, GET /me.
func (s *Server) instagramNode(c *request, id string) reply {
	if id == c.acc.ID || (id == "me" && c.acc.OwnLogin) {
		return s.instagramUser(c)
	}
	p, found := s.findPost(c, id)
	if !found {
		return s.graphNotFound(c, id)
	}
	node, fail := s.mediaNode(c, p)
	if fail != nil {
		return *fail
	}
	return ok(node)
}

func (s *Server) instagramUser(c *request) reply {
	id, seed := c.acc.ID, s.cfg.Seed
	if c.traps.OtherAccount {
		id = "999"
	}
	all := object{
		"id": id, "username": c.acc.Username, "name": c.acc.Name, "follows_count": 12,
		"followers_count":     FollowersAt(seed, c.acc.ID, c.now),
		"media_count":         len(s.mediaOf(c, "media")),
		"profile_picture_url": PictureURL(PicturePage, id),
	}
	if c.acc.OwnLogin { // the node's own id is app-scoped there
		all["user_id"] = id
		all["id"] = appScoped(id)
	}
	if c.traps.NoCounts {
		all["followers_count"] = nil
	}
	return s.graphPick(c, all, "IGUser")
}

// defaultFields are what a node answers that is asked for no fields.
var defaultFields = map[string]string{"User": "id,name", "Page": "id,name,access_token,tasks", "IGUser": "id", "IGMedia": "id"}

// graphPick answers the fields asked for; a field the node does not have is an error, one without a
// value is left out.
func (s *Server) graphPick(c *request, all object, node string) reply {
	out := object{"id": all["id"]}
	for _, field := range splitFields(cmp.Or(c.query.Get("fields"), defaultFields[node])) {
		field, _, _ = strings.Cut(field, "{") // what is wanted of it
		value, known := all[field]
		if !known {
			return s.graphFail(c, 400, 100, 0, "(#100) Tried accessing nonexisting field ("+field+") on node type ("+node+")")
		}
		if value != nil {
			out[field] = value
		}
	}
	return ok(out)
}

// mediaOf is what an account lists, newest first: media, or the stories of the last day.
func (s *Server) mediaOf(c *request, edge string) []Post {
	var out []Post
	for _, p := range s.all(c) {
		story := p.Kind == KindStory
		if !p.Dead && ((edge == "media" && !story) || (edge == "stories" && story && c.now.Sub(p.Created) < storyLife)) {
			out = append(out, p)
		}
	}
	return out
}

func (s *Server) instagramEdge(c *request, id, edge string) reply {
	switch {
	case id == c.acc.ID && edge == "insights":
		return s.instagramInsights(c)
	case id == c.acc.ID && (edge == "media" || edge == "stories"):
		return s.mediaList(c, edge)
	case edge == "insights":
		return s.mediaInsights(c, id)
	default:
		return s.graphFail(c, 400, 100, 0, "(#100) Tried accessing nonexisting field ("+edge+") on node type (IGUser)")
	}
}

func (s *Server) mediaList(c *request, edge string) reply {
	limit, fail := s.limitOf(c)
	if fail != nil {
		return *fail
	}
	posts := c.withhold(s.mediaOf(c, edge))
	cut, end, more := page(posts, cursorStart(posts, c.query.Get("after")), limit)
	data := []object{}
	for _, p := range cut {
		if p.Dead {
			continue
		}
		node, fail := s.mediaNode(c, p)
		if fail != nil {
			return *fail
		}
		data = append(data, node)
	}
	return ok(object{"data": data, "paging": c.cursorPaging(posts, end, more)})
}

func productOf(k Kind) (product, media string) {
	switch k {
	case KindReel:
		return "REELS", "VIDEO"
	case KindStory:
		return "STORY", "IMAGE"
	case KindCarousel:
		return "FEED", "CAROUSEL_ALBUM"
	default:
		return "FEED", "IMAGE"
	}
}

func (s *Server) mediaNode(c *request, p Post) (object, *reply) {
	n := s.counters(c, p)
	product, media := productOf(p.Kind)
	all := object{
		"id": p.ID, "caption": p.Text, "media_type": media, "media_product_type": product,
		"permalink": "https://www.instagram.com/p/" + p.ID, "timestamp": p.Created.UTC().Format(metaTimeLayout),
		"thumbnail_url": nil, "like_count": n.Likes, "comments_count": n.Comments,
	}
	if media == "VIDEO" {
		all["thumbnail_url"] = PictureURL(PictureVideo, p.ID)
	}
	if c.traps.HiddenLikes || c.traps.NoCounts {
		all["like_count"] = nil
	}
	rep := s.graphPick(c, all, "IGMedia")
	node, isObject := rep.body.(object)
	if rep.status != 0 || !isObject {
		return nil, &rep
	}
	return node, nil
}

// instagramRefresh answers GET /refresh_access_token of the Instagram host. The token, in the address,
// renews itself for 60 days.
func (s *Server) instagramRefresh(w http.ResponseWriter, r *http.Request) {
	c := &request{Request: r, query: r.URL.Query(), now: s.cfg.Clock().UTC()}
	acc, state := s.authenticate(domain.Instagram, c.query.Get("access_token"), c.now)
	var rep reply
	switch {
	case c.query.Get("grant_type") != "ig_refresh_token":
		rep = s.graphFail(c, 400, 100, 0, "(#100) Invalid parameter: grant_type")
	case s.cfg.ClientSecret != "" && c.query.Get("appsecret_proof") != s.proof(c.query.Get("access_token")):
		rep = s.graphFail(c, 400, 100, 0, "Invalid appsecret_proof provided in the API argument")
	case state != tokenGood || !acc.OwnLogin:
		rep = s.graphFail(c, 400, 190, 463, "Error validating access token: Session has expired: "+c.query.Get("access_token"))
	default:
		c.acc, c.traps = acc, acc.trapped()
		const life = 60 * 24 * time.Hour
		rep = ok(object{
			"access_token": s.mint(kindAccess, domain.Instagram, s.idWithin(c.query.Get("access_token"), acc), 0, c.now.Add(life)), "token_type": "bearer",
			"expires_in": int(life / time.Second),
		})
	}
	s.tally.count("instagram/refresh", false)
	s.answer(w, r, domain.Instagram, c.acc, c.traps, rep)
}
