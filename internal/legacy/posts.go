package legacy

import "time"

// Post is a row of tSPosts: a post as the main application knows it.
type Post struct {
	Owner
	ExternalID   string
	RegisteredAt time.Time
	PublishedAt  *time.Time
	CategoryID   *int64
	PostType     string
	Content      string
	MediaURL     string
	Permalink    string
}

// Post reads a row of tSPosts.
func (r *Row) Post() (Post, error) {
	p := Post{
		Owner: r.owner(), ExternalID: r.externalID(), PublishedAt: r.Time("publishedAt", "postedAt"),
		CategoryID: r.Int("cId", "categoryId"), PostType: r.Text("postType", "type"), Content: r.Text("content", "caption", "message"),
		MediaURL: r.Text("mediaUrl"), Permalink: r.Text("permalink", "postUrl"),
	}
	names := []string{"updatedAt", "registeredAt", "createdAt"}
	if at := r.Time(names...); at != nil {
		p.RegisteredAt = *at
	} else {
		r.missing(names...)
	}
	if p.CategoryID != nil && *p.CategoryID == 0 {
		p.CategoryID = nil // the old system's "no category"
	}
	return p, r.Err()
}
