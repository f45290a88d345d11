package simulator

import (
	"regexp"
	"slices"
	"strconv"
	"strings"
)

var (
	littleReserved = regexp.MustCompile(`[|{}@\[\]()<>#\\*_~]`)
	littleHashtag  = regexp.MustCompile(`\\#((?:[\pL\pN]|\\_)+)`)
)

// littleText writes a caption in LinkedIn's format: reserved characters are escaped, hashtags are templates, and the
// page's own name is a mention.
func littleText(a *account, caption string) string {
	escape := func(s string) string { return littleReserved.ReplaceAllString(s, `\$0`) }
	text := littleHashtag.ReplaceAllString(escape(caption), `{hashtag|\#|$1}`)
	return strings.ReplaceAll(text, escape(a.Name), "@["+escape(a.Name)+"]("+organizationURN+a.ID+")")
}

func (s *Server) linkedInPost(c *request, p Post) object {
	media := "urn:li:image:C4D22"
	if p.Kind == KindVideo {
		media = "urn:li:video:C4D05"
	}
	return object{
		"id": p.ID, "author": s.urn(c), "commentary": littleText(c.acc, p.Text), "createdAt": p.Created.UnixMilli(), "publishedAt": p.Created.UnixMilli(),
		"lastModifiedAt": p.Created.UnixMilli(), "lifecycleState": "PUBLISHED", "visibility": "PUBLIC",
		"content": object{"media": object{"id": media}},
	}
}

// linkedInPostsByURN answers /posts/{urn} and ?ids=List(…).
func (s *Server) linkedInPostsByURN(c *request) reply {
	missing := func(urn string) reply { return s.linkedInFail(404, 0, "NOT_FOUND", "Could not find entity "+urn) }
	if urn := c.PathValue("key"); urn != "" {
		p, found := s.findPost(c, urn)
		if !found {
			return missing(urn)
		}
		return ok(s.linkedInPost(c, p))
	}
	ids := restliList(c.query.Get("ids"))
	if len(ids) == 0 {
		return s.linkedInFail(404, 0, "RESOURCE_NOT_FOUND", "No virtual resource found")
	}
	statuses, failures, results := object{}, object{}, object{}
	for _, urn := range ids {
		if p, found := s.findPost(c, urn); found {
			statuses[urn], results[urn] = 200, s.linkedInPost(c, p)
		} else {
			statuses[urn], failures[urn] = 404, missing(urn).body
		}
	}
	return ok(object{"statuses": statuses, "errors": failures, "results": results})
}

// linkedInPosts lists by start and count. Items may be left out of any page; a next link need not be there.
func (s *Server) linkedInPosts(c *request) reply {
	if c.query.Get("author") != s.urn(c) {
		return s.linkedInFail(403, 100, "ACCESS_DENIED", "Not enough permissions to access: posts.FINDER-author")
	}
	count := 10
	if raw := c.query.Get("count"); raw != "" {
		count = atoi(raw)
	}
	if count < 1 || count > 100 {
		return s.linkedInFail(400, 0, "ILLEGAL_ARGUMENT", "count must be between 1 and 100")
	}
	start := atoi(c.query.Get("start"))
	posts := c.withhold(slices.DeleteFunc(slices.Clone(s.all(c)), func(p Post) bool { return p.Dead }))
	cut, end, more := page(posts, start, count)
	list := []object{}
	for _, p := range cut {
		if p.Dead {
			continue
		}
		list = append(list, s.linkedInPost(c, p))
	}
	rep := elements(start, count, list)
	if f, hit := c.fault(Withheld); hit && more && f.Variant%2 == 0 {
		q := c.URL.Query()
		q.Set("start", strconv.Itoa(end))
		rep.body.(object)["paging"].(object)["links"] = []object{ //nolint:forcetypeassert // see elements
			{"type": "application/json", "rel": "next", "href": "/rest/posts?" + q.Encode()},
		}
	}
	return rep
}
