package simulator

import (
	"cmp"
	"encoding/base64"
	"slices"
	"strconv"
	"strings"

	"github.com/ledgerboard/ledgerboard/domain"
)

// pageNode answers GET /{page}.
func (s *Server) pageNode(c *request) reply {
	followers := FollowersAt(s.cfg.Seed, c.acc.ID, c.now)
	id := c.acc.ID
	if c.traps.OtherAccount {
		id = "999"
	}
	all := object{"id": id, "name": c.acc.Name, "username": c.acc.Username, "followers_count": followers, "fan_count": followers * 9 / 10}
	if c.traps.NoCounts {
		delete(all, "followers_count")
		delete(all, "fan_count")
	}
	if behind := s.account(domain.Instagram, c.acc.Instagram); behind != nil && !s.lacks(domain.Facebook, c.token, "instagram_basic") {
		all["instagram_business_account"] = object{"id": behind.ID, "username": behind.Username, "name": behind.Name}
	}
	out := object{"id": id}
	for _, field := range splitFields(cmp.Or(c.query.Get("fields"), "id,name")) {
		field, _, _ = strings.Cut(field, "{")
		if value, known := all[field]; known {
			out[field] = value
		} else if !slices.Contains([]string{"followers_count", "fan_count", "instagram_business_account"}, field) {
			return s.graphFail(c, 400, 100, 0, "(#100) Tried accessing nonexisting field ("+field+") on node type (Page)")
		}
	}
	return ok(out)
}

// splitFields splits at commas outside of parentheses.
func splitFields(raw string) []string {
	var out []string
	depth, start := 0, 0
	for i, r := range raw {
		switch r {
		case '(', '{':
			depth++
		case ')', '}':
			depth--
		case ',':
			if depth == 0 {
				out = append(out, raw[start:i])
				start = i + 1
			}
		}
	}
	if start < len(raw) {
		out = append(out, raw[start:])
	}
	return out
}

// limitOf is how many items a list may have; a page that is too large is refused.
func (s *Server) limitOf(c *request) (int, *reply) {
	limit, err := strconv.Atoi(c.query.Get("limit"))
	if err != nil || limit < 1 {
		limit = 25
	}
	if f, hit := c.fault(TooLarge); hit && f.Limit > 0 && min(limit, 100) > f.Limit {
		fail := s.graphFault(c, f)
		return 0, &fail
	}
	return min(limit, 100), nil
}

// pageList answers the lists of a page, newest first, with cursors.
func (s *Server) pageList(c *request, edge string) reply {
	limit, fail := s.limitOf(c)
	if fail != nil {
		return *fail
	}
	var posts []Post
	for _, p := range s.all(c) {
		isReel := p.Kind == KindReel
		if !p.Dead && ((edge == "videos" && p.VideoID != "") || (edge == "video_reels" && isReel) ||
			(strings.Contains(edge, "post") || edge == "feed") && !isReel) {
			posts = append(posts, p)
		}
	}
	posts = c.withhold(posts)
	cut, end, more := page(posts, cursorStart(posts, c.query.Get("after")), limit)
	data := []object{}
	for _, p := range cut {
		if p.Dead {
			continue
		}
		id := p.ID
		if edge == "videos" {
			id = p.VideoID
		}
		node, fail := s.fieldsOf(c, p, id)
		if fail != nil {
			return *fail
		}
		data = append(data, node)
	}
	return ok(object{"data": data, "paging": c.cursorPaging(posts, end, more)})
}

// cursorPaging: cursors may be there on the last page too; only `next` says that there is more. It
// holds the token.
func (r *request) cursorPaging(posts []Post, end int, more bool) object {
	if end == 0 {
		return object{}
	}
	after := base64.RawURLEncoding.EncodeToString([]byte("after:" + posts[end-1].ID))
	out := object{"cursors": object{"before": "QVFIbefore", "after": after}}
	if more {
		out["next"] = r.link(map[string]string{"after": after, "limit": cmp.Or(r.query.Get("limit"), "25")})
	}
	return out
}

// cursorStart is the index behind the post that a cursor names: a post published in the meantime
// does not shift the pages.
func cursorStart(posts []Post, cursor string) int {
	raw, err := base64.RawURLEncoding.DecodeString(cursor)
	if err != nil || len(raw) == 0 {
		return 0
	}
	id := strings.TrimPrefix(string(raw), "after:")
	return slices.IndexFunc(posts, func(p Post) bool { return p.ID == id }) + 1
}

// postNode answers GET /{post or video}.
func (s *Server) postNode(c *request, id string) (object, *reply) {
	p, found := s.findPost(c, id)
	if !found {
		rep := s.graphNotFound(c, id)
		return nil, &rep
	}
	return s.fieldsOf(c, p, id)
}

// fieldsOf builds a node with the fields asked for.
func (s *Server) fieldsOf(c *request, p Post, id string) (object, *reply) {
	isVideo := !strings.Contains(id, "_") && id != p.PhotoID
	n := s.counters(c, p)
	out, otherwise := object{"id": id}, "created_time,message"
	if isVideo {
		otherwise = "updated_time,description"
	}
	for _, field := range splitFields(cmp.Or(c.query.Get("fields"), otherwise)) {
		name, _, _ := strings.Cut(strings.SplitN(strings.SplitN(field, "(", 2)[0], "{", 2)[0], ".")
		value, fail := s.postField(c, p, n, name, field, isVideo)
		if strings.HasSuffix(name, "insights") {
			if none := s.withoutInsights(c, p, id, name); none != nil {
				fail = none
			}
		}
		if fail != nil {
			return nil, fail
		}
		if value != nil {
			out[name] = value
		}
	}
	return out, nil
}

// postOfVideo is the post that a video names; nil: none, or not yet.
func (r *request) postOfVideo(p Post) any {
	if _, late := r.fault(LateIdentity, p.ID); late || p.VideoID == "" {
		return nil
	}
	return strings.TrimPrefix(p.ID, r.acc.ID+"_")
}

//nolint:cyclop,gocyclo,gocognit // one case per field
func (s *Server) postField(c *request, p Post, n PostCounters, name, field string, isVideo bool) (any, *reply) {
	failed := func(r reply) (any, *reply) { return nil, &r }
	bad := func() (any, *reply) {
		kind := "PagePost"
		if isVideo {
			kind = "Video"
		}
		return failed(s.graphFail(c, 400, 100, 0, "(#100) Tried accessing nonexisting field ("+name+") on node type ("+kind+")"))
	}
	summary := func(total int64) (any, *reply) {
		if c.lacks("pages_read_user_content") {
			return failed(s.graphNoPermission(c))
		}
		return object{"data": []any{}, "summary": object{"total_count": total}}, nil
	}
	switch {
	case name == "id":
		return nil, nil
	case name == "created_time", isVideo && name == "updated_time":
		return p.Created.UTC().Format(metaTimeLayout), nil
	case name == "permalink_url" && p.Kind == KindReel:
		return "/reel/" + p.ID + "/", nil
	case name == "permalink_url" && isVideo:
		return "/" + c.acc.ID + "/videos/" + p.VideoID + "/", nil
	case name == "permalink_url":
		return "https://www.facebook.com/" + p.ID, nil
	case name == "comments":
		return summary(n.Comments)
	case isVideo && name == "likes", !isVideo && name == "reactions":
		return summary(n.Likes)
	case isVideo && name == "description", !isVideo && name == "message":
		return p.Text, nil
	case isVideo && name == "post_id":
		return c.postOfVideo(p), nil
	case isVideo && name == "video_insights":
		if c.traps.NoVideoField {
			return bad()
		}
		return object{"data": s.videoInsights(c, p, n)}, nil
	case !isVideo && name == "status_type":
		if p.Kind == KindVideo {
			return "added_video", nil
		}
		return "added_photos", nil
	case !isVideo && name == "attachments":
		if p.PhotoID == "" {
			return nil, nil
		}
		return object{"data": []object{{"media_type": "photo", "target": object{"id": p.PhotoID}}}}, nil
	case !isVideo && name == "is_published":
		return true, nil
	case !isVideo && name == "shares":
		if n.Shares == 0 { // asked for and left out: none
			return nil, nil
		}
		return object{"count": n.Shares}, nil
	case !isVideo && name == "insights":
		_, inner, _ := strings.Cut(field, "(")
		data, fail := s.postInsights(c, n, strings.TrimSuffix(inner, ")"))
		if fail != nil {
			return nil, fail
		}
		return object{"data": data}, nil
	default:
		return bad()
	}
}
