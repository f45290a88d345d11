package platforms

import (
	"context"
	"net/url"
	"slices"
	"strconv"
	"strings"
)

// section is one list of an account. Sections are listed one after the other.
type section struct {
	edge   string
	fields string
	kind   string // type of posts whose node does not say it

	optional bool // an account without this list, or without the permission for it, has its others
}

const (
	listLimit    = 50
	maxCursorLen = 2048
)

// listed is a post, a video, a reel or a media object in a list.
type listed struct {
	ID          text  `json:"id"`
	Message     text  `json:"message"`
	Description text  `json:"description"`
	Created     text  `json:"created_time"`
	URL         text  `json:"permalink_url"`
	StatusType  text  `json:"status_type"`
	Published   *bool `json:"is_published"`
	PostID      text  `json:"post_id"`

	Caption     text `json:"caption"` // from here on Instagram
	Timestamp   text `json:"timestamp"`
	Permalink   text `json:"permalink"`
	MediaType   text `json:"media_type"`
	ProductType text `json:"media_product_type"`
	Thumbnail   text `json:"thumbnail_url"`
}

// postMaker makes a post of what a list says; false: it is none.
type postMaker func(listed, section) (Post, bool)

// posts lists one page of sections. A page that is too large for the platform is asked for again with
// half the limit, and the cursor carries that limit on.
func (g *graph) posts(ctx context.Context, t Target, sections []section, cursor string, makePost postMaker) (PostsPage, error) {
	if err := g.check("posts", t); err != nil {
		return PostsPage{}, err
	}
	at, ok := parseCursor(sections, cursor)
	if !ok {
		return PostsPage{}, invalid(g.platform, "posts", "cursor is not one of a listing")
	}
	for {
		page, err := g.list(ctx, t, at)
		e := asError(err)
		switch {
		case err == nil:
			return postsPage(at, page, makePost), nil
		case e != nil && oversized(e) && at.limit > 1:
			at.limit /= 2
		case at.optional() && e != nil && (e.Class == ClassPermission || e.Class == ClassInvalid || e.Class == ClassNotFound):
			return PostsPage{Next: at.next(), Skip: at.next()}, nil
		default:
			return PostsPage{}, err
		}
	}
}

func (g *graph) list(ctx context.Context, t Target, at sectionCursor) (graphPage[listed], error) {
	s := at.sections[at.index]
	q := url.Values{"fields": {s.fields}, "limit": {strconv.Itoa(at.limit)}}
	if at.after != "" {
		q.Set("after", at.after)
	}
	var page graphPage[listed]
	err := g.get(ctx, s.edge, t, t.ExternalID+"/"+s.edge, q, &page)
	return page, err
}

func postsPage(at sectionCursor, page graphPage[listed], makePost postMaker) PostsPage {
	out := PostsPage{Skip: at.next(), Next: at.next()}
	if after := page.after(at.after); after != "" && len(after) <= maxCursorLen {
		at.after = after
		out.Next = at.String()
	}
	for _, item := range page.Data {
		if !plainID(string(item.ID), "_") {
			continue
		}
		if post, ok := makePost(item, at.sections[at.index]); ok {
			out.add(post)
		}
	}
	return out
}

// sectionCursor is where a listing stands: section, limit and the platform's cursor.
type sectionCursor struct {
	sections []section
	index    int
	limit    int
	after    string
}

// optional tells whether the list may be left out. One that has given a page is there: what goes wrong then
// is the cursor's.
func (c sectionCursor) optional() bool { return c.sections[c.index].optional && c.after == "" }

// String is the cursor as callers keep it: "posts:50:QVFI…".
func (c sectionCursor) String() string {
	return c.sections[c.index].edge + ":" + strconv.Itoa(c.limit) + ":" + c.after
}

// next is the start of the next section, "" after the last.
func (c sectionCursor) next() string {
	if c.index+1 == len(c.sections) {
		return ""
	}
	return sectionCursor{sections: c.sections, index: c.index + 1, limit: listLimit}.String()
}

func parseCursor(sections []section, s string) (sectionCursor, bool) {
	if s == "" {
		return sectionCursor{sections: sections, limit: listLimit}, true
	}
	parts := strings.SplitN(s, ":", 3)
	if len(parts) != 3 || len(parts[2]) > maxCursorLen {
		return sectionCursor{}, false
	}
	index := slices.IndexFunc(sections, func(p section) bool { return p.edge == parts[0] })
	limit, err := strconv.Atoi(parts[1])
	if index < 0 || err != nil || limit < 1 || limit > listLimit {
		return sectionCursor{}, false
	}
	return sectionCursor{sections: sections, index: index, limit: limit, after: parts[2]}, true
}
