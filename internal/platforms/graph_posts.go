package platforms

import (
	"context"
	"net/url"
	"slices"
	"strconv"
	"strings"
)

// section is one list of an account. Sections are listed one after another.
type section struct {
	edge   string
	fields string
	kind   string // type of posts whose node does not contain one

	extra    string // fields that are left out if they are refused
	optional bool   // skipped if it is absent or not permitted
}

const (
	listLimit    = 50
	maxCursorLen = 2048
)

type listItem struct {
	ID          text  `json:"id"`
	Message     text  `json:"message"`
	Description text  `json:"description"`
	Created     text  `json:"created_time"`
	URL         text  `json:"permalink_url"`
	StatusType  text  `json:"status_type"`
	Published   *flag `json:"is_published"`
	PostID      text  `json:"post_id"`
	Attachments maybe[struct {
		Data list[struct {
			Type   text `json:"media_type"`
			Target maybe[struct {
				ID text `json:"id"`
			}] `json:"target"`
		}] `json:"data"`
	}] `json:"attachments"`

	Caption     text `json:"caption"` // Instagram only, as are the following fields
	Timestamp   text `json:"timestamp"`
	Permalink   text `json:"permalink"`
	MediaType   text `json:"media_type"`
	ProductType text `json:"media_product_type"`
	Thumbnail   text `json:"thumbnail_url"`
}

// postMaker converts a list item to a post. It returns false if the item is not a published post.
type postMaker func(listItem, section) (Post, bool)

// posts lists one page of sections. If the page may be too large for the platform, posts requests
// it again with half the limit; the cursor keeps the new limit. With an error about the list, Skip
// is the cursor of the next section.
func (g *graph) posts(
	ctx context.Context, t Target, sections []section, cursor string, makePost postMaker,
) (PostsPage, error) {
	if err := g.check("posts", t); err != nil {
		return PostsPage{}, err
	}
	pos, ok := parseCursor(sections, cursor)
	if !ok {
		return PostsPage{}, invalid(g.platform, "posts", "cursor is invalid")
	}
	s := pos.sections[pos.index]
	for pos.limit > 1 && !g.tooLarge.allows(s.edge, t.ExternalID, strconv.Itoa(pos.limit)) {
		pos.limit /= 2
	}
	extra := s.extra != "" && g.unpermitted.allows(s.edge, t.permissions(), s.extra)
	for {
		q := url.Values{"fields": {s.fields}, "limit": {strconv.Itoa(pos.limit)}}
		if extra {
			q.Set("fields", s.fields+","+s.extra)
		}
		if pos.after != "" {
			q.Set("after", pos.after)
		}
		var page graphPage[listItem]
		err := g.get(ctx, s.edge, t, t.ExternalID+"/"+s.edge, q, &page)
		switch kind := KindOf(err); {
		case err == nil:
			return g.postsPage(pos, page, makePost)
		case oversized(err) && pos.limit > 1:
			g.tooLarge.recordRefusal(s.edge, strconv.Itoa(pos.limit), t.ExternalID)
			pos.limit /= 2
		case extra && !kind.Temporary() && !beyondObject(err):
			extra = false
			g.unpermitted.recordRefusal(s.edge, s.extra, t.permissions())
		case pos.optional() && (!kind.Temporary() && !beyondObject(err)):
			return PostsPage{Next: pos.next(), Skip: pos.next()}, nil
		default:
			return PostsPage{Skip: pos.next()}, err
		}
	}
}

func (g *graph) postsPage(pos sectionCursor, page graphPage[listItem], makePost postMaker) (PostsPage, error) {
	s, out := pos.sections[pos.index], PostsPage{Skip: pos.next()}
	for _, item := range page.Data.list {
		if !plainID(string(item.ID), "_") {
			continue
		}
		if post, ok := makePost(item, s); ok {
			out.add(post)
		}
	}
	after, known := page.after(pos.after)
	switch {
	case !page.Data.ok:
		return out, incompleteAnswer(g.platform, s.edge, "the answer does not contain the posts")
	case !known:
		return out, NoWayOn(g.platform, s.edge)
	case after == "":
		out.Next = pos.next()
	default:
		pos.after = after
		out.Next = pos.String()
	}
	return out, nil
}

type sectionCursor struct {
	sections []section
	index    int
	limit    int
	after    string
}

// optional reports whether the section may be skipped. A section that has returned a page exists,
// so a later failure is due to the cursor.
func (s sectionCursor) optional() bool { return s.sections[s.index].optional && s.after == "" }

// String returns the cursor in the format that callers store, for example "posts:50:QVFI…".
func (s sectionCursor) String() string {
	return s.sections[s.index].edge + ":" + strconv.Itoa(s.limit) + ":" + s.after
}

func (s sectionCursor) next() string {
	if s.index+1 == len(s.sections) {
		return ""
	}
	return sectionCursor{sections: s.sections, index: s.index + 1, limit: listLimit}.String()
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
